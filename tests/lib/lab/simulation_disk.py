"""A simulated store: documents and delivery's columns in memory, with the promises of the real one.

What is written is what the real documents hold; what is loaded comes back through them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.incidents.silence import Silence
from alerting.notification import Notification
from alerting.oncall.escalation import Escalation
from alerting.state import RECORDS, RECOVERIES_KEPT, Changes, Record, Recovery, State, alive
from alerting.tickets.ticket import Ticket
from lab.model_records import ALIVE
from monitor.store.documents import from_row, to_row

PENDING, SENDING = ALIVE


class Disk:
    """What is durable."""

    def __init__(self) -> None:
        self.rows: dict[type, dict[str, dict[str, Any]]] = {kind: {} for kind in RECORDS}
        self.numbers: dict[str, int] = {}
        self.left_out: list[str] = []
        """Notifications left out since their key was there already."""
        self._keys: dict[str, str] = {}
        self._waiting: dict[str, dict[str, Any]] = {}
        """Rows of the outbox that are pending or being sent."""

    def record(self, group: Iterable[Changes]) -> None:
        """Write many decisions in one transaction: receipts, then records, then the timeline."""
        group = list(group)
        last: dict[tuple[type, str], Record] = {}
        for changes in group:
            for receipt in changes.receipts:
                row = self.rows[Notification].get(receipt.notification)
                if row is not None and row["state"] == SENDING and row["attempts"] == receipt.attempt:
                    row["state"] = receipt.state.value
                    row["reason"] = receipt.reason.value if receipt.reason else None
                    row["detail"] = receipt.detail
                    row["not_before"] = receipt.retry_at or row["not_before"]
            last |= {(type(record), record.id): record for record in changes.records}
            for entry in changes.entries:
                self._count(entry.id)
        for (kind, key), record in last.items():
            self._count(key)
            if isinstance(record, Notification):
                self._notification(record)
            else:
                self.rows[kind][key] = {**to_row(record), "alive": alive(record)}
        for key in [key for key, row in self._waiting.items() if row["state"] not in ALIVE]:
            del self._waiting[key]

    def _notification(self, record: Notification) -> None:
        """A row that is known keeps what delivery says of it, unless it still waits and the decision ends it."""
        new, old = to_row(record), self.rows[Notification].get(record.id)
        if old is None:
            if new["dedup_key"] in self._keys:
                self.left_out.append(record.id)
                return
            self._keys[new["dedup_key"]] = record.id
            self.rows[Notification][record.id] = self._waiting[record.id] = new
            return
        for name in ("body", "channel", "bundle", "incident", "priority", "not_after"):
            if name in new:
                old[name] = new[name]
        if old["state"] == PENDING:  # attempts made from memory while the disk failed count
            old["attempts"] = max(old["attempts"], new["attempts"])
        if old["attempts"] == 0 or old["not_before"] < new["not_before"]:
            old["not_before"] = new["not_before"]
        if old["state"] == PENDING and new["state"] not in ALIVE:
            old |= {name: new[name] for name in ("state", "reason", "detail")}

    def _count(self, number: str) -> None:
        prefix, _, digits = number.rpartition("-")
        if digits.isdecimal():
            self.numbers[prefix] = max(self.numbers.get(prefix, 0), int(digits))

    def claim(self, now: datetime, most: int, full: frozenset[str]) -> list[Notification]:
        """Mark what is due as being sent and return it, the most urgent first; bundles whole."""
        due = [
            row
            for row in self._waiting.values()
            if row["state"] == PENDING and row["not_before"] <= now and row["channel"] not in full
        ]
        due.sort(key=_urgency)
        chosen = {row["id"]: row for row in due[:most]}
        together = {(row["bundle"], row["channel"]) for row in chosen.values() if row.get("bundle")}
        for row in due[most:]:
            if (row.get("bundle"), row["channel"]) in together:
                chosen[row["id"]] = row
        for row in chosen.values():
            row["state"] = SENDING
            row["attempts"] += 1
        return [_read(Notification, row) for row in sorted(chosen.values(), key=_urgency)]

    def next_due(self, full: frozenset[str]) -> datetime | None:
        """Return when the first of what is pending may be sent."""
        waits = [
            row["not_before"]
            for row in self._waiting.values()
            if row["state"] == PENDING and row["channel"] not in full
        ]
        return min(waits, default=None)

    def sending(self) -> list[Notification]:
        """Return what is marked as being sent."""
        return [_read(Notification, row) for row in self._waiting.values() if row["state"] == SENDING]

    def waiting(self) -> list[str]:
        """Return the ids of what is pending or being sent."""
        return list(self._waiting)

    def load(self, now: datetime, dice: Random) -> State:
        """Return what is still going on; in no order that anything may rest upon."""
        state = State(numbers=dict(self.numbers))
        going_on = {key for key, row in self.rows[Incident].items() if row["alive"]}
        for kind, rows in self.rows.items():
            found = [row for row in rows.values() if self._wanted(kind, row, now, going_on)]
            if kind not in (Recovery, Incident, Ticket):  # whose turn it is first rests upon their order
                dice.shuffle(found)
            records = [cast("Record", _read(kind, row)) for row in found]
            state.records[kind].update((record.id, record) for record in records)
        self._trim(state)
        return state

    def _wanted(self, kind: type, row: dict[str, Any], now: datetime, going_on: set[str]) -> bool:
        if kind is Notification:
            return row["incident"] in going_on or row["state"] in ALIVE
        if kind is Escalation:
            return row["id"] in going_on
        if kind is Silence:
            return cast("datetime", row["ends_at"]) > now
        return cast("bool", row["alive"])

    def _trim(self, state: State) -> None:
        by_service: dict[str, list[Recovery]] = {}
        for record in cast("list[Recovery]", list(state.records[Recovery].values())):
            by_service.setdefault(record.service, []).append(record)
        for records in by_service.values():
            for old in sorted(records, key=lambda one: one.at)[:-RECOVERIES_KEPT]:
                del state.records[Recovery][old.id]

    def has(self, notification: str) -> bool:
        """Tell whether a notification is recorded."""
        return notification in self.rows[Notification]

    def announced(self, announcement: str) -> str | None:
        """Return the state of an announcement as it is recorded; None where there is none."""
        row = self.rows[Announcement].get(announcement)
        return None if row is None else cast("str", row["state"])


def _read(kind: Any, row: dict[str, Any]) -> Any:
    return from_row(kind, cast("Any", SimpleNamespace(**row)))


def _urgency(row: dict[str, Any]) -> tuple[int, datetime, int]:
    return row["priority"], row["not_before"], row["number"]
