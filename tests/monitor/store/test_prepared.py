"""Statements that are written once: what they give the database is what SQLAlchemy would have given it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from monitor.store.prepared import Prepared
from monitor.store.schema import Utc

METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("good", sa.Boolean),
    sa.Column("at", Utc),
    sa.Column("body", sa.JSON),
    sa.Column("state", sa.String),
)
THEIRS = sa.table(
    "things",
    *(sa.column(column.name, sa.DateTime() if column.name == "at" else column.type) for column in THINGS.c),
)
"""The same table, its times left to SQLAlchemy."""
SETTLE = (
    sa.update(THINGS)
    .where(THINGS.c.id == sa.bindparam("key"), THINGS.c.state == "open")
    .values(state="closed", at=sa.bindparam("new_at", type_=Utc()))
)
EAST = timezone(timedelta(hours=8))
TIMES = [
    datetime(2027, 1, 4, 12, 30, 59, 7, tzinfo=UTC),
    datetime(2027, 1, 4, 12, tzinfo=UTC),
    datetime(2027, 1, 4, 12, tzinfo=EAST),
    datetime(1, 1, 1, tzinfo=UTC),
    None,
]


def row(key: str, at: datetime | None = None) -> dict[str, Any]:
    return {"id": key, "good": True, "at": at, "body": {"a": [1]}, "state": "open"}


def database() -> sa.Engine:
    engine = sa.create_engine("sqlite://")
    METADATA.create_all(engine)
    return engine


@pytest.mark.parametrize("at", TIMES)
def test_what_is_stored_is_what_sqlalchemy_stores(at: datetime | None) -> None:
    with database().begin() as connection:
        Prepared(sa.insert(THINGS)).run(connection, [row("a", at)])
        connection.execute(sa.insert(THEIRS), row("b", None if at is None else at.astimezone(UTC)))
        ours, theirs = connection.exec_driver_sql("SELECT good, at, body, state FROM things ORDER BY id")
        assert ours == theirs
        assert connection.execute(sa.select(THINGS.c.at)).scalars().all() == [at, at]


def test_the_text_of_a_time_is_the_one_that_sqlite_files_hold() -> None:
    with database().begin() as connection:
        Prepared(sa.insert(THINGS)).run(connection, [row("a", TIMES[2])])
        assert connection.exec_driver_sql("SELECT at FROM things").scalar() == "2027-01-04 04:00:00.000000"


def test_a_time_without_zone_is_refused() -> None:
    with database().begin() as connection, pytest.raises(ValueError, match="without zone"):
        Prepared(sa.insert(THINGS)).run(connection, [row("a", datetime(2027, 1, 4))])  # noqa: DTZ001 - that is the point


def test_values_that_stand_in_the_statement_are_given_with_each_row_and_the_rows_found_are_counted() -> None:
    settle = Prepared(SETTLE)
    with database().begin() as connection:
        Prepared(sa.insert(THINGS)).run(connection, [row("a"), row("b"), row("c")])
        assert settle.run(connection, [{"key": key, "new_at": TIMES[1]} for key in ("a", "b", "x")]) == 2
        assert settle.run(connection, [{"key": "a", "new_at": TIMES[1]}]) == 0
        states = connection.exec_driver_sql("SELECT state FROM things ORDER BY id").scalars().all()
        assert states == ["closed", "closed", "open"]


def test_where_values_go_by_name_each_name_has_its_value() -> None:
    settle = Prepared(SETTLE)
    settle.write(postgresql.dialect(), ("key", "new_at"))
    [given] = settle.given([{"key": "a", "new_at": TIMES[2]}])
    assert given["key"] == "a"
    assert given["new_at"] == TIMES[2]
    assert sorted(value for value in given.values() if isinstance(value, str)) == ["a", "closed", "open"]
    assert all(f"%({name})s" in settle.text for name in given)
