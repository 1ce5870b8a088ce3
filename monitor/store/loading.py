"""What the daemon needs to know again when it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.incidents.maintenance import Maintenance, Window
from alerting.incidents.silence import Silence
from alerting.notification import Notification
from alerting.oncall.escalation import Escalation
from alerting.state import RECOVERIES_KEPT, Proof, Record, Recovery, State
from alerting.tickets.ticket import Ticket
from monitor.store.documents import SHELVES, columns, readable
from monitor.store.schema import (
    NUMBERS,
    PENDING,
    SENDING,
    escalations,
    incidents,
    meta,
    outbox,
    recoveries,
    silences,
)


def load(connection: sa.Connection, now: datetime) -> tuple[State, list[str]]:
    """Return the state as it was last recorded, and the ids of what cannot be read: that is logged and left out."""
    state = State()
    spoilt: list[str] = []
    for kind, wanted in _wanted(now):
        found, unread = readable(kind, connection.execute(wanted))
        spoilt += unread
        state.records[kind].update((record.id, record) for record in found)
    for shelf in SHELVES.values():
        if shelf.prefix:
            highest = connection.execute(sa.select(sa.func.max(shelf.table.c.number))).scalar()
            if highest:
                state.numbers[shelf.prefix] = highest
    floor = connection.execute(sa.select(meta.c.value).where(meta.c.key == NUMBERS)).scalar()
    for prefix, number in (json.loads(floor) if floor else {}).items():
        state.numbers[prefix] = max(number, state.numbers.get(prefix, 0))
    return state, spoilt


def _wanted(now: datetime) -> Iterator[tuple[type[Record], sa.Select[Any]]]:
    for kind in (Alert, Incident, Ticket, Announcement, Maintenance, Window):
        yield kind, sa.select(*columns(kind)).where(SHELVES[kind].table.c.alive.is_(True))
    open_incidents = sa.select(incidents.c.id).where(incidents.c.alive.is_(True))
    yield Escalation, sa.select(*columns(Escalation)).where(escalations.c.id.in_(open_incidents))
    yield Notification, sa.select(*columns(Notification)).where(outbox.c.incident.in_(open_incidents))
    yield Notification, sa.select(*columns(Notification)).where(outbox.c.state.in_([PENDING, SENDING]))
    yield Silence, sa.select(*columns(Silence)).where(silences.c.ends_at > now)
    yield Proof, sa.select(*columns(Proof))
    yield Recovery, _last_recoveries()


def _last_recoveries() -> sa.Select[Any]:
    place = (
        sa.func.row_number()
        .over(
            partition_by=recoveries.c.service, order_by=(recoveries.c.at.desc(), recoveries.c.number.desc())
        )
        .label("place")
    )
    ranked = sa.select(*columns(Recovery), recoveries.c.at, place).subquery()
    return (
        sa.select(ranked.c.id, ranked.c.body).where(ranked.c.place <= RECOVERIES_KEPT).order_by(ranked.c.at)
    )
