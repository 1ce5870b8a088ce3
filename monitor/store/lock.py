"""The state lock: one daemon per state directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Final, Self

from monitor.store.errors import Fault, StoreError

NAME: Final = "nightbell.lock"

_UNWRITABLE: Final = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM)


class StoreLock:
    """Held from `take` until `release` or the end of the process, however it ends.

    Whoever holds it knows that no former process is alive: what that one was sending is interrupted.
    """

    def __init__(self, *held: int) -> None:
        """Keep open what is locked: the lock lives as long as it is."""
        self._held = held

    @classmethod
    def take(cls, state_dir: Path) -> Self:
        """Lock `state_dir`, made (0700) where it is missing, or raise StoreError at once.

        Both the directory and a file in it are locked: the file can be missing where nothing can be written, and
        not every file system locks directories.
        """
        held: list[int] = []
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.append(os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            file = _open(state_dir / NAME)
            if file is not None:
                held.append(file)
            _lock(*reversed(held))
        except OSError as err:
            holder = _holder(held[1]) if len(held) > 1 else ""
            for one in held:
                os.close(one)
            if err.errno == errno.EWOULDBLOCK:
                raise StoreError(
                    f"cannot use {state_dir}: another nightbell{holder} is using it", fault=Fault.TAKEN
                ) from err
            raise StoreError(f"cannot use {state_dir}: {err.strerror}", fault=Fault.IO) from err
        if file is not None:
            with contextlib.suppress(OSError):  # nothing can be written: the lock holds without a name on it
                os.ftruncate(file, 0)
                os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        return cls(*held)

    def release(self) -> None:
        """Give the directory free. Harmless when done already."""
        held, self._held = self._held, ()
        for one in held:
            os.close(one)


def _open(path: Path) -> int | None:
    """Open the file, for reading alone where nothing can be written; None where it can be neither found nor made."""
    how = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, how | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as err:
        if err.errno not in _UNWRITABLE:
            raise
    try:
        return os.open(path, how | os.O_RDONLY)
    except OSError:
        return None


def _lock(*files: int) -> None:
    """Lock what can be locked; raise OSError: EWOULDBLOCK where somebody else has one of them, ENOLCK for none."""
    locked = False
    for one in files:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        except OSError as err:
            if err.errno == errno.EWOULDBLOCK:
                raise
    if not locked:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def _holder(file: int) -> str:
    pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    return f" (process {pid})" if pid.isdecimal() else ""
