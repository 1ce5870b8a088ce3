"""An open database: transactions that raise StoreError, and a schema that is ours and up to date."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import sqlalchemy as sa

from monitor.landmark import Landmark, reached
from monitor.store import dialect
from monitor.store.aside import first_numbers, kept_aside
from monitor.store.errors import Fault, StoreError
from monitor.store.schema import HEAD, NUMBERS, make, meta

CHECK_SECONDS: Final = 0.2
"""How long the file is looked over for damage at start; a bigger one is trusted until it fails."""


class Database:
    """One database, used by one thread at a time."""

    def __init__(self, url: sa.URL, read: str = "") -> None:
        """Make the engine; nothing is opened yet. `read` says how a file is opened that cannot be written."""
        path = dialect.file_of(url)
        self.name = dialect.shown(url)
        self.path = Path(path) if path else None
        self.only_read: StoreError | None = None
        """Why it can only be read; None where it can be written."""
        self._reader = dialect.make_engine(url, read)
        self._writer = self._reader.execution_options(**dialect.WRITES)
        self._file: tuple[int, int] | None = None

    @classmethod
    def open(cls, text: str) -> Self:
        """Open the database at that address, make it where it is missing, bring its schema up to date."""
        url = dialect.read_url(text)
        path = dialect.file_of(url)
        if path:
            dialect.make_file(Path(path))
        try:
            self = cls(url)
        except ImportError as err:
            raise StoreError(
                f"cannot open {dialect.shown(url)}: no driver, install psycopg", fault=Fault.UNREACHABLE
            ) from err
        try:
            self._look_over()
            self._migrate()
        except BaseException:
            self.close()
            raise
        self._file = self._identity()
        return self

    @classmethod
    def open_to_read(cls, url: sa.URL, how: str, problem: StoreError) -> Self:
        """Open a file that cannot be written because of `problem`, which is what every write raises."""
        self = cls(url, how)
        self.only_read = problem
        try:
            self._look_over()
            self._expect_tables()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._reader.dialect.name

    @contextlib.contextmanager
    def read(self, what: str, refused: Fault = Fault.REFUSED) -> Iterator[sa.Connection]:
        """Look in one consistent snapshot. `what` ends the sentence "cannot …"; a value nobody can use is `refused`."""
        with self.said(what, refused), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, what: str) -> Iterator[sa.Connection]:
        """Do all of it, durably, or (StoreError) nothing."""
        if self.only_read is not None:
            raise self.only_read.again()
        self.verify()
        with self.said(what), self._writer.begin() as connection:
            yield connection

    def verify(self) -> None:
        """Raise StoreError where the file is no longer the one that was opened: writes would go nowhere."""
        if self._file is not None and self._identity() != self._file:
            self._reader.dispose()
            raise StoreError(
                f"cannot use {self.name}: the file was removed or replaced", fault=Fault.IO, path=self.path
            )

    def write_back(self) -> None:
        """Have SQLite write its log back into the file."""
        with self.said("write back"), self._reader.connect() as connection:
            driver = connection.connection.driver_connection  # outside of any transaction
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
            driver.execute("PRAGMA wal_checkpoint").fetchall()

    def close(self) -> None:
        """Close the connection; SQLite writes its log back then."""
        self._reader.dispose()

    @contextlib.contextmanager
    def said(self, what: str, refused: Fault = Fault.REFUSED) -> Iterator[None]:
        """Turn whatever goes wrong inside into one StoreError. A value nobody can use is `refused`."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, ValueError, TypeError, OverflowError) as err:
            fault, words = dialect.fault_of(err)
            fault = refused if fault is Fault.REFUSED else fault
            if fault in (Fault.IO, Fault.READ_ONLY, Fault.CORRUPT, Fault.UNREACHABLE):
                self._reader.dispose()  # the next one begins with a connection of its own
            raise StoreError(f"cannot {what} {self.name}: {words}", fault=fault, path=self.path) from err

    def _identity(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino

    def _look_over(self) -> None:
        """Look for damage in the file, within CHECK_SECONDS."""
        if self.path is None:
            return
        until = time.monotonic() + CHECK_SECONDS
        with self.read("open") as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
            driver.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)
            try:
                found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
            except sa.exc.OperationalError as err:
                if getattr(err.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                    raise
                found = "ok"
            finally:
                driver.set_progress_handler(None, 0)
        if found != "ok":
            words = str(found).partition("\n")[0]
            raise StoreError(f"cannot open {self.name}: {words}", fault=Fault.CORRUPT, path=self.path)

    def _migrate(self) -> None:
        """Bring the schema up to date. Alembic is loaded only for a database that is behind.

        A new SQLite file gets today's tables at once, marked as migrated; a test holds them to be the very ones
        that the migrations make.
        """
        found = self._version()
        if found == HEAD:
            return
        with self.said("migrate"):
            reached(Landmark.MIGRATE, found or "new")
        if found is not None and found > HEAD:
            raise StoreError(
                f"cannot open {self.name}: it was written by a newer version"
                f" (its schema is {found}, this program knows {HEAD})",
                fault=Fault.NEWER,
                path=self.path,
            )
        if found is None and self.path is not None and self.bare():
            with self.write("make") as connection:
                make(connection)
                if losses := kept_aside(self.path):  # numbers were given that nobody knows any more
                    numbers = json.dumps(first_numbers(datetime.now(UTC), losses))
                    connection.execute(meta.insert().values(key=NUMBERS, value=numbers))
            return
        from monitor.store.migrate import migrate

        with self.write("migrate") as connection:
            migrate(connection)

    def _expect_tables(self) -> None:
        if self._version() is None:
            raise StoreError(f"cannot read {self.name}: it is empty", path=self.path)

    def bare(self) -> bool:
        """Return whether there are no tables yet."""
        with self.read("open") as connection:
            return not sa.inspect(connection).get_table_names()

    def _version(self) -> str | None:
        with self.read("open") as connection:
            tables = sa.inspect(connection).get_table_names()
            if "alembic_version" in tables:
                version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
                return str(version) if version is not None else None
        if tables and self.path is not None:
            raise StoreError(
                f"cannot open {self.name}: it is the database of another program", path=self.path
            )
        return None
