"""The state of everything that is going on, and the changes a decision makes to it.

A `State` is what is recorded and still matters: what is closed leaves it and stays in the store. Deciding
reads it and returns `Changes`; they are recorded in one transaction, then applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.incidents.incident import Entry, Incident, IncidentState
from alerting.incidents.maintenance import Maintenance, Window
from alerting.incidents.silence import Silence
from alerting.index import Index
from alerting.notification import Kind, Notification, NotificationState, Receipt
from alerting.oncall.escalation import Escalation
from alerting.severity import Severity
from alerting.tickets.ticket import Ticket, TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A check has worked at least once. Its id is the check's name."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How long one past outage of a service lasted, in seconds; what recovery times are expected from."""

    id: str
    service: str
    at: datetime
    seconds: float


Record = (
    Alert
    | Incident
    | Escalation
    | Ticket
    | Announcement
    | Silence
    | Maintenance
    | Window
    | Notification
    | Proof
    | Recovery
)

RECORDS: Final[tuple[type[Record], ...]] = (
    Alert,
    Incident,
    Escalation,
    Ticket,
    Announcement,
    Silence,
    Maintenance,
    Window,
    Notification,
    Proof,
    Recovery,
)

RECOVERIES_KEPT: Final = 50
"""Past recoveries kept per service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one decision does: records to write, timeline entries to add, receipts to book. All or nothing."""

    records: tuple[Record, ...] = ()
    entries: tuple[Entry, ...] = ()
    receipts: tuple[Receipt, ...] = ()

    def __bool__(self) -> bool:
        """True where there is anything to record."""
        return bool(self.records or self.entries or self.receipts)


def alive(record: Record) -> bool:
    """True while `record` still bears on decisions."""
    lives = _LIVES.get(type(record))
    return lives is None or lives(record)


_LIVES: Final[Mapping[type, Callable[[Any], bool]]] = {
    Alert: lambda alert: alert.state.alive,
    Incident: lambda incident: incident.state is not IncidentState.CLOSED,
    Ticket: lambda ticket: ticket.state is not TicketState.CLOSED,
    Announcement: lambda one: one.state is not AnnouncementState.RESOLVED and not one.withdrawn,
    Silence: lambda silence: not silence.over,
    Maintenance: lambda work: not work.over,
    Window: lambda window: window.state.live,
    Notification: lambda row: row.state.alive,
}
"""By type, as nothing else is asked as often."""


@dataclass(slots=True)
class State:
    """Records by type and id, and the last number given out per prefix (`INC`, `T`, `A`, `S`, `N`, `E`).

    Notifications stay until their incident leaves, so that it is known who was told; those of no incident, or of
    one that has left, until they are through. Of a service's recoveries the last `RECOVERIES_KEPT` stay.
    """

    records: dict[type, dict[str, Record]] = field(default_factory=lambda: {kind: {} for kind in RECORDS})
    numbers: dict[str, int] = field(default_factory=dict)
    _indexes: dict[type, Index[Record]] = field(default_factory=dict, repr=False, compare=False)

    def apply(self, changes: Changes) -> None:
        """Take over recorded changes."""
        for record in changes.records:
            self._put(record, alive(record) or self._remembered(record))
            self._count(record.id)
            if isinstance(record, Incident) and not alive(record):
                self._forget(record.id)
            elif isinstance(record, Recovery):
                for old in list(self.about(Recovery, record.service))[:-RECOVERIES_KEPT]:
                    self._put(self.records[Recovery][old], stays=False)
        for entry in changes.entries:
            self._count(entry.id)

    def about(self, kind: type[Record], key: str) -> dict[str, None]:
        """Return the ids of the records of one type that are about `key`, oldest first; see `keys_of`."""
        index = self._indexes.get(kind)
        if index is None or index.size != len(self.records[kind]):  # filled by whoever loaded us
            index = self._indexes[kind] = Index(keys_of, _by_age(self.records[kind]))
        return index.of(key)

    def _put(self, record: Record, stays: bool) -> None:
        kind = type(record)
        table = self.records[kind]
        before = table.get(record.id)
        index = self._indexes.get(kind)
        if index is not None and index.size == len(table):
            index.change(record.id, before, record if stays else None)
        elif index is not None:
            del self._indexes[kind]  # somebody has put records beside us: it is made anew when it is asked
        if stays:
            table[record.id] = record
        else:
            table.pop(record.id, None)

    def _remembered(self, record: Record) -> bool:
        return isinstance(record, Notification) and record.incident in self.records[Incident]

    def _count(self, number: str) -> None:
        prefix, _, digits = number.rpartition("-")
        if prefix in PREFIXES and digits.isdecimal() and (given := int(digits)) > self.numbers.get(prefix, 0):
            self.numbers[prefix] = given

    def _forget(self, incident: str) -> None:
        self.records[Escalation].pop(incident, None)
        for key in list(self.about(Notification, incident)):
            row = self.records[Notification][key]
            if not alive(row):
                self._put(row, stays=False)


