"""How due notifications are claimed: one statement, which goes by indexes and takes whole bundles."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from alerting.notification import Notification
from monitor.store.documents import columns
from monitor.store.schema import PENDING, SENDING, Utc, outbox

_PENDING: Final = outbox.c.state == PENDING


def _word(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.String())


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Utc())


def _on_others(excluded: int) -> sa.ColumnElement[bool]:
    """Ask for other channels than so many, `excluded_0` and on: one statement for each number, to be kept."""
    return sa.and_(True, *(outbox.c.channel != _word(f"excluded_{place}") for place in range(excluded)))


def _waits(state: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Wrapped, so that rows are found by what else is asked of them."""
    return sa.func.coalesce(state, "") == PENDING


def due(excluded: int) -> sa.CTE:
    """Rows to claim. Materialized: a database that ran it twice could hand out more than the limit."""
    return (
        sa.select(outbox.c.id, outbox.c.bundle, outbox.c.channel)
        .where(
            _PENDING,
            # Wrapped, so that the index by urgency is taken and only as many rows are read as are wanted.
            sa.func.coalesce(outbox.c.not_before, _time("now")) <= _time("now"),
            _on_others(excluded),
        )
        .order_by(outbox.c.priority, outbox.c.not_before, outbox.c.number)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )


def _whole(due: sa.CTE) -> sa.CompoundSelect[str]:
    """Ids of rows to claim, with those that leave in one message with them."""
    mate = outbox.alias("mate")
    together = (
        sa.select(mate.c.id)
        .join_from(due, mate, sa.and_(mate.c.bundle == due.c.bundle, mate.c.channel == due.c.channel))
        .where(_waits(mate.c.state), sa.func.coalesce(mate.c.not_before, _time("now")) <= _time("now"))
    )
    return sa.union_all(sa.select(due.c.id), together)


def claim(excluded: int) -> sa.Update:
    """Return the statement that claims what is due on other channels than so many."""
    return (
        sa.update(outbox)
        .where(
            outbox.c.id.in_(_whole(due(excluded))),
            _waits(outbox.c.state),  # again, for a row that a rival took meanwhile
        )
        .values(
            state=SENDING,
            attempts=outbox.c.attempts + 1,
            owner=_word("holder"),
            lease_until=_time("until"),
        )
        .returning(*columns(Notification))
    )


def next_due(excluded: int) -> sa.Select[datetime]:
    """Return the statement that asks when the first of what waits on other channels than so many is due."""
    return sa.select(sa.func.min(outbox.c.not_before)).where(_PENDING, _on_others(excluded))
