"""The state lock: one daemon per state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from monitor.store.errors import Fault, StoreError

NAME: Final = "nightbell.lock"


class StoreLock:
    """Held from `take` until `release` or the end of the process, however it ends.

    Whoever holds it knows that no former process is alive: what that one was sending is interrupted.
    """

    def __init__(self, file: int) -> None:
        """Keep the open file: the lock lives as long as it does."""
        self._file: int | None = file

    @classmethod
    def take(cls, state_dir: Path) -> Self:
        """Lock `state_dir`, made (0700) where it is missing, or raise StoreError at once."""
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(state_dir / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as err:
            raise StoreError(f"cannot use {state_dir}: {err.strerror}", fault=Fault.IO) from err
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            holder = _holder(file)
            os.close(file)
            raise StoreError(
                f"cannot use {state_dir}: another nightbell{holder} is using it", fault=Fault.TAKEN
            ) from err
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass  # a full volume: the lock holds without a name on it
        return cls(file)

    def release(self) -> None:
        """Give the directory free. Harmless when done already."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _holder(file: int) -> str:
    pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    return f" (process {pid})" if pid.isdecimal() else ""
