"""How each type of record is kept: its table, its columns beside the document, and what lists may ask of it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from pydantic import ConfigDict, TypeAdapter, ValidationError

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Entry, Incident
from alerting.incidents.maintenance import Maintenance, Window
from alerting.incidents.silence import Silence
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.oncall.escalation import Escalation
from alerting.severity import Severity
from alerting.state import Proof, Record, Recovery, alive
from alerting.tickets.ticket import Ticket
from monitor.store import schema
from monitor.store.errors import Fault, StoreError

log = logging.getLogger("nightbell.store")

Row = dict[str, Any]
Document = Record | Entry
D = TypeVar("D", bound=Document)

DETAIL_MAX: Final = 2000
"""Characters kept of a provider's own words."""

PRIORITIES: Final[Mapping[Kind, int]] = {
    Kind.PAGE: 0,
    Kind.HEARTBEAT: 5,
    Kind.RECOVERY: 10,
    Kind.REMINDER: 20,
    Kind.TICKET: 30,
    Kind.ANNOUNCEMENT: 40,
    Kind.HANDOVER: 50,
    Kind.FOLLOWUP: 60,
}
"""Which kind leaves first; within a kind the worse severity does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where one type is kept. `filters` maps the words of lists to columns; `order` sorts them, newest first.

    `prefix` is what its numbers begin with; `services` are those a record of several services mentions.
    """

    table: sa.Table
    columns: Callable[[Any], Row]
    prefix: str = ""
    filters: tuple[str, ...] = ()
    order: tuple[str, ...] = ("number", "id")
    services: Callable[[Any], tuple[str, ...]] | None = None


def priority(notification: Notification) -> int:
    """Return a notification's place in the queue, 0 for the first."""
    return PRIORITIES[notification.kind] + Severity.CRITICAL.rank - notification.severity.rank


def _alert(record: Alert) -> Row:
    return {
        "alive": alive(record),
        "state": record.state.value,
        "incident": record.incident,
        "changed_at": record.changed_at,
    }


def _incident(record: Incident) -> Row:
    return {
        "alive": alive(record),
        "state": record.state.value,
        "opened_at": record.opened_at,
        "changed_at": record.changed_at,
    }


def _ticket(record: Ticket) -> Row:
    return {
        "alive": alive(record),
        "state": record.state.value,
        "incident": record.incident,
        "service": record.service,
        "opened_at": record.opened_at,
    }


def _announcement(record: Announcement) -> Row:
    return {
        "alive": alive(record),
        "state": record.state.value,
        "incident": record.incident,
        "created_at": record.created_at,
    }


def _window(record: Window) -> Row:
    return {
        "alive": alive(record),
        "state": record.state.value,
        "maintenance": record.maintenance,
        "starts_at": record.starts_at,
        "ends_at": record.ends_at,
    }


def _notification(record: Notification) -> Row:
    return {
        "dedup_key": record.dedup_key,
        "state": record.state.value,
        "kind": record.kind.value,
        "incident": record.incident,
        "channel": record.channel,
        "priority": priority(record),
        "attempts": record.attempts,
        "created_at": record.created_at,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "reason": record.reason.value if record.reason else None,
        "detail": record.detail[:DETAIL_MAX],
        "provider_id": "",
        "bundle": record.bundle or None,
        "owner": None,
        "lease_until": None,
    }


SHELVES: Final[Mapping[type, Shelf]] = {
    Alert: Shelf(
        table=schema.alerts, columns=_alert, filters=("state", "incident"), order=("changed_at", "id")
    ),
    Incident: Shelf(
        table=schema.incidents,
        columns=_incident,
        prefix="INC",
        filters=("state", "service"),
        services=lambda record: record.services,
    ),
    Escalation: Shelf(table=schema.escalations, columns=lambda _: {}, order=("id",)),
    Ticket: Shelf(
        table=schema.tickets, columns=_ticket, prefix="T", filters=("state", "incident", "service")
    ),
    Announcement: Shelf(
        table=schema.announcements,
        columns=_announcement,
        prefix="A",
        filters=("state", "incident", "service"),
        services=lambda record: record.services,
    ),
    Silence: Shelf(table=schema.silences, columns=lambda record: {"ends_at": record.ends_at}, prefix="S"),
    Maintenance: Shelf(
        table=schema.maintenances, columns=lambda record: {"alive": alive(record)}, prefix="M"
    ),
    Window: Shelf(
        table=schema.windows,
        columns=_window,
        prefix="W",
        filters=("state", "maintenance", "service"),
        services=lambda record: record.services,
    ),
    Notification: Shelf(
        table=schema.outbox,
        columns=_notification,
        prefix="N",
        filters=("state", "kind", "incident", "service"),
        services=lambda record: record.services,
    ),
    Proof: Shelf(table=schema.proofs, columns=lambda record: {"at": record.at}, order=("at", "id")),
    Recovery: Shelf(
        table=schema.recoveries,
        columns=lambda record: {"service": record.service, "at": record.at},
        prefix="R",
        filters=("service",),
    ),
    Entry: Shelf(
        table=schema.timeline,
        columns=lambda record: {"incident": record.incident, "at": record.at},
        prefix="E",
        filters=("incident",),
    ),
}


