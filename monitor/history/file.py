"""The history's file: SQLite, one thread, its own connection.

A commit here need not outlive a power failure: `synchronous = NORMAL` keeps the file whole and may forget the last
seconds, and costs no wait for the disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from monitor.history.intake import GROUP
from monitor.history.words import HistoryError, Level
from monitor.store.dialect import make_file

VERSION: Final = 1
KNOWN: Final = 100_000
"""Names remembered at most: of parts that come and go (mounts of containers) there is no end."""
SPILL: Final = 5000
"""Milliseconds after the end of a period within which its last samples are written."""

_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS subjects (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, part TEXT NOT NULL, UNIQUE (name, part)
);
CREATE TABLE IF NOT EXISTS shapes (id INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, level INTEGER NOT NULL, grp INTEGER NOT NULL, tick INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS blocks_by_tick ON blocks (level, tick);
CREATE INDEX IF NOT EXISTS blocks_by_group ON blocks (level, grp);
CREATE INDEX IF NOT EXISTS blocks_by_time ON blocks (level, grp, last, first);
CREATE TABLE IF NOT EXISTS rolled (
    level INTEGER NOT NULL, grp INTEGER NOT NULL, upto INTEGER NOT NULL, PRIMARY KEY (level, grp)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pruned (level INTEGER PRIMARY KEY, upto INTEGER NOT NULL);
PRAGMA user_version = 1;
COMMIT;
"""
# tick: when a block of samples was written; of a rolled-up one its last period. first, last: of its rows. All in ms.

Stamped = tuple[int, int, int, int, int, bytes]
"""A block as it is written: level, group, tick, first, last, data."""


