"""A reference model of the desk: the same promises, written down a second time and in another way.

It is given what the desk is given, samples instead of verdicts, and keeps its own account of alarms, incidents,
escalations, messages to staff and tickets. Where the two accounts differ, one of them is wrong. Words to customers
are not modelled: they are held to rules (`simulation_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from alerting import inputs
from alerting.notification import Notification, NotificationState, Reason, Receipt
from alerting.plan import Plan
from alerting.severity import Severity
from lab import (
    model_bundles,
    model_depends,
    model_mail,
    model_mutes,
    model_outages,
    model_paging,
    model_tickets,
    model_turns,
)
from lab.model_alarms import reads, sees
from lab.model_duty import on_duty
from lab.model_felt import feel
from lab.model_records import Alarm, Book, Mail, No, Outage
from probes.sample import Outcome, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """A person's word to customers, as far as it concerns the staff."""

    incident: str


Given = Sample | Spoke | inputs.Input


class Model:
    """The account."""

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.book = Book(now=now, plan=plan)
        self.mail: dict[str, Mail] = {}
        """By the number the desk has given it."""

    def take(self, given: Given, now: datetime, plan: Plan) -> None:
        """Take in what the desk is given. Raises No where a person is to be refused."""
        book = self.book
        book.now, book.plan = now, plan
        book.touched, book.fresh = {}, []
        _HANDLERS[type(given)](self, given)
        feel(book)

    def copy(self) -> Self:
        """Return an account of its own; what never changes is shared."""
        shared: list[object] = [self.book.plan]
        shared += [alarm.threshold for alarm in self.book.alarms.values()]
        shared += [outage.ladder.steps for outage in self.book.outages.values() if outage.ladder]
        return deepcopy(self, {id(one): one for one in shared})

    def next_due(self) -> datetime | None:
        """Return when the passing of time next brings something, at the earliest."""
        return min(_dues(self.book), default=None)

    # --- what comes in

    def sample(self, sample: Sample) -> None:
        """A check has looked."""
        book = self.book
        check = book.plan.checks.get(sample.check)
        if check is None:
            return
        proven = sample.check in book.proven
        if sample.outcome is Outcome.UP:
            book.proven.add(sample.check)
        looks = [
            (threshold, *seen)
            for threshold in check.thresholds
            for seen in reads(threshold, sample, proven=proven)
        ]
        if check.part is not None and sample.outcome is Outcome.UP:
            looks += [
                (alarm.threshold, alarm.part, frozenset(), frozenset())
                for alarm in book.alarms.values()
                if alarm.check == check.name and alarm.part and alarm.state != "ok"
                if alarm.part not in sample.parts
            ]
        touched: dict[str, None] = {}
        for threshold, part, beyond, held in looks:
            key = "/".join(word for word in (check.name, threshold.id, part) if word)
            alarm = book.alarms.get(key)
            if alarm is None or alarm.state == "ok":
                if not beyond:
                    continue
                alarm = book.alarms[key] = Alarm(key=key, check=check.name, threshold=threshold, part=part)
            alarm.threshold = threshold
            was, before = alarm.active, alarm.severity
            sees(alarm, sample.at, beyond, held)
            if alarm.state in ("pending", "firing"):
                alarm.error = sample.error.value if sample.error else ""
            book.touch(alarm)
            if alarm.state == "firing" and not was:
                model_outages.fires(book, check, alarm)
            elif was and alarm.state == "firing":
                model_outages.goes_on(book, check, alarm, before)
            if alarm.incident is not None and (was or alarm.active):
                touched[alarm.incident] = None
        for number in touched:
            if number in book.outages:
                model_outages.settle(book, book.outages[number])
        if sample.outcome is Outcome.UP:
            model_depends.answered(book, check.name, sample.at)

    def tick(self, _given: inputs.Tick) -> None:
        """Time has passed."""
        book = self.book
        self._mute()
        model_turns.rest(book)
        model_depends.expire(book)
        model_depends.outlived(book)
        model_mutes.warn(book)
        for outage in list(book.outages.values()):
            self._lapse(outage)
        for outage in list(book.outages.values()):
            model_paging.run(book, outage)
        model_bundles.hasten(book)
        model_mail.overdue(book)
        model_tickets.strike(book)
        model_outages.close(book)

    def _mute(self) -> None:
        book = self.book
        for outage in list(book.outages.values()):
            if not outage.active:
                continue
            was, outage.quiet = outage.quiet, model_mutes.covers(book, outage)
            if was is outage.quiet:
                continue
            book.touch(outage)
            if was:
                model_outages.alert(book, outage)
            else:
                model_paging.stop(outage)
                model_mail.call_off(book, outage, "page", "reminder")

    def _lapse(self, outage: Outage) -> None:
        """An acknowledgement that runs out is reminded of; after the grace it no longer holds."""
        book = self.book
        until = outage.acked_until
        if not outage.active or outage.quiet or until is None or book.now < until:
            return
        if outage.severity is not Severity.CRITICAL:
            return
        book.touch(outage)
        if outage.reminded is None:
            outage.reminded = book.now
            known = outage.acked_by in book.plan.people
            for person in (outage.acked_by or "",) if known else on_duty(book.plan, outage.owner, book.now):
                model_mail.remind(book, "reminder", outage, person, "ack")
        elif book.now - outage.reminded >= book.plan.grace:
            outage.acked_by = outage.acked_until = outage.reminded = None
            model_paging.start(book, outage)

    def acknowledge(self, given: inputs.Acknowledge) -> None:
        """Somebody is on it."""
        book, named = self.book, self.book.outages.get(given.incident)
        outage = self._active(model_depends.goes_on_as(book, named).id if named else given.incident)
        if outage is named and given.step and int(given.step.partition(".")[0]) < outage.first_turn:
            raise No("the link is from before it came back")
        lasting = given.lasting or book.plan.acknowledged_for
        until = book.now + lasting
        if given.lasting is None and outage.acked_until is not None:
            until = max(until, outage.acked_until)
        outage.acked_by = given.by or outage.acked_by or ""
        outage.acked_until, outage.reminded = until, None
        model_paging.stop(outage)
        model_mail.call_off(book, outage, "page", "reminder", asked_for=False)
        if given.by is not None:
            model_mail.call_off(book, outage, "page", "reminder", to=given.by)
        ticket = book.tickets.get(outage.ticket or "")
        if ticket is not None and ticket.active:
            model_tickets.accept(book, ticket, given.by)

    def resolve(self, given: inputs.Resolve) -> None:
        """Somebody says it is over."""
        model_outages.end(
            self.book, self._active(given.incident), "false_alarm" if given.false_alarm else "recovered"
        )

    def escalate(self, given: inputs.Escalate) -> None:
        """Somebody wants the next step."""
        outage = self._active(given.incident)
        model_paging.by_hand(self.book, outage)
        self._renew(outage.id)

    def _active(self, number: str) -> Outage:
        outage = self.book.outages.get(number)
        if outage is None or not outage.active:
            raise No("it is over, or never was")
        self.book.touch(outage)
        return outage

    def _renew(self, number: str | None) -> None:
        outage = self.book.outages.get(number or "")
        if outage is not None and outage.active and outage.acked_until is not None:
            outage.acked_until = max(outage.acked_until, self.book.now + self.book.plan.acknowledged_for)
            outage.reminded = None
            self.book.touch(outage)

    def silence(self, given: inputs.AddSilence) -> None:
        """Somebody mutes what fits."""
        model_mutes.add(self.book, given)
        self._mute()

    def unsilence(self, given: inputs.EndSilence) -> None:
        """Somebody ends a silence."""
        model_mutes.end(self.book, given)
        self._mute()

    def works(self, given: inputs.WorkTicket) -> None:
        """Somebody works on a ticket."""
        self._renew(model_tickets.worked(self.book, given).incident)

    def receipt(self, given: inputs.Received) -> None:
        """A provider has answered, or has not."""
        mail = self.mail.get(given.receipt.notification)
        if mail is not None:
            model_mail.booked(self.book, mail, given.receipt)

    def interrupted(self, given: inputs.Interrupted) -> None:
        """A process has died while it was sending."""
        for state, names in (
            (NotificationState.AMBIGUOUS, given.notifications),
            (NotificationState.PENDING, given.unsent),
        ):
            for name in names:
                mail = self.mail.get(name)
                if mail is not None:
                    receipt = Receipt(
                        notification=name,
                        attempt=mail.attempts,
                        state=state,
                        at=self.book.now,
                        reason=Reason.INTERRUPTED,
                        retry_at=self.book.now if state is NotificationState.PENDING else None,
                    )
                    model_mail.booked(self.book, mail, receipt)
                    mail.attempts = max(mail.attempts, given.tried.get(name, 0))

    def reloaded(self, _given: inputs.Reloaded) -> None:
        """Another plan is in force: what is no longer watched ends, and was not seen to recover."""
        book = self.book
        touched: dict[str, None] = {}
        for alarm in list(book.alarms.values()):
            check = book.plan.checks.get(alarm.check)
            watched = [one for one in check.thresholds if one.id == alarm.threshold.id] if check else []
            if watched:
                alarm.threshold = watched[0]
            elif alarm.state != "ok":
                alarm.state = "ok"
                book.touch(alarm)
                if alarm.incident is not None:
                    touched[alarm.incident] = None
        for number in touched:
            outage = book.outages.get(number)
            if outage is None or not outage.active:
                continue
            if book.alarms_of(outage):
                model_outages.settle(book, outage)
            else:
                model_outages.end(book, outage, "unmonitored")
        for outage in list(book.outages.values()):
            if outage.active:
                model_mail.reroute(book, outage)
                model_paging.revive(book, outage)
        model_depends.replanned(book)
        self._mute()  # a silence may have ended while no process ran

    def spoke(self, given: Spoke) -> None:
        """Somebody has spoken to customers about an incident, and so is at work on it."""
        self._renew(given.incident)

    # --- a process that dies

    def restarted(self, rows: Iterable[Notification]) -> None:
        """The state was read back: a claim may have marked rows as being sent, and how often is the store's to say."""
        for row in rows:
            mail = self.mail.get(row.id)
            if mail is None:
                continue
            mail.attempts, mail.not_before, mail.forgotten = row.attempts, row.not_before, False
            if row.state is NotificationState.SENDING:
                mail.state = "sending"
            mails = self.book.mails.setdefault(mail.about, [])
            if mail not in mails:
                mails.append(mail)