class _Raw(sa.types.UserDefinedType[object]):
    """A value as the driver gives it."""

    cache_ok = True


def to_row(record: Document) -> Row:
    """Turn a record into its row; raise StoreError for one that holds what no document can."""
    kind = type(record)
    try:
        shelf = SHELVES[kind]
        body = _writer(cast("Hashable", kind))(record).decode()
        row = {"id": record.id, **shelf.columns(record), "body": body}
        if "number" in shelf.table.c:
            row["number"] = number(record.id, shelf.prefix)
    except (AttributeError, LookupError, TypeError, ValueError) as err:
        key = getattr(record, "id", "")
        raise StoreError(
            f"cannot record {kind.__name__.lower()} {key!r}: it cannot be written down", fault=Fault.REFUSED
        ) from err
    return row


def from_row(kind: type[D], row: sa.Row[Any]) -> D:
    """Turn a row back into its record; raise ValueError where the document cannot be understood.

    Fields the document does not know take their defaults, fields we do not know are left out: neighbouring
    versions of the program read each other's documents. Of a notification, delivery's columns are true, but for that
    it was called off while it was being sent: only the document tells that.
    """
    try:
        record = adapter(cast("Hashable", kind)).validate_json(row.body)
    except ValidationError as err:
        where = ", ".join(".".join(map(str, error["loc"])) for error in err.errors()[:3])
        raise ValueError(f"cannot read {kind.__name__.lower()} {row.id}: {where or 'no document'}") from None
    if record is None or record.id != row.id:
        raise ValueError(f"cannot read {kind.__name__.lower()} {row.id}: it holds another's document")
    if isinstance(record, Notification):
        state = NotificationState(row.state)
        if state is NotificationState.SENDING and record.state is NotificationState.CANCELLED:
            record = replace(record, attempts=int(row.attempts), not_before=instant(row.not_before))
            return cast("D", record)
        record = replace(
            record,
            state=state,
            attempts=int(row.attempts),
            not_before=instant(row.not_before),
            reason=Reason(row.reason) if row.reason else None,
            detail=str(row.detail),
        )
    return cast("D", record)


def instant(stored: object) -> datetime:
    """Read a time as the driver gives it: so one that makes no sense spoils its own row alone."""
    found = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def readable(kind: type[D], rows: Iterable[sa.Row[Any]]) -> tuple[list[D], list[str]]:
    """Turn rows into records; return them, and the ids of those that cannot be read: one must not hide the rest."""
    found: list[D] = []
    spoilt: list[str] = []
    for row in rows:
        try:
            found.append(from_row(kind, row))
        except ValueError as err:
            log.error("%s", err)  # noqa: TRY400 - the message says it all
            spoilt.append(row.id)
    return found, spoilt


def columns(kind: type[D]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the columns `from_row` needs."""
    table = SHELVES[kind].table
    if kind is Notification:
        names = ("id", "body", "state", "attempts", "reason", "detail")
        return *(table.c[name] for name in names), sa.type_coerce(table.c.not_before, _Raw).label(
            "not_before"
        )
    return table.c.id, table.c.body


def number(key: str, prefix: str) -> int:
    """Return the number in an id such as `INC-12`; 0 where it is none of ours."""
    head, dash, digits = key.rpartition("-")
    return int(digits) if dash and head == prefix and digits.isdecimal() and len(digits) < 19 else 0


@functools.cache
def adapter(kind: Hashable) -> TypeAdapter[Any]:
    """Return what reads and writes documents of one type, made when first needed.

    `| None` is there because pydantic takes no settings beside a bare dataclass; infinities stay what they are.
    """
    return TypeAdapter(cast("Any", kind) | None, config=ConfigDict(ser_json_inf_nan="strings"))


@functools.cache
def _writer(kind: Hashable) -> Callable[[Any], bytes]:
    """Return what writes documents of one type, without the settings that are asked for at each call otherwise."""
    return adapter(kind).serializer.to_json
