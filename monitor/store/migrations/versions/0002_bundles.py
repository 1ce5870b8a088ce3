"""Which notifications leave as one message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """There is no way back: an older program refuses a newer schema."""
    op.add_column("outbox", sa.Column("bundle", sa.String()))
    told = sa.column("bundle", sa.String()).is_not(None)
    op.create_index(
        op.f("ix_outbox_bundle_channel"),
        "outbox",
        ["bundle", "channel"],
        sqlite_where=told,
        postgresql_where=told,
    )
