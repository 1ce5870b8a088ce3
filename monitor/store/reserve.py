"""Room kept in advance, so that a full volume does not stop recording at once.

The file holds free pages, which writes use before it grows; its log is given its blocks once and is then written over
in place. Both are made in small steps while nothing else is to do.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from monitor.store.database import Database
from monitor.store.schema import meta

ROOM: Final = 4 * 1024 * 1024
"""Bytes kept free in the file; the log, which is written back whenever it holds this much, has a little more."""
LOG: Final = ROOM + ROOM // 4
STEP: Final = 512 * 1024
SCARCE: Final = 2 * ROOM
"""Bytes left on the volume below which people are told."""

_PREFIX: Final = "reserve-"
_OURS: Final = meta.c.key.startswith(_PREFIX, autoescape=True)


def step(database: Database) -> bool:
    """Do a little towards the reserve; return False where nothing is left to do. Raises StoreError and OSError."""
    if database.path is None or free_bytes(database.path) < SCARCE:
        return False
    with database.read("read from") as connection:
        pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
        size = connection.exec_driver_sql("PRAGMA page_size").scalar() or 4096
        held = connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(meta.c.value)), 0)).where(_OURS)
        ).scalar_one()
    if not held and pages * size >= ROOM // 2:  # what is used up of it is made up for in one go
        return _allot(database.path.with_name(f"{database.path.name}-wal"))
    if pages * size + held < ROOM:
        with database.write("reserve room in") as connection:
            key = f"{_PREFIX}{os.urandom(8).hex()}"
            connection.exec_driver_sql("INSERT INTO meta VALUES (?, zeroblob(?))", (key, STEP))
        return True
    with database.write("reserve room in") as connection:
        connection.execute(sa.delete(meta).where(_OURS))
    database.write_back()
    return True


def _allot(log: Path) -> bool:
    """Give the log its blocks. SQLite takes what lies behind its last entry for nothing."""
    with log.open("r+b") as file:
        held = os.fstat(file.fileno()).st_size
        if held < LOG:
            os.posix_fallocate(file.fileno(), held, LOG - held)
    return False


def scarce(database: Database) -> str:
    """Return the words for people where the volume is nearly full, else an empty text."""
    if database.path is None:
        return ""
    with contextlib.suppress(OSError):
        left = free_bytes(database.path)
        if left < SCARCE:
            return f"the volume of {database.path.parent} is full: {left // 1024} kB are left"
    return ""


def free_bytes(path: Path) -> int:
    """Return how many bytes the file's volume has left for us."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize
