"""Keys and tokens in the state directory: made once, readable by the daemon's own user only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.store.tokens import new_token

KEY_BYTES: Final = 32
ACK_KEY: Final = "ack.key"
ADMIN_TOKEN: Final = "admin.token"  # noqa: S105 - a file name


def ack_key(state_dir: Path) -> bytes:
    """Return the key that signs acknowledgement links; make it on the first start.

    Raises StoreError where it cannot be read or written, or is not one of ours.
    """
    path = state_dir / ACK_KEY
    try:
        if not path.exists():
            write_secret(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as cause:
        raise StoreError(f"cannot use {path.name} in the state directory: {cause.strerror}") from cause
    if len(key) != KEY_BYTES:
        raise StoreError(f"cannot use {path.name} in the state directory: it is not {KEY_BYTES} bytes long")
    return key


async def admin_token(state_dir: Path, store: StoreThread) -> None:
    """Make the administrator's token on the first start, and again where its file was removed.

    Raises StoreError where it cannot be written.
    """
    path = state_dir / ADMIN_TOKEN
    if path.exists():
        return
    text, digest = new_token()
    await store.revoke_token("admin")
    await store.add_token("admin", "admin", digest)
    try:
        write_secret(path, text.encode() + b"\n")
    except OSError as cause:
        raise StoreError(f"cannot use {path.name} in the state directory: {cause.strerror}") from cause


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
