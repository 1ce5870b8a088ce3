"""The first tables: documents with the columns lists ask for, the outbox, receipts, tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)


def _word(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, _INSTANT, nullable=null)


def _documents(name: str, *columns: SchemaItem, number: bool = True) -> None:
    ordering = (sa.Column("number", sa.BigInteger(), nullable=False),) if number else ()
    op.create_table(
        name,
        _word("id"),
        *ordering,
        *columns,
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    if number:
        _index(name, "number")


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _alive() -> sa.Column[bool]:
    return sa.Column("alive", sa.Boolean(), nullable=False)


def upgrade() -> None:
    """There is no way back: an older program refuses a newer schema."""
    _documents(
        "alerts", _alive(), _word("state"), _word("incident", null=True), _time("changed_at"), number=False
    )
    _documents("incidents", _alive(), _word("state"), _time("opened_at"), _time("changed_at"))
    _documents("escalations", number=False)
    _documents(
        "tickets",
        _alive(),
        _word("state"),
        _word("incident", null=True),
        _word("service", null=True),
        _time("opened_at"),
    )
    _documents("announcements", _alive(), _word("state"), _word("incident", null=True), _time("created_at"))
    _documents("silences", _time("ends_at"))
    _documents("proofs", _time("at"), number=False)
    _documents("recoveries", _word("service"), _time("at"))
    _documents("timeline", _word("incident"), _time("at"))
    _documents(
        "outbox",
        _word("dedup_key"),
        _word("state"),
        _word("kind"),
        _word("incident", null=True),
        _word("channel"),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("created_at"),
        _time("not_before"),
        _time("not_after"),
        _word("owner", null=True),
        _time("lease_until", null=True),
        _word("reason", null=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_outbox_dedup_key")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _word("notification"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _word("state"),
        _time("at"),
        _word("reason", null=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        _time("retry_at", null=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "notification",
            "attempt",
            "state",
            "at",
            name=op.f("uq_receipts_notification_attempt_state_at"),
        ),
    )
    op.create_table(
        "mentions",
        _word("kind"),
        _word("service"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        _word("record"),
        sa.PrimaryKeyConstraint("kind", "service", "number", "record", name=op.f("pk_mentions")),
    )
    op.create_table(
        "tokens",
        _word("name"),
        _word("role"),
        _word("digest"),
        _time("created_at"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_table(
        "meta",
        _word("key"),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )

    alive = sa.column("alive", sa.Boolean()).is_(True)
    for table in ("alerts", "incidents", "tickets", "announcements"):
        name = op.f(f"ix_{table}_alive")
        op.create_index(name, table, ["alive"], sqlite_where=alive, postgresql_where=alive)
    for table in ("incidents", "tickets", "announcements", "outbox"):
        _index(table, "state", "number")
    for table in ("tickets", "announcements", "outbox", "timeline"):
        _index(table, "incident", "number")
    _index("tickets", "service", "number")
    _index("outbox", "kind", "number")
    _index("recoveries", "service", "at")
    _index("silences", "ends_at")
    op.create_index(op.f("ix_outbox_due"), "outbox", ["state", "priority", "not_before", "number"])
    op.create_index(op.f("ix_outbox_waiting"), "outbox", ["state", "not_before"])
