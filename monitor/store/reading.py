"""Reads a file that cannot be opened to be written: on a read-only or full volume, or without permission."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from monitor.store import dialect
from monitor.store.database import Database
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store

log = logging.getLogger("nightbell.store")

COPY_MAX: Final = 256 * 1024 * 1024
"""Bytes of file and log that are copied at most to be read elsewhere."""


class Reading:
    """A store that can only be read. Every write raises the problem it was made for."""

    def __init__(self, store: Store, stack: ExitStack, *, stale: bool) -> None:
        """`stale` is True where the last commits, in a log that cannot be used, are missing."""
        self.store = store
        self.stale = stale
        self._stack = stack

    def close(self) -> None:
        """Close it; remove the copy where there is one."""
        self._stack.close()


def read_only(url: sa.URL, problem: StoreError) -> Reading | None:
    """Open what can be read of the file; None where nothing can. Raises StoreError for a newer program's file."""
    path = dialect.file_of(url)
    if path is None or not Path(path).exists():
        return None
    for place, how, stale, stack in _ways(url, Path(path)):
        try:
            database = Database.open_to_read(place, how, problem)
        except StoreError as err:
            stack.close()
            if err.fault is Fault.NEWER:
                raise
            log.debug("cannot be read with %s: %s", how, err)
            continue
        store = Store(database)
        stack.callback(store.close)
        return Reading(store, stack, stale=stale)
    return None


def holds_nothing(url: sa.URL) -> bool:
    """Return whether the file is there and has no tables yet: nothing was ever recorded in it."""
    path = dialect.file_of(url)
    if path is None or not Path(path).exists():
        return False
    for place, how, stale, stack in _ways(url, Path(path)):
        database = Database(place, how)
        try:
            with stack:
                return database.bare() and not stale
        except StoreError:
            continue
        finally:
            database.close()
    return False


def _ways(url: sa.URL, path: Path) -> Iterator[tuple[sa.URL, str, bool, ExitStack]]:
    """Name the ways to read it, best first: with its log, without one where it has none, a copy, without its log."""
    yield url, "mode=ro", False, ExitStack()
    logged = _size(path.with_name(f"{path.name}-wal")) > 0
    if not logged:
        yield url, "mode=ro&immutable=1", False, ExitStack()
        return
    stack = ExitStack()
    copied = _copy(path, stack)
    if copied is not None:
        yield url.set(database=str(copied)), "mode=rw", False, stack
    yield url, "mode=ro&immutable=1", True, ExitStack()


def _copy(path: Path, stack: ExitStack) -> Path | None:
    """Copy file and log to where there is room, so that SQLite can put the one into the other."""
    log_path = path.with_name(f"{path.name}-wal")
    if _size(path) + _size(log_path) > COPY_MAX:
        return None
    try:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="nightbell-", ignore_cleanup_errors=True))
        )
        for one in (path, log_path):
            shutil.copyfile(one, home / one.name)
    except OSError as err:
        log.debug("cannot copy %s: %s", path, err)
        stack.close()
        return None
    return home / path.name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
