"""Where SQLite and PostgreSQL differ: connecting, beginning, inserting what may be there, naming what went wrong."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import QueuePool

from monitor.store.errors import Fault, StoreError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

BUSY_SECONDS: Final = 5.0
"""How long a write waits for another process to let go of the file."""

WRITES: Final = {"nightbell_writes": True}
"""Execution options of an engine whose transactions take the write lock when they begin."""

_PRAGMAS: Final = (
    f"busy_timeout = {int(BUSY_SECONDS * 1000)}",  # first: the others may have to wait
    "journal_mode = WAL",
    "synchronous = FULL",  # in WAL mode anything less may forget the last commits on power loss
    "foreign_keys = ON",
    "cell_size_check = ON",
    "journal_size_limit = 67108864",  # bytes: a storm's log shrinks again
    "temp_store = MEMORY",  # a full /tmp is no reason to fail
)

_READS: Final = (f"busy_timeout = {int(BUSY_SECONDS * 1000)}", "cell_size_check = ON", "query_only = ON")

_POSTGRESQL: Final = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "target_session_attrs": "read-write",
    "application_name": "nightbell",
    "options": "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000",
}

_SQLITE_FAULTS: Final[Mapping[int, Fault]] = {
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_IOERR: Fault.IO,
    sqlite3.SQLITE_CANTOPEN: Fault.IO,
    sqlite3.SQLITE_PERM: Fault.IO,
    sqlite3.SQLITE_CORRUPT: Fault.CORRUPT,
    sqlite3.SQLITE_NOTADB: Fault.CORRUPT,
    sqlite3.SQLITE_CONSTRAINT: Fault.REFUSED,
    sqlite3.SQLITE_TOOBIG: Fault.REFUSED,
    sqlite3.SQLITE_MISMATCH: Fault.REFUSED,
}

_SYSTEM_FAULTS: Final[Mapping[int, Fault]] = {
    errno.ENOSPC: Fault.FULL,
    errno.EDQUOT: Fault.FULL,
    errno.EFBIG: Fault.FULL,
    errno.EROFS: Fault.READ_ONLY,
}


def read_url(text: str) -> sa.URL:
    """Parse a store's address; raise StoreError for what is none, or none we know."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as err:
        raise StoreError("cannot read the store's address: it is no database URL") from err
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"cannot open {shown(url)}: only sqlite:// and postgresql:// are known")
    if url.get_backend_name() == "sqlite" and (not url.database or url.database == ":memory:" or url.query):
        raise StoreError(
            f"cannot open {shown(url)}: it must name a file and nothing else, as sqlite:////path"
        )
    return url


def shown(url: sa.URL) -> str:
    """Write an address for people: a file's path, or the URL without its password."""
    return file_of(url) or url.render_as_string(hide_password=True)


def file_of(url: sa.URL) -> str | None:
    """Return the path of a SQLite file, None for a server."""
    return url.database if url.get_backend_name() == "sqlite" else None


def make_engine(url: sa.URL, read: str = "") -> sa.Engine:
    """Make the engine: one connection, opened when first needed and again after it broke.

    Documents go through as the text they are. `read` says how a file is opened only to be read: `mode=ro`, or
    `mode=ro&immutable=1` where not even its logs can be used.
    """
    shared: dict[str, Any] = {
        "poolclass": QueuePool,
        "pool_size": 1,
        "max_overflow": 0,
        "hide_parameters": True,
        "json_serializer": _as_is,
        "json_deserializer": _as_is,
    }
    path = file_of(url)
    if path is None:
        return sa.create_engine(url, connect_args=_POSTGRESQL, pool_pre_ping=True, **shared)
    engine = sa.create_engine("sqlite://", creator=_connector(Path(path), read), **shared)
    sa.event.listen(engine, "begin", _begin)
    return engine


def make_file(path: Path) -> None:
    """Make an empty file (0600) in a directory (0700) where they are missing; its log files inherit the mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as err:
        fault, words = fault_of(err)
        raise StoreError(f"cannot open {path}: {words}", fault=fault, path=path) from err


def upsert(table: sa.Table, name: str) -> sa.Insert:
    """Insert a row, or replace the one with its id."""
    adding = _insert(table, name)
    changed = {column.name: adding.excluded[column.name] for column in table.c if not column.primary_key}
    return adding.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


def add_missing(table: sa.Table, name: str) -> sa.Insert:
    """Insert a row unless something unique about it is there already; `rowcount` tells how many were new."""
    return _insert(table, name).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def fault_of(err: Exception) -> tuple[Fault, str]:
    """Return what kind of trouble `err` is, and the driver's own words: never the statement's values."""
    if isinstance(err, OSError):
        return _SYSTEM_FAULTS.get(err.errno or 0, Fault.IO), err.strerror or type(err).__name__
    cause = err.orig if isinstance(err, sa.exc.DBAPIError) else err
    if isinstance(err, sa.exc.DBAPIError | sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        words = str(cause).strip().partition("\n")[0]
        if code is not None:
            return _SQLITE_FAULTS.get(code & 0xFF, Fault.OTHER), words
        if isinstance(cause, sqlite3.Error):
            return Fault.REFUSED, words
        if isinstance(err, sa.exc.OperationalError | sa.exc.InterfaceError):
            return Fault.UNREACHABLE, words
        return Fault.REFUSED, words
    if isinstance(err, sa.exc.StatementError):
        return Fault.REFUSED, "a value cannot be stored"
    if isinstance(err, sa.exc.SQLAlchemyError):
        return Fault.OTHER, type(err).__name__
    return Fault.REFUSED, f"a value cannot be stored ({type(err).__name__})"


def _insert(table: sa.Table, name: str) -> sqlite.Insert | postgresql.Insert:
    if name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def _as_is(text: Any) -> Any:
    return text


def _connector(path: Path, read: str) -> Callable[[], sqlite3.Connection]:
    # mode=rw: should the file vanish under us, an empty new one must not be taken for it.
    uri = f"file:{quote(str(path.absolute()))}?{read or 'mode=rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = _text
        try:
            for pragma in _READS if read else _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _text(raw: bytes) -> str:
    """Read a text. A damaged byte is the trouble of its own row, and not of all that are read with it."""
    return raw.decode("utf-8", "replace")


def _begin(connection: sa.Connection) -> None:
    """Begin ourselves (the driver is told not to): what writes takes the lock now, not half-way through."""
    writes = connection.get_execution_options().get("nightbell_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
