"""Secrets: `${env:X}`, `${file:/path}` and `${cred:name}` in any text, put in place while the file is read.

Inside a URL the secret is percent-encoded, so that a `/` or `@` in a password does no harm; a text that is a
placeholder alone is taken as it is (it may be a whole URL). `$${` stands for a literal `${`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from config.complaint import Notes
from config.source.scalars import refused_character

SECRET_BYTES: Final = 64 * 1024
_PLACEHOLDER: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CRED_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_FORMS: Final = "write ${env:NAME}, ${file:/path} or ${cred:name}, or $${ for a literal ${"

_SECRET_KEYS: Final = re.compile(r"(?i).*(password|passwd|secret|token|bearer|api_?key|private_?key)")
_USERINFO: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s@]*)@")


class SecretError(Exception):
    """A placeholder cannot be put in place. `hint` may say how to write it."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep what to say."""
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(slots=True, kw_only=True)
class Secrets:
    """Puts secrets in place of placeholders; reads each of them once."""

    env: Mapping[str, str] = field(repr=False)
    directory: Path
    """What a relative `${file:…}` counts from: the directory of the configuration."""
    notes: Notes
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def expand(self, text: str) -> str:
        """Return `text` with every placeholder replaced. Raises SecretError, which never holds a value."""
        if "${" not in text:
            return text
        in_url = _URL.match(text) is not None

        def replace(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match[1] is None:
                raise SecretError("`${` is never closed", _FORMS)
            value = self._look_up(match[1])
            return _in_url(value) if in_url else value

        return _PLACEHOLDER.sub(replace, text)

    def _look_up(self, reference: str) -> str:
        if reference not in self._known:
            source, _, name = reference.partition(":")
            read = {"env": self._from_env, "file": self._from_file, "cred": self._from_credential}.get(source)
            if read is None:
                raise SecretError(f"`${{{reference[:60]}}}` is no secret", _FORMS)
            value = read(name)
            if value == "":
                raise SecretError(f"`${{{reference}}}` is empty")
            if refused_character(value) is not None:
                raise SecretError(f"`${{{reference}}}` holds control characters")
            self.notes.hide(value)
            self._known[reference] = value
        return self._known[reference]

    def _from_env(self, name: str) -> str:
        if not _ENV_NAME.fullmatch(name):
            raise SecretError(f"`${{env:{name[:60]}}}` names no environment variable", _FORMS)
        if name not in self.env:
            raise SecretError(f"environment variable {name} is not set")
        return self.env[name]

    def _from_credential(self, name: str) -> str:
        if not _CRED_NAME.fullmatch(name):
            raise SecretError(f"`${{cred:{name[:60]}}}` names no credential", _FORMS)
        directory = self.env.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretError(
                f"credential {name} is not there: $CREDENTIALS_DIRECTORY is not set",
                "give it to the service with LoadCredential=",
            )
        return self._read(Path(directory) / name, f"credential {name}")

    def _from_file(self, name: str) -> str:
        if not name:
            raise SecretError("`${file:}` names no file", _FORMS)
        path = self.directory / name
        return self._read(path, f"secret file {name}", warn=True)

    def _read(self, path: Path, what: str, *, warn: bool = False) -> str:
        try:
            data, mode = read_bounded(path, SECRET_BYTES)
        except OSError as error:
            raise SecretError(f"cannot read {what}: {why(error)}") from None
        if warn and mode & stat.S_IROTH:
            self.notes.warn(f"{what} can be read by everybody on this machine: chmod o-r {path}")
        try:
            value = data.decode("utf-8")
        except UnicodeDecodeError:
            raise SecretError(f"cannot read {what}: it is not UTF-8 text") from None
        return value.removesuffix("\n").removesuffix("\r")


def read_bounded(path: Path, limit: int) -> tuple[bytes, int]:
    """Return the bytes of a regular file and its mode. Raises OSError; never waits for a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise OSError("it is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(handle)
    if len(data) > limit:
        raise OSError(f"it is larger than {limit // 1024:,} KiB")
    return data, status.st_mode


def why(error: OSError) -> str:
    """Say the cause of an OSError in the system's own words, without the path."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def _in_url(value: str) -> str:
    # A colon is legal wherever a secret may stand, and `user:password` in one credential stays readable as
    # the two it is. A leading one would be taken for the colon before a password.
    encoded = quote(value, safe=":")
    return "%3A" + encoded[1:] if encoded.startswith(":") else encoded


def secret_key(key: str) -> bool:
    """Say whether what stands at `key` is a secret by its name."""
    return _SECRET_KEYS.fullmatch(key) is not None


def inline_secret(key: str, text: str) -> str | None:
    """Return the secret that stands openly in `text` (the value of `key`), or None."""
    if "${" in text:
        return None
    if secret_key(key):
        return text or None
    match = _USERINFO.match(text)
    if match is None:
        return None
    return match[1].partition(":")[2] or None