PREFIXES: Final = frozenset(("INC", "T", "A", "S", "M", "W", "N", "E", "R"))


def keys_of(record: Record) -> Iterable[str]:
    """Tell what a record is about: its incident, its service, or of an incident its group and `has:SERVICE`."""
    keys = _KEYS.get(type(record))
    return () if keys is None else keys(record)


WITHHELD: Final = "withheld"
"""Alerts that fire and have no incident: they fall into a maintenance."""

COLLECTED: Final = (Kind.PAGE, Kind.RECOVERY, Kind.REMINDER, Kind.TICKET)
"""Kinds of message that wait for their like."""

_HURRIED: Final = (Kind.PAGE, Kind.RECOVERY)

_LEAVES: Final = (
    NotificationState.PENDING,
    NotificationState.SENDING,
    NotificationState.ACCEPTED,
    NotificationState.AMBIGUOUS,
)
"""States of what leaves, or may have left: what was called off or has failed told nobody anything."""

WAITS: Final = "waits"
"""What has not reached a person yet and has another channel to try."""


SELF_TEST: Final = "self-test"
"""The step of tests of a channel, and the key of those that are under way."""


HELD: Final = "held"
"""Alerts that wait until what they depend on has been looked at."""


def symptom_key(incident: str) -> str:
    """Return the key of the symptoms that an incident has beside its own alerts."""
    return f"symptom:{incident}"


def awaited_key(check: str) -> str:
    """Return the key of alerts that wait for an answer of a check."""
    return f"awaits:{check}"


def critical_key(check: str) -> str:
    """Return the key of a check's alerts that are critical now."""
    return f"critical:{check}"


def merged_key(incident: str) -> str:
    """Return the key of incidents that were merged into one."""
    return f"into:{incident}"


def _about_alert(alert: Alert) -> tuple[str, ...]:
    keys = []
    if alert.incident is not None:
        keys.append(symptom_key(alert.incident) if alert.symptom_of else alert.incident)
    if alert.state.active and alert.severity is Severity.CRITICAL:
        keys.append(critical_key(alert.key.check))
    if alert.held:
        keys += (HELD, *map(awaited_key, alert.awaits))
    if alert.suppressed and alert.incident is None and alert.state.active:
        keys.append(WITHHELD)
    return (*keys, *alert.mutes)


def _about_incident(incident: Incident) -> tuple[str, ...]:
    keys = (incident.group, *(f"has:{service}" for service in incident.services))
    return keys if incident.merged_into is None else (*keys, merged_key(incident.merged_into))


def person_key(kind: Kind, to: str, *, collected: bool) -> str:
    """Return the key of what leaves, or has left, for a person; what was collected is kept apart."""
    return f"{'bundled' if collected else 'single'}:{kind.value}:{to}"


def bundle_key(bundle: str, channel: str) -> str:
    """Return the key of what waits in a bundle on a channel."""
    return f"bundle:{bundle}:{channel}"


def channel_key(kind: Kind, channel: str) -> str:
    """Return the key of what waits on a channel and concerns that channel only."""
    return f"{kind.value}:{channel}"


def _about_notification(row: Notification) -> tuple[str, ...]:
    keys = [about] if (about := row.incident or row.announcement) is not None else []
    if row.kind in COLLECTED and row.to is not None and row.state in _LEAVES and row.step != SELF_TEST:
        keys.append(person_key(row.kind, row.to, collected=row.bundle_until is not None))
        if row.state is NotificationState.PENDING:
            if row.bundle:
                keys.append(bundle_key(row.bundle, row.channel))
            if row.kind in _HURRIED and row.by and not row.moved_on:
                keys.append(WAITS)
    if row.kind is Kind.HEARTBEAT and row.state is NotificationState.PENDING:
        keys.append(channel_key(row.kind, row.channel))
    elif row.step == SELF_TEST and row.state.alive:
        keys.append(SELF_TEST)
    return tuple(keys)


_KEYS: Final[Mapping[type, Callable[[Any], Iterable[str]]]] = {
    Notification: _about_notification,
    Alert: _about_alert,
    Incident: _about_incident,
    Window: lambda window: (window.maintenance,),
    Recovery: lambda recovery: (recovery.service,),
}


def _by_age(records: dict[str, Record]) -> dict[str, Record]:
    """Return notifications oldest first, whatever order they were loaded in; the rest as it is."""
    rows = [row for row in records.values() if isinstance(row, Notification)]
    rows.sort(key=lambda row: row.place)
    return {row.id: row for row in rows} or records


def of(state: State, kind: type[Record]) -> Iterator[Record]:
    """Iterate over the records of one type."""
    yield from state.records[kind].values()