class HistoryFile:
    """The open file. Every method may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take over an open connection."""
        self.path = path
        self._db = connection
        self._subjects: dict[str | tuple[str, str], int] = {}
        self._shapes: dict[tuple[str, ...], int] = {}
        self._columns: dict[int, tuple[str, ...]] = {}
        self._named: dict[int, tuple[str, str]] = {}
        self._inode = _inode(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open it, made where it is missing. Raises StoreError, too, where the file cannot be made."""
        make_file(path)
        return cls._opened(path, "mode=rw", write=True)

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open it beside the daemon that writes it. Raises HistoryError where there is none."""
        if not path.exists():
            raise HistoryError(f"cannot read the history: there is no {path}")
        return cls._opened(path, "mode=ro", write=False)

    @classmethod
    def _opened(cls, path: Path, mode: str, *, write: bool) -> Self:
        db = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?{mode}",
            uri=True,
            timeout=2.0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if write:
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file only
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute("PRAGMA journal_size_limit = 16777216")
            db.execute("PRAGMA cell_size_check = ON")
            db.execute("PRAGMA cache_size = -1024")
            db.execute("PRAGMA temp_store = MEMORY")
            if _version(db, path) < VERSION and write:
                db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return cls(db, path)

    def close(self) -> None:
        """Close it; SQLite writes its log back then."""
        self._db.close()

    def replaced(self) -> bool:
        """Tell whether the file was removed or replaced: what is written would be lost."""
        return _inode(self.path) != self._inode

    # -- names

    def intern(self, name: str, part: str) -> int:
        """Return the number of a check's part, given to it now where it has none."""
        key = (name, part) if part else name
        found = self._subjects.get(key)
        if found is None:
            found = self.subject(name, part)
            if found is None:
                self._db.execute("INSERT INTO subjects (name, part) VALUES (?, ?)", (name, part))
                found = self.subject(name, part)
            if len(self._subjects) >= KNOWN:
                self._subjects.clear()
            assert found is not None  # noqa: S101 - it was just written
            self._subjects[key] = found
        return found

    def subject(self, name: str, part: str) -> int | None:
        """Return the number of a check's part, None where nothing of it was ever seen."""
        row = self._db.execute("SELECT id FROM subjects WHERE name = ? AND part = ?", (name, part)).fetchone()
        return int(row[0]) if row else None

    def named(self, number: int) -> tuple[str, str]:
        """Return the check and the part that have this number; both empty where it is not known."""
        found = self._named.get(number)
        if found is None:
            row = self._db.execute("SELECT name, part FROM subjects WHERE id = ?", (number,)).fetchone()
            if len(self._named) >= KNOWN:
                self._named.clear()
            found = self._named[number] = (row[0], row[1]) if row else ("", "")
        return found

    def shaped(self, columns: tuple[str, ...]) -> int:
        """Return the number of a shape, given to it now where it has none."""
        found = self._shapes.get(columns)
        if found is None:
            text = json.dumps(columns)
            self._db.execute("INSERT OR IGNORE INTO shapes (columns) VALUES (?)", (text,))
            row = self._db.execute("SELECT id FROM shapes WHERE columns = ?", (text,)).fetchone()
            if len(self._shapes) >= KNOWN // 10:
                self._shapes.clear()
            found = self._shapes[columns] = int(row[0])
        return found

    def columns(self, shape: int) -> tuple[str, ...]:
        """Return the names of the columns of a shape."""
        found = self._columns.get(shape)
        if found is None:
            row = self._db.execute("SELECT columns FROM shapes WHERE id = ?", (shape,)).fetchone()
            if len(self._columns) >= KNOWN // 10:
                self._columns.clear()
            found = self._columns[shape] = tuple(json.loads(row[0])) if row else ()
        return found

    # -- blocks

    def write(self, blocks: Sequence[Stamped], *, rolled: tuple[Level, int, int] | None = None) -> None:
        """Write blocks, all or none; `rolled`: and that a level has taken in a group's blocks up to that number."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO blocks (level, grp, tick, first, last, data) VALUES (?, ?, ?, ?, ?, ?)", blocks
            )
            if rolled is not None:
                self._db.execute("INSERT OR REPLACE INTO rolled (level, grp, upto) VALUES (?, ?, ?)", rolled)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def groups(self) -> int:
        """Return how many groups there are."""
        (last,) = self._db.execute("SELECT max(id) FROM subjects").fetchone()
        return 0 if last is None else int(last) // GROUP + 1

    def upto(self, level: Level, group: int) -> int:
        """Return up to which block of the finer level `level` has taken in a group."""
        row = self._db.execute(
            "SELECT upto FROM rolled WHERE level = ? AND grp = ?", (level, group)
        ).fetchone()
        return int(row[0]) if row else 0

    def fresh(self, level: Level, group: int, after: int, end: int, most: int) -> list[tuple[int, bytes]]:
        """Return a group's blocks of a level after that number and before that tick: their numbers and data."""
        return self._db.execute(
            "SELECT id, data FROM blocks INDEXED BY blocks_by_group"
            " WHERE level = ? AND grp = ? AND id > ? AND tick < ? ORDER BY id LIMIT ?",
            (level, group, after, end + (0 if level else SPILL), most),
        ).fetchall()

    def between(self, level: Level, group: int, after: int, since: int, until: int) -> Iterator[bytes]:
        """Give a group's blocks of a level that may hold rows of that time (ms), one by one."""
        numbers = self._db.execute(
            "SELECT id FROM blocks INDEXED BY blocks_by_time WHERE level = ? AND grp = ? AND last >= ?"
            " AND first < ? AND id > ?",
            (level, group, since, until, after),
        ).fetchall()
        for number in numbers:
            row = self._db.execute("SELECT data FROM blocks WHERE id = ?", number).fetchone()
            if row is not None:
                yield row[0]

    def ticks(self, since: int, until: int) -> Iterator[list[bytes]]:
        """Give the blocks of samples written in that time (ms), those of one moment together, in their order."""
        tick = since - 1
        while True:
            (found,) = self._db.execute(
                "SELECT min(tick) FROM blocks WHERE level = 0 AND tick > ?", (tick,)
            ).fetchone()
            if found is None or found >= until:
                return
            tick = int(found)
            rows = self._db.execute(
                "SELECT data FROM blocks WHERE level = 0 AND tick = ? ORDER BY id", (tick,)
            ).fetchall()
            yield [data for (data,) in rows]

    # -- room

    def used(self) -> int:
        """Return how many bytes of the file hold something."""
        numbers = [
            int(self._db.execute(f"PRAGMA {word}").fetchone()[0])
            for word in ("page_count", "freelist_count", "page_size")
        ]
        return (numbers[0] - numbers[1]) * numbers[2]

    def oldest(self, level: Level) -> int | None:
        """Return the tick (ms) of the oldest block of a level."""
        (found,) = self._db.execute("SELECT min(tick) FROM blocks WHERE level = ?", (level,)).fetchone()
        return None if found is None else int(found)

    def pruned(self, level: Level) -> int:
        """Return up to when (ms) blocks of a level were let go; 0 where none ever was."""
        row = self._db.execute("SELECT upto FROM pruned WHERE level = ?", (level,)).fetchone()
        return int(row[0]) if row else 0

    def prune(self, level: Level, before: int, most: int) -> int:
        """Let go the oldest blocks of a level before that tick, `most` at once; return how many went.

        What the next level has not taken in yet stays.
        """
        rows = self._db.execute(
            "SELECT id, tick, last FROM blocks AS b WHERE level = ? AND tick < ? AND (level = 3 OR id <="
            " (SELECT upto FROM rolled WHERE rolled.level = b.level + 1 AND rolled.grp = b.grp))"
            " ORDER BY tick LIMIT ?",
            (level, before, most),
        ).fetchall()
        if not rows:
            return 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("DELETE FROM blocks WHERE id = ?", [(row[0],) for row in rows])
            upto = max(row[2] for row in rows) + max(1, level.seconds * 1000)
            self._db.execute(
                "INSERT OR REPLACE INTO pruned (level, upto) VALUES (?, ?)",
                (level, max(upto, self.pruned(level))),
            )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return len(rows)

    def shrink(self, pages: int) -> bool:
        """Give pages that hold nothing back to the volume, once they are many; return whether there are more."""
        free, all_ = (
            int(self._db.execute(f"PRAGMA {word}").fetchone()[0]) for word in ("freelist_count", "page_count")
        )
        if free * 4 < all_ or free < pages:
            return False
        self._db.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()
        return True


def _version(db: sqlite3.Connection, path: Path) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise HistoryError(f"cannot use {path}: it was written by a newer version")
    return version


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino
