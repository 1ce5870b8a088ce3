"""Planned work, and the windows it took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """There is no way back: an older program refuses a newer schema."""
    alive = sa.column("alive", sa.Boolean()).is_(True)
    instant = sa.DateTime(timezone=True)
    more = {
        "maintenances": (),
        "windows": (
            sa.Column("state", sa.String(), nullable=False),
            sa.Column("maintenance", sa.String(), nullable=False),
            sa.Column("starts_at", instant, nullable=False),
            sa.Column("ends_at", instant, nullable=False),
        ),
    }
    for table, columns in more.items():
        op.create_table(
            table,
            sa.Column("id", sa.String(), nullable=False),
            sa.Column("number", sa.BigInteger(), nullable=False),
            sa.Column("alive", sa.Boolean(), nullable=False),
            *columns,
            sa.Column("body", sa.JSON(), nullable=False),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_number"), table, ["number"])
        op.create_index(
            op.f(f"ix_{table}_alive"), table, ["alive"], sqlite_where=alive, postgresql_where=alive
        )
    for column in ("maintenance", "state"):
        op.create_index(op.f(f"ix_windows_{column}_number"), "windows", [column, "number"])
