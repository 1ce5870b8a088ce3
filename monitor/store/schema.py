"""The tables. A record is kept whole as a document (`body`), beside the few columns that lists and load ask for.

The outbox is the exception: what delivery works by are columns of its own, and they, not the body, are true.
No row refers to another by a foreign key: what is recorded late must not be refused because of what it names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem

HEAD: Final = "0003"
"""The migration these tables stand for. Revisions are numbers of four digits, so they sort.

Who changes a table writes the next migration beside the others and counts this up; a test compares the two.
"""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(sa.types.TypeDecorator[datetime]):
    """An instant: handed over and given back aware, in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive times: nobody knows when they were."""
        return None if value is None else _in_utc(value)

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], Any] | None:
        """Write times for SQLite ourselves, as SQLAlchemy would: it is the greater part of what a row costs."""
        return _stored if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite gives back what it was given without the zone."""
        if value is None or value.tzinfo is not None:
            return value.astimezone(UTC) if value else None
        return value.replace(tzinfo=UTC)


_INSTANT: Final = len("2026-03-04 05:06:07.000008")


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"cannot record a time without zone: {value}")
    return value.astimezone(UTC)


@lru_cache(maxsize=256)
def _stored(value: datetime | None) -> str | None:
    """Return a time as it stands in SQLite: `2026-03-04 05:06:07.000008`, in UTC.

    All that one decision changes has the same few times: they are written once.
    """
    if value is None:
        return None
    return (value if value.tzinfo is UTC else _in_utc(value)).isoformat(" ", "microseconds")[:_INSTANT]


def _documents(name: str, *columns: SchemaItem, number: bool = True) -> sa.Table:
    """Make a table of documents; those with `number` are listed by it, newest first."""
    ordering = (sa.Column("number", sa.BigInteger, nullable=False, index=True),) if number else ()
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.String, primary_key=True),
        *ordering,
        *columns,
        sa.Column("body", sa.JSON, nullable=False),
    )


def _alive() -> tuple[SchemaItem, ...]:
    """Whether the record still bears on decisions; the index holds only those that do."""
    column = sa.Column("alive", sa.Boolean, nullable=False)
    return column, sa.Index(None, column, sqlite_where=column.is_(True))


def _word(name: str, *, null: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=null)


def _time(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Utc, nullable=null)


alerts = _documents(
    "alerts",
    *_alive(),
    _word("state", null=False),
    _word("incident"),
    _time("changed_at"),
    number=False,
)

incidents = _documents(
    "incidents",
    *_alive(),
    _word("state", null=False),
    _time("opened_at"),
    _time("changed_at"),
    sa.Index(None, "state", "number"),
)

escalations = _documents("escalations", number=False)

tickets = _documents(
    "tickets",
    *_alive(),
    _word("state", null=False),
    _word("incident"),
    _word("service"),
    _time("opened_at"),
    sa.Index(None, "state", "number"),
    sa.Index(None, "incident", "number"),
    sa.Index(None, "service", "number"),
)

announcements = _documents(
    "announcements",
    *_alive(),
    _word("state", null=False),
    _word("incident"),
    _time("created_at"),
    sa.Index(None, "state", "number"),
    sa.Index(None, "incident", "number"),
)

silences = _documents("silences", sa.Column("ends_at", Utc, nullable=False, index=True))

maintenances = _documents("maintenances", *_alive())

windows = _documents(
    "windows",
    *_alive(),
    _word("state", null=False),
    _word("maintenance", null=False),
    _time("starts_at"),
    _time("ends_at"),
    sa.Index(None, "maintenance", "number"),
    sa.Index(None, "state", "number"),
)

proofs = _documents("proofs", _time("at"), number=False)

recoveries = _documents(
    "recoveries", _word("service", null=False), _time("at"), sa.Index(None, "service", "at")
)

timeline = _documents(
    "timeline", _word("incident", null=False), _time("at"), sa.Index(None, "incident", "number")
)

PENDING: Final = "pending"
SENDING: Final = "sending"

outbox = _documents(
    "outbox",
    sa.Column("dedup_key", sa.String, nullable=False, unique=True),
    _word("state", null=False),
    _word("kind", null=False),
    _word("incident"),
    _word("channel", null=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    _time("created_at"),
    _time("not_before"),
    _time("not_after"),
    _word("owner"),
    _time("lease_until", null=True),
    _word("reason"),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("provider_id", sa.Text, nullable=False),
    sa.Index(None, "state", "number"),
    sa.Index(None, "incident", "number"),
    sa.Index(None, "kind", "number"),
    sa.Index("ix_outbox_due", "state", "priority", "not_before", "number"),
    sa.Index("ix_outbox_waiting", "state", "not_before"),
)
_bundle = _word("bundle")  # None where it leaves alone; behind `body`, where later migrations add columns
outbox.append_column(_bundle)
sa.Index(None, _bundle, "channel", sqlite_where=_bundle.is_not(None), _table=outbox)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    _word("notification", null=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    _word("state", null=False),
    _time("at"),
    _word("reason"),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("provider_id", sa.Text, nullable=False),
    _time("retry_at", null=True),
    # True where the row had gone on without this attempt: kept as evidence, not applied.
    sa.Column("late", sa.Boolean, nullable=False),
    sa.UniqueConstraint("notification", "attempt", "state", "at"),
    implicit_returning=False,  # nobody asks for its id
)

# Which services a record named, then or now: what lists filter by where a record may name several.
mentions = sa.Table(
    "mentions",
    metadata,
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("service", sa.String, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),  # so that lists are in order
    sa.Column("record", sa.String, primary_key=True),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    _word("role", null=False),
    sa.Column("digest", sa.String, nullable=False, unique=True),
    _time("created_at"),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

NUMBERS: Final = "numbers"
"""Where `meta` holds the numbers to count on from by prefix, whatever the tables hold."""


def name_for_postgresql() -> sa.MetaData:
    """Return the tables with what PostgreSQL is told of the partial indexes.

    Only who makes tables or compares them needs it: to say it above would load that dialect at every start.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            if where is not None:
                index.dialect_options["postgresql"]["where"] = where
    return metadata


def make(connection: sa.Connection) -> None:
    """Make every table in a new SQLite file, and mark it as one that has seen all migrations."""
    mark = sa.Table(
        "alembic_version",
        sa.MetaData(),
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    metadata.create_all(connection, checkfirst=False)
    mark.create(connection)
    connection.execute(mark.insert().values(version_num=HEAD))