def _dues(book: Book) -> list[datetime]:
    found: list[datetime] = [one.held_until for one in book.alarms.values() if one.active and one.held_until]
    for outage in book.outages.values():
        if outage.resolved is not None:
            found.append(outage.resolved + book.plan.reopen_within)
        since = outage.cleared if outage.active else outage.resolved
        if outage.active and outage.flaps:
            found.append(outage.turns[-1] + book.plan.flapping.within)
        if outage.suffered and since is not None:
            found.append(since + book.plan.outlives)
        if not outage.active:
            continue
        ladder = outage.ladder
        if ladder is not None and ladder.due is not None and model_paging.wanted(outage):
            found.append(ladder.due)
        if outage.acked_until is not None and not outage.quiet and outage.severity is Severity.CRITICAL:
            found.append(outage.reminded + book.plan.grace if outage.reminded else outage.acked_until)
    for mute in book.mutes.values():
        found += [at for at in (mute.starts, mute.ends) if at > book.now]
        if not mute.warned and book.now < mute.ends and model_mutes.endangered(book, mute):
            found.append(max(mute.starts, model_mutes.warns_from(book, mute)))
    for ticket in book.tickets.values():
        if ticket.state == "resolved" and ticket.resolved is not None:
            found.append(ticket.resolved + model_tickets.CLOSES)
        elif ticket.active:
            clocks = (
                ticket.remind_at,
                ticket.respond_by,
                model_tickets.warning_at(ticket),
                ticket.resolve_by,
            )
            found += [at for at in clocks if at > book.now]
    for mails in book.mails.values():
        found += [
            max(mail.due, mail.created) + model_mail.PATIENCE
            for mail in mails
            if mail.kind in ("page", "recovery") and mail.state == "pending" and mail.rest and not mail.moved
        ]
    return found


_HANDLERS: Final[Mapping[type, Callable[[Model, Any], None]]] = {
    Sample: Model.sample,
    inputs.Tick: Model.tick,
    inputs.Acknowledge: Model.acknowledge,
    inputs.Resolve: Model.resolve,
    inputs.Escalate: Model.escalate,
    inputs.AddSilence: Model.silence,
    inputs.EndSilence: Model.unsilence,
    inputs.OpenTicket: lambda model, given: model_tickets.opened(model.book, given),
    inputs.WorkTicket: Model.works,
    inputs.Received: Model.receipt,
    inputs.Interrupted: Model.interrupted,
    inputs.Reloaded: Model.reloaded,
    Spoke: Model.spoke,
    inputs.Audit: lambda _model, _given: None,
}
