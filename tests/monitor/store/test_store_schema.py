"""The schema: made by migrations, never drifting from the code, and not touched when it is newer than we are."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite

from alerting.incidents.incident import Entry, Incident
from alerting.notification import Notification
from alerting.state import Changes
from lab.records import NOON, incident, notification
from monitor.store import claiming, dialect, lists, loading, outbox, schema
from monitor.store.changes import Writer
from monitor.store.documents import SHELVES, to_row
from monitor.store.errors import Fault, StoreError
from monitor.store.migrate import SCRIPTS, migrate
from monitor.store.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a store goes in this test."""
    return f"sqlite:///{tmp_path}/nightbell.db"


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A store made by the program and closed again, as any other tool sees it."""
    Store.open(url, tmp_path).close()
    connection = sqlite3.connect(tmp_path / "nightbell.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database made by all migrations in turn."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as begun:
        migrate(begun)
    engine.dispose()
    connection = sqlite3.connect(tmp_path / "migrated.db", isolation_level=None)
    yield connection
    connection.close()


def test_a_new_file_gets_the_very_tables_that_migrations_make(
    database: sqlite3.Connection, migrated: sqlite3.Connection
) -> None:
    def tables(of: sqlite3.Connection) -> list[object]:
        names = [
            row[0] for row in of.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        return [(name, of.execute(f"PRAGMA table_info({name})").fetchall()) for name in names]

    assert tables(database) == tables(migrated)
    ask = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
    assert database.execute(ask).fetchall() == migrated.execute(ask).fetchall()
    ask = "SELECT version_num FROM alembic_version"
    assert database.execute(ask).fetchall() == migrated.execute(ask).fetchall()


def test_migrations_make_exactly_the_tables_of_the_code(migrated: sqlite3.Connection, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )

        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_the_partial_indexes_are_those_of_the_code(migrated: sqlite3.Connection) -> None:
    made = sa.create_engine("sqlite://")
    schema.metadata.create_all(made)
    ask = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    with made.connect() as connection:
        expected = [tuple(row) for row in connection.exec_driver_sql(ask)]
    made.dispose()

    assert migrated.execute(ask).fetchall() == expected


def test_the_code_knows_the_newest_migration() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == schema.HEAD


def test_what_an_older_program_left_is_migrated_and_goes_on(url: str, tmp_path: Path) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as begun:
        migrate(begun, "0001")
    engine.dispose()
    old = sqlite3.connect(tmp_path / "nightbell.db")
    old.execute("PRAGMA journal_mode = WAL")
    row = to_row(notification(1))
    del row["bundle"]
    with old:
        marks = ", ".join("?" for _ in row)
        values = [str(value) if isinstance(value, datetime) else value for value in row.values()]
        old.execute(f"INSERT INTO outbox ({', '.join(row)}) VALUES ({marks})", values)
    old.close()

    store = Store.open(url, tmp_path)

    store.record(Changes(records=(notification(2, bundle="li"),)))
    assert [one.id for one in store.claim("me", NOON, timedelta(seconds=20), 10)] == ["N-1", "N-2"]
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(
    database: sqlite3.Connection, url: str, tmp_path: Path
) -> None:
    database.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError) as caught:
        Store.open(url, tmp_path)

    assert caught.value.fault is Fault.NEWER
    assert str(caught.value) == (
        f"cannot open {tmp_path}/nightbell.db: it was written by a newer version"
        f" (its schema is 9999, this program knows {schema.HEAD})"
    )
    assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_a_version_that_makes_no_sense_is_said_so(
    database: sqlite3.Connection, url: str, tmp_path: Path
) -> None:
    database.execute("UPDATE alembic_version SET version_num = '0000'")

    with pytest.raises(StoreError, match=r"^cannot migrate .*0000"):
        Store.open(url, tmp_path)


def test_a_database_of_another_program_is_left_alone(url: str, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "nightbell.db")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()

    with pytest.raises(StoreError, match=r"it is the database of another program$"):
        Store.open(url, tmp_path)


def test_a_migration_that_was_cut_off_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    Store.open(url, tmp_path).close()
    (tmp_path / "nightbell.db").unlink()
    blocked = sqlite3.connect(tmp_path / "nightbell.db", isolation_level=None)
    blocked.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    blocked.execute("CREATE TABLE meta (key TEXT)")

    with pytest.raises(StoreError, match=r"^cannot migrate .*meta"):
        Store.open(url, tmp_path)

    assert blocked.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall() == [
        ("alembic_version",),
        ("meta",),
    ]
    blocked.execute("DROP TABLE meta")
    blocked.close()
    Store.open(url, tmp_path).close()


def test_nothing_is_loaded_to_migrate_what_is_up_to_date(
    database: sqlite3.Connection, url: str, tmp_path: Path
) -> None:
    code = (
        "import sys, pathlib; from monitor.store.store import Store;"
        f"Store.open({url!r}, pathlib.Path({str(tmp_path)!r})).close();"
        "print([name for name in ('alembic', 'mako', 'psycopg') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd()
    )

    assert done.stdout.strip() == "[]"


def test_whoever_only_knows_the_thread_is_spared_the_database_library() -> None:
    code = "import sys, monitor.store.thread; print('sqlalchemy' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd()
    )

    assert done.stdout.strip() == "False"


def test_files_and_directories_are_the_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "var" / "nightbell"
    store = Store.open(f"sqlite:///{state}/db/nightbell.db", state)
    store.record(Changes(records=(incident(1),)))
    modes = {path.name: path.stat().st_mode & 0o777 for path in state.rglob("*")}
    store.close()

    assert modes.pop("db") == 0o700
    assert state.stat().st_mode & 0o777 == 0o700
    assert set(modes) == {"nightbell.lock", "nightbell.db", "nightbell.db-wal", "nightbell.db-shm"}
    assert set(modes.values()) == {0o600}


def test_the_file_is_as_durable_as_it_can_be(url: str, tmp_path: Path) -> None:
    store = Store.open(url, tmp_path)
    with store._database.write("ask") as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()

    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "what?.db", "好.db", "#1.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / name)).render_as_string()

    Store.open(url, tmp_path).close()

    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("no url", "cannot read the store's address", id="no url"),
        pytest.param("mysql://root:pw@db/x", "only sqlite:// and postgresql:// are known", id="another kind"),
        pytest.param("sqlite://", "it must name a file", id="memory"),
        pytest.param("sqlite:///:memory:", "it must name a file", id="memory by name"),
        pytest.param("sqlite:////x/y.db?mode=ro", "it must name a file and nothing else", id="with options"),
        pytest.param("postgresql://nb:hunter2@db.example/nb", "no driver, install psycopg", id="no driver"),
    ],
)
def test_an_address_we_cannot_use_is_refused_without_its_password(
    tmp_path: Path, address: str, words: str
) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(address, tmp_path)

    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "root:pw" not in str(caught.value)
    Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path).close()


def statements(name: str) -> Iterator[sa.sql.Executable]:
    """Everything the store says to a database of that name."""
    box = outbox.Outbox(name)
    writer = Writer(name, box)
    yield from (claiming.claim(0), claiming.claim(2), claiming.next_due(0), claiming.next_due(2))
    prepared = (box._add, box._book, *writer._put.values(), writer._add_entries, writer._add_mentions)
    yield from (one.statement for one in prepared)
    yield from (vars(outbox)[one] for one in vars(outbox) if isinstance(vars(outbox)[one], sa.sql.Executable))
    yield from (wanted for _, wanted in loading._wanted(NOON))
    yield dialect.upsert(schema.meta, name)
    for kind, shelf in SHELVES.items():
        filters = dict.fromkeys(shelf.filters, "x")
        first = lists.Query.of(kind, filters, 10, None)
        yield first.statement
    yield lists.Query.of(Incident, {}, 10, "WzEsICJJTkMtMSJd").statement


def test_everything_can_be_said_to_postgresql_too() -> None:
    said = [str(one.compile(dialect=postgresql.dialect())) for one in statements("postgresql")]

    assert len(said) > 30
    assert sum("FOR UPDATE SKIP LOCKED" in one for one in said) == 2  # both claims
    assert any("ON CONFLICT (id) DO UPDATE" in one for one in said)
    for table in schema.name_for_postgresql().sorted_tables:
        str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))
        indexes = [sa.schema.CreateIndex(index) for index in table.indexes]
        said += [str(one.compile(dialect=postgresql.dialect())) for one in indexes]
    assert "CREATE INDEX ix_incidents_alive ON incidents (alive) WHERE alive IS true" in said
    assert "TIMESTAMP WITH TIME ZONE" in str(
        sa.schema.CreateTable(schema.outbox).compile(dialect=postgresql.dialect())
    )


def plan(database: sqlite3.Connection, statement: sa.sql.Executable) -> list[str]:
    """How SQLite would go about it; what is bound does not matter."""
    said = re.sub(r"__\[POSTCOMPILE_\w+\]", "'x'", str(statement.compile(dialect=sqlite.dialect())))
    rows = database.execute(f"EXPLAIN QUERY PLAN {said}", [None] * said.count("?"))
    return [row[3] for row in rows]


def test_claiming_goes_by_the_index_of_what_waits(database: sqlite3.Connection) -> None:
    claim = plan(database, sa.select(claiming.due(1)))

    assert any("ix_outbox_due" in step for step in claim)
    assert not any("TEMP B-TREE" in step for step in claim)
    assert "ix_outbox_waiting" in plan(database, claiming.next_due(1))[0]


def test_a_whole_bundle_is_claimed_by_indexes_alone(database: sqlite3.Connection) -> None:
    steps = plan(database, claiming.claim(1))

    assert any("ix_outbox_bundle_channel" in step for step in steps), steps
    assert any("outbox USING INDEX sqlite_autoindex_outbox_1 (id=?)" in step for step in steps), steps
    assert not any(step.startswith("SCAN") and "due" not in step for step in steps), steps


def test_loading_scans_only_what_is_wanted_whole(database: sqlite3.Connection) -> None:
    scanned = {
        kind.__name__
        for kind, wanted in loading._wanted(NOON)
        if any(step.startswith("SCAN") and "USING" not in step for step in plan(database, wanted))
    }

    assert scanned <= {"Proof", "Recovery"}


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        pytest.param(Incident, {}, id="incidents"),
        pytest.param(Incident, {"state": "open"}, id="open incidents"),
        pytest.param(Incident, {"service": "shop"}, id="incidents of a service"),
        pytest.param(Notification, {"incident": "INC-1"}, id="notifications of an incident"),
        pytest.param(Notification, {"kind": "page"}, id="pages"),
        pytest.param(Entry, {"incident": "INC-1"}, id="a timeline"),
    ],
)
def test_lists_go_by_indexes(database: sqlite3.Connection, kind: type, filters: dict[str, str]) -> None:
    steps = plan(database, lists.Query.of(kind, filters, 10, None).statement)

    assert not any(step.startswith("SCAN") and "USING" not in step for step in steps), steps
