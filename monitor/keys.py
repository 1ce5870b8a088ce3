"""Keys and tokens in the state directory: made once, readable by the daemon's own user only."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from pathlib import Path
from typing import Final

from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.store.tokens import digest, new_token

log = logging.getLogger("nightbell")

KEY_BYTES: Final = 32
TOKEN_MAX: Final = 200
ACK_KEY: Final = "ack.key"
ADMIN_TOKEN: Final = "admin.token"  # noqa: S105 - a file name
RETRY_SECONDS: Final = 1.0


class Secrets:
    """The key that signs acknowledgement links, and the administrator's token.

    A key that cannot be read or written is made in memory: links then work until the next start. What cannot be
    written now is tried again.
    """

    def __init__(self, state_dir: Path, store: StoreThread) -> None:
        """Read the key, or make one. Raises StoreError where the file is none of ours."""
        self.troubles: dict[str, str] = {}
        """What is not in its place, by file name, in words for people."""
        self._state_dir = state_dir
        self._store = store
        self._written = True
        self.ack_key = self._read_key()

    def _read_key(self) -> bytes:
        try:
            key = (self._state_dir / ACK_KEY).read_bytes()
        except FileNotFoundError:
            self._written = False
            return secrets.token_bytes(KEY_BYTES)
        except OSError as cause:
            self._fail(ACK_KEY, cause, ": links in pages work until the next start only")
            return secrets.token_bytes(KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise StoreError(f"cannot use {ACK_KEY} in the state directory: it is not {KEY_BYTES} bytes long")
        return key

    async def settle(self) -> bool:
        """Put in their places what is not there yet; False where something is left to be tried again."""
        return self._settle_key() & await self._settle_token()

    async def keep_settling(self, troubles: dict[str, str]) -> None:
        """Settle once a second until all is done, keeping `troubles` up to date."""
        while not await self.settle():
            self.tell(troubles)
            await asyncio.sleep(RETRY_SECONDS)
        self.tell(troubles)

    def tell(self, troubles: dict[str, str]) -> None:
        """Say in `troubles` what is not in its place."""
        if self.troubles:
            troubles["secrets"] = "; ".join(self.troubles.values())
        else:
            troubles.pop("secrets", None)

    def _settle_key(self) -> bool:
        if not self._written:
            try:
                write_secret(self._state_dir / ACK_KEY, self.ack_key)
            except OSError as cause:
                self._fail(ACK_KEY, cause, ": until it can be, links in pages work until the next start only")
                return False
            self._written = True
            self.troubles.pop(ACK_KEY, None)
        return True

    async def _settle_token(self) -> bool:
        """Make the token on the first start, and again where its file was removed; know it again in a fresh store."""
        path = self._state_dir / ADMIN_TOKEN
        try:
            text = path.read_text("utf-8")[:TOKEN_MAX].strip() if path.exists() else ""
            if text and not await self._store.tokens_given():
                await self._store.add_token("admin", "admin", digest(text))
            elif not text:
                text, fingerprint = new_token()
                await self._store.revoke_token("admin")
                await self._store.add_token("admin", "admin", fingerprint)
                write_secret(path, text.encode() + b"\n")
        except (OSError, ValueError) as cause:
            self._fail(ADMIN_TOKEN, cause)
            return False
        except StoreError as cause:
            self._fail(ADMIN_TOKEN, cause)
            return not cause.fault.passing
        self.troubles.pop(ADMIN_TOKEN, None)
        return True

    def _fail(self, name: str, cause: Exception, so: str = "") -> None:
        words = cause.strerror if isinstance(cause, OSError) else cause
        line = f"cannot use {name} in the state directory: {words}{so}"
        if self.troubles.get(name) != line:
            log.critical("%s", line)
        self.troubles[name] = line


def write_secret(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all, on the disk before we return."""
    draft = path.with_suffix(path.suffix + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
