"""The judge: gives the reference model what the desk was given, and compares the two accounts after every input."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, cast

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.inputs import Input, Publish, Say
from alerting.notification import Notification
from alerting.plan import Plan
from alerting.state import Changes, State
from alerting.tickets.ticket import Ticket
from lab.model import Given, Model, Spoke
from lab.model_records import Alarm, Mail, No, Outage, Work
from probes.sample import Sample

MODELLED: Final = ("page", "recovery", "ticket", "reminder")
PROMISES: Final = ("eta_lapsed", "update_due")
"""Reminders of promises to customers, which are not modelled."""
_TIME: Final = re.compile(r"\.\d{4}-\d\d-\d\dT.*$")

Key = tuple[str, str, str, str, str, datetime]


class Divergence(AssertionError):
    """The desk and the model tell different stories, or a promise is broken."""


class Judge:
    """Both accounts, side by side."""

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.model = Model(plan, now)
        self.log: list[tuple[Given, datetime, Plan, dict[Key, str]]] = []
        """What was heard since the last restart, with the names the desk gave to new messages."""
        self.adopted: dict[int, list[Notification]] = {}
        """By the place of an input, the messages that the model takes over as they are."""
        self.started = self.model.copy()

    # --- what is heard

    def heard(
        self, given: Input | Sample, changes: Changes | None, state: State, now: datetime, plan: Plan
    ) -> int:
        """Compare after one input; return its place among all since the last restart."""
        told = self._for_model(given, changes)
        names: dict[Key, str] = {}
        if told is not None:
            try:
                self.model.take(told, now, plan)
            except No as no:
                raise Divergence(f"the desk carries out what the model refuses ({no}): {given}") from None
            self._compare(given, changes or Changes(), state, names)
        self.log.append((told or Spoke(incident=""), now, plan, names))
        return len(self.log) - 1

    def refused(self, given: Input, now: datetime, plan: Plan) -> None:
        """The desk refuses: so does the model."""
        if isinstance(given, Publish | Say):
            return
        try:
            self.model.take(given, now, plan)
        except No:
            return
        raise Divergence(f"the desk refuses what the model carries out: {given}")

    def _for_model(self, given: Input | Sample, changes: Changes | None) -> Given | None:
        if not isinstance(given, Publish | Say):
            return given
        records = changes.records if changes else ()
        return next((Spoke(incident=one.incident) for one in records if isinstance(one, Announcement)), None)

    # --- restarts

    def lost(self, place: int) -> list[Given]:
        """The process died before what was heard from there on was recorded: it has not happened. Return that."""
        self.model = self.started.copy()
        gone = [given for given, *_ in self.log[place:]]
        kept, self.log, adopted, self.adopted = self.log[:place], [], self.adopted, {}
        for given, now, plan, names in kept:
            self.model.take(given, now, plan)
            for mail in self.model.book.fresh:
                if mail.key in names:
                    self.model.mail[names[mail.key]] = mail
            for row in adopted.get(len(self.log), []):
                self.model.mail[row.id] = self._adopt(row)
            self.log.append((given, now, plan, names))
        return gone

    def restarted(self, state: State) -> None:
        """A new process has read its state back: it is what was recorded."""
        rows = cast("Iterable[Notification]", list(state.records[Notification].values()))
        self.model.restarted(rows)
        self.compare_all(state, "after a restart")
        self.log.clear()
        self.adopted.clear()
        self.started = self.model.copy()

    # --- comparing

    def _compare(self, given: Any, changes: Changes, state: State, names: dict[Key, str]) -> None:
        self._new_messages(given, changes, names)
        ids: dict[type, set[str]] = {Alert: set(), Incident: set(), Ticket: set(), Notification: set()}
        for record in changes.records:
            if type(record) in ids:
                ids[type(record)].add(record.id)
        for thing in self.model.book.touched.values():
            match thing:
                case Alarm(key=key):
                    ids[Alert].add(key)
                case Outage(id=number):
                    ids[Incident].add(number)
                case Work(id=number):
                    ids[Ticket].add(number)
        for name in ids[Notification]:
            self._same(given, name, state.records[Notification].get(name), self.model.mail.get(name), changes)
        by_mail = {id(mail): name for name, mail in self.model.mail.items()} if self._mails_touched() else {}
        for thing in self.model.book.touched.values():
            if isinstance(thing, Mail) and id(thing) in by_mail:
                name = by_mail[id(thing)]
                self._same(given, name, state.records[Notification].get(name), thing, changes)
        book = self.model.book
        for key in ids[Alert]:
            self._equal(given, key, _alert(state.records[Alert].get(key)), _alarm(book.alarms.get(key)))
        for key in ids[Incident]:
            self._equal(
                given, key, _incident(state.records[Incident].get(key)), _outage(book.outages.get(key))
            )
        for key in ids[Ticket]:
            self._equal(given, key, _ticket(state.records[Ticket].get(key)), _work(book.tickets.get(key)))

    def _mails_touched(self) -> bool:
        return any(isinstance(thing, Mail) for thing in self.model.book.touched.values())

    def _new_messages(self, given: Any, changes: Changes, names: dict[Key, str]) -> None:
        known, book = self.model.mail, self.model.book
        rows = {
            key_of(record): record
            for record in changes.records
            if isinstance(record, Notification) and record.id not in known and _to_staff(record)
        }
        mine = {mail.key: mail for mail in book.fresh}
        missing = [_words(key) for key in mine if key not in rows]
        beyond = [_words(key) for key, row in rows.items() if key not in mine and not _promise(row)]
        if missing or beyond:
            raise Divergence(f"messages on {_short(given)}: missing {missing}, not expected {beyond}")
        for key, row in rows.items():
            if key not in mine:  # reminds of a promise to customers: taken over as it is
                mine[key] = self._adopt(row)
            known[row.id] = mine[key]
            names[key] = row.id
        for key, row in rows.items():
            theirs = (row.not_before, row.bundle_until, known.get(row.bundle) if row.bundle else None)
            mail = mine[key]
            if theirs != (mail.not_before, mail.until, mail.bundle) and mail.state != "cancelled":
                words = f"{mail.not_before} {mail.until} {mail.bundle.key if mail.bundle else None}"
                raise Divergence(
                    f"{row.id} ({_words(key)}) on {_short(given)}: leaves {row.not_before} with {row.bundle!r}"
                    f" until {row.bundle_until}, in the model {words}"
                )

    def _adopt(self, row: Notification) -> Mail:
        kind, about, word, to, channel, created = key_of(row)
        book = self.model.book
        mail = Mail(
            kind=kind,
            about=about,
            word=word,
            to=to,
            channel=channel,
            rest=row.by,
            created=created,
            not_before=row.not_before,
            not_after=row.not_after,
            incident=row.incident,
            ticket=row.ticket,
            bundle=self.model.mail.get(row.bundle),
            until=row.bundle_until,
            number=book.count(),
        )
        if row.bundle == row.id:
            mail.bundle = mail
        book.mails.setdefault(about, []).append(mail)
        self.adopted[len(self.log)] = [*self.adopted.get(len(self.log), []), row]
        return mail

    def _same(self, given: Any, name: str, row: Any, mail: Mail | None, changes: Changes) -> None:
        if mail is None:
            return
        if row is None:  # left with its incident, or ended in this very decision
            row = next(
                (one for one in changes.records if isinstance(one, Notification) and one.id == name), None
            )
            if row is None:
                if mail.alive:
                    raise Divergence(f"{name} on {_short(given)}: gone, and the model has it {mail.state}")
                return
        mine = (mail.state, mail.attempts, mail.moved, mail.repeated, mail.rest)
        theirs = (row.state.value, row.attempts, row.moved_on, row.repeated, row.by)
        if mine != theirs:
            words = _words(mail.key)
            raise Divergence(f"{name} ({words}) on {_short(given)}: the desk has {theirs}, the model {mine}")

    def compare_all(self, state: State, when: str) -> None:
        """Compare everything."""
        book = self.model.book
        alarms = {key: alarm for key, alarm in book.alarms.items() if alarm.state != "ok"}
        tables: list[tuple[type, Any, Any, Any]] = [
            (Alert, alarms, _alert, _alarm),
            (Incident, book.outages, _incident, _outage),
            (Ticket, book.tickets, _ticket, _work),
        ]
        for kind, mine, theirs, ours in tables:
            known = state.records[kind]
            for key in sorted({*known, *mine}):
                self._equal(when, key, theirs(known.get(key)), ours(mine.get(key)))
        for name, mail in self.model.mail.items():
            row = state.records[Notification].get(name)
            if row is not None:
                self._same(when, name, row, mail, Changes())
            elif mail.alive or (not mail.forgotten and mail.incident in book.outages):
                raise Divergence(
                    f"{name} ({_words(mail.key)}) {when}: gone, and the model has it {mail.state}"
                )

    def _equal(self, given: Any, key: str, theirs: Any, mine: Any) -> None:
        if theirs != mine:
            raise Divergence(f"{key} on {_short(given)}: the desk has {theirs}, the model {mine}")


def key_of(row: Notification) -> Key:
    """Return what a message to staff is: its kind, what it is about, its step, reader, channel and moment."""
    return (
        row.kind.value,
        row.incident or row.ticket or "",
        _TIME.sub("", row.step),
        row.to or "",
        row.channel,
        row.created_at,
    )


def _to_staff(row: Notification) -> bool:
    return row.kind.value in MODELLED and row.to is not None


def _promise(row: Notification) -> bool:
    return row.step.startswith(PROMISES)


def _words(key: Key) -> str:
    kind, about, word, to, channel, at = key
    return f"{kind} {about} {word} to {to} by {channel} at {at:%H:%M:%S}"


def _short(given: Any) -> str:
    return str(given)[:300]


def _alert(record: Any) -> Any:
    if record is None:
        return None
    return record.state.value, record.severity, record.incident if record.state.active else None


def _alarm(alarm: Alarm | None) -> Any:
    if alarm is None or alarm.state == "ok":
        return None
    return alarm.state, alarm.severity, alarm.incident if alarm.active else None


def _incident(record: Any) -> Any:
    if record is None:
        return None
    said = record.acknowledgement
    return (
        record.state.value,
        record.severity,
        record.group,
        record.services,
        record.opening,
        bool(record.quiet),
        (said.by, said.until, said.reminded_at) if said else None,
        record.opened_at,
        record.resolved_at,
        record.reason.value if record.reason else None,
        record.ticket,
        record.flapping is not None,
    )


def _outage(outage: Outage | None) -> Any:
    if outage is None:
        return None
    return (
        outage.state,
        outage.severity,
        outage.group,
        outage.services,
        outage.opening,
        outage.quiet,
        (outage.acked_by, outage.acked_until, outage.reminded) if outage.acked else None,
        outage.opened,
        outage.resolved,
        outage.reason,
        outage.ticket,
        outage.flaps,
    )


def _ticket(record: Any) -> Any:
    if record is None:
        return None
    return (
        record.state.value,
        record.ticket_class.value,
        record.assignee,
        record.opened_at,
        record.remind_at,
        record.respond_by,
        record.resolve_by,
        record.responded_at,
        record.resolved_at,
        record.reminded_at is not None,
        record.warned_at is not None,
        record.breached,
    )


def _work(ticket: Work | None) -> Any:
    if ticket is None:
        return None
    return (
        ticket.state,
        ticket.cls,
        ticket.assignee,
        ticket.opened,
        ticket.remind_at,
        ticket.respond_by,
        ticket.resolve_by,
        ticket.responded,
        ticket.resolved,
        ticket.reminded,
        ticket.warned,
        ticket.breached,
    )
