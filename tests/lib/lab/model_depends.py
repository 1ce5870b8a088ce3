"""The reference model's causes and symptoms: what waits for what it depends on, and what is carried by its cause."""

from __future__ import annotations

from datetime import datetime

from alerting.plan import CheckPlan, Plan
from alerting.severity import Severity
from lab import model_outages
from lab.model_duty import policy_of
from lab.model_records import Alarm, Book, Outage


def upstream(plan: Plan, name: str) -> list[str]:
    """Return the checks of all that a check's services depend on, the nearest first; none of services it is in."""
    own = [one for one, service in plan.services.items() if name in service.checks]
    found: list[str] = []
    for start in own:
        line, seen = list(plan.services[start].depends_on), []
        while line:
            service = line.pop(0)
            if service not in plan.services or service in seen or service == start:
                continue
            seen.append(service)
            line += plan.services[service].depends_on
        found += [one for one in seen if one not in found and one not in own]
    checks = [check for service in found for check in plan.services[service].checks]
    both = [one for one in checks if any(one in plan.services[service].checks for service in own)]
    return [one for one in dict.fromkeys(checks) if one not in both]


def cause(book: Book, check: CheckPlan) -> tuple[Outage, str] | None:
    """Return the outage that explains what fires on a check, and the check that is the cause."""
    for name in upstream(book.plan, check.name):
        for alarm in _critical(book, name):
            outage = book.outages.get(alarm.incident or "")
            if outage is not None and _mutes(book, outage):
                return outage, name
    return None


def _critical(book: Book, name: str) -> list[Alarm]:
    return [
        one
        for _, one in sorted(book.alarms.items())
        if one.check == name and one.active and one.severity is Severity.CRITICAL
    ]


def _mutes(book: Book, outage: Outage) -> bool:
    if not outage.active or outage.severity is not Severity.CRITICAL or outage.cleared is not None:
        return False
    if outage.acked or outage.flaps:
        return True
    if outage.quiet:
        return False
    return outage.ladder.due is not None if outage.ladder else policy_of(book.plan, outage) is None


def suffers(book: Book, outage: Outage, name: str, alarm: Alarm) -> None:
    """Carry an alarm as a symptom."""
    alarm.incident, alarm.symptom_of = outage.id, name
    alarm.held_at = alarm.held_until = None
    outage.suffered = True
    book.touch(outage)
    book.touch(alarm)


def waits(book: Book, check: CheckPlan, alarm: Alarm) -> bool:
    """Hold an alarm that depends on what has not been looked at; False where there is nothing to look at."""
    alarm.awaits = [
        name
        for name in upstream(book.plan, check.name)
        if name in book.plan.checks and name in book.proven and not _critical(book, name)
    ]
    if alarm.awaits:
        alarm.incident, alarm.symptom_of = None, ""
        alarm.held_at, alarm.held_until = book.now, book.now + book.plan.await_upstream
        book.touch(alarm)
    return bool(alarm.awaits)


def _held(book: Book) -> list[Alarm]:
    return [one for _, one in sorted(book.alarms.items()) if one.held_until is not None and one.active]


def answered(book: Book, name: str, at: datetime) -> None:
    """A check works: that is what others may wait for."""
    for alarm in _held(book):
        if name in alarm.awaits and alarm.held_at is not None and at >= alarm.held_at:
            alarm.awaits.remove(name)
            if not alarm.awaits:
                _let_go(book, alarm)


def expire(book: Book) -> None:
    """Nothing waits for longer than it may."""
    for alarm in _held(book):
        assert alarm.held_until is not None
        left = alarm.held_until - book.now
        if not alarm.awaits or left <= left * 0 or left > book.plan.await_upstream:
            _let_go(book, alarm)


def _let_go(book: Book, alarm: Alarm) -> None:
    check = book.plan.checks.get(alarm.check)
    if alarm.state != "firing" or check is None:
        return
    alarm.held_at = alarm.held_until = None
    book.touch(alarm)
    model_outages.fires(book, check, alarm, waited=True)
    model_outages.settle(book, book.outages[alarm.incident or ""])


def gather(book: Book, outage: Outage) -> None:
    """Take in what depends on an outage that is about to be paged."""
    if outage.quiet or outage.severity is not Severity.CRITICAL:
        return
    own = [one for one in book.alarms_of(outage) if one.severity is Severity.CRITICAL]
    for name in dict.fromkeys(one.check for one in own):
        for other in list(book.outages.values()):
            theirs = book.alarms_of(other)
            if other is outage or not other.active or not theirs:
                continue
            if all(name in upstream(book.plan, one.check) for one in theirs):
                _merge(book, other, outage, name)
        for alarm in _held(book):
            if name in upstream(book.plan, alarm.check):
                suffers(book, outage, name, alarm)


def _merge(book: Book, other: Outage, into: Outage, name: str) -> None:
    for alarm in [*book.alarms_of(other), *book.symptoms_of(other)]:
        suffers(book, into, alarm.symptom_of or name, alarm)
    other.into = into.id
    model_outages.end(book, other, "merged")


def merged(book: Book, outage: Outage) -> list[Outage]:
    """Return the outages that were merged into one."""
    return [one for one in book.outages.values() if one.into == outage.id]


def goes_on_as(book: Book, outage: Outage) -> Outage:
    """Return what an outage is part of by now."""
    while outage.into is not None and outage.into in book.outages:
        outage = book.outages[outage.into]
    return outage


def spared(book: Book, outage: Outage) -> set[str]:
    """Return who was paged of what was merged into it, and has not answered."""
    return {
        mail.to
        for one in merged(book, outage)
        if not one.acked and one.severity is Severity.CRITICAL
        for mail in book.mails_of(one)
        if mail.kind == "page" and mail.state == "accepted" and not mail.forgotten
        if int(mail.word.partition(".")[0]) >= one.first_turn
    }


def clock(book: Book, outage: Outage) -> None:
    """Keep since when an outage with symptoms has nothing critical of its own."""
    if not outage.suffered:
        return
    grave = any(one.severity is Severity.CRITICAL for one in book.alarms_of(outage))
    outage.cleared = None if grave else outage.cleared or book.now


def outlived(book: Book) -> None:
    """What is still bad long after its cause is an outage of its own."""
    for outage in list(book.outages.values()):
        since = outage.cleared if outage.active else outage.resolved
        if outage.suffered and since is not None and book.now - since >= book.plan.outlives:
            _free(book, outage, [one for one in book.symptoms_of(outage) if one.state == "firing"])


def replanned(book: Book) -> None:
    """What depends on its cause no more is an outage of its own."""
    for outage in list(book.outages.values()):
        symptoms = [one for one in book.symptoms_of(outage) if one.state == "firing"]
        _free(
            book,
            outage,
            [one for one in symptoms if one.symptom_of not in upstream(book.plan, one.check)],
        )


def _free(book: Book, outage: Outage, alarms: list[Alarm]) -> None:
    for alarm in sorted(alarms, key=lambda one: one.key):
        check = book.plan.checks.get(alarm.check)
        if check is None:
            continue
        alarm.incident, alarm.symptom_of = None, ""
        book.touch(alarm)
        model_outages.fires(book, check, alarm, waited=True)
        model_outages.settle(book, book.outages[alarm.incident or ""])
    if alarms:
        model_outages.settle(book, outage)
