"""The reference model's incidents: what firing alarms make of them, and how they end."""

from __future__ import annotations

from alerting.plan import CheckPlan, GroupBy, ServicePlan
from alerting.severity import Severity
from lab import model_depends, model_mail, model_mutes, model_paging, model_tickets, model_turns
from lab.model_alarms import worst
from lab.model_records import Alarm, Book, Outage


def fires(book: Book, check: CheckPlan, alarm: Alarm, *, waited: bool = False) -> None:
    """Put an alarm that has begun to fire into an incident: its cause's, one going on, one just over, or a new one."""
    explained = model_depends.cause(book, check)
    if explained is not None:
        model_depends.suffers(book, *explained, alarm)
        return
    group, services = _group(check)
    near = [one for one in book.outages.values() if _same(one, group, services)]
    near.sort(key=lambda one: one.opened, reverse=True)
    for outage in near:
        if outage.active:
            alarm.symptom_of, alarm.held_at, alarm.held_until = "", None, None
            _joins(book, outage, alarm, services)
            return
    if not waited and model_depends.waits(book, check, alarm):
        return
    alarm.symptom_of, alarm.held_at, alarm.held_until = "", None, None
    for outage in near:
        if outage.into is not None:
            continue
        if outage.resolved is not None and book.now - outage.resolved < book.plan.reopen_within:
            _comes_back(book, outage, alarm, services)
            return
    _opens(book, check, alarm, group, services)


def _group(check: CheckPlan) -> tuple[str, tuple[str, ...]]:
    services = tuple(sorted(check.services))
    if check.group_by is GroupBy.CHECK:
        return f"check:{check.name}", services
    if check.group_by is GroupBy.SERVICE and services:
        return "service:" + "+".join(services), services
    return f"host:{check.host}", services


def _same(outage: Outage, group: str, services: tuple[str, ...]) -> bool:
    if outage.group == group:
        return True
    both = group.startswith("service:") and outage.group.startswith("service:")
    return both and bool(set(services) & set(outage.services))


def _opens(book: Book, check: CheckPlan, alarm: Alarm, group: str, services: tuple[str, ...]) -> None:
    plans = [book.plan.services[name] for name in services if name in book.plan.services]
    outage = Outage(
        id=book.number("INC"),
        group=group,
        services=services,
        severity=alarm.severity,
        cause=check.name,
        host=check.host,
        owner=_first([one.owner for one in plans]) or check.owner,
        policy=_first([one.escalation for one in plans]) or check.escalation,
        opened=book.now,
    )
    alarm.incident = outage.id
    outage.turns = [book.now]
    book.outages[outage.id] = outage
    book.touch(outage)
    outage.quiet = model_mutes.covers(book, outage)
    model_tickets.open_for(book, outage)
    if not outage.quiet:
        alert(book, outage)


def _first(names: list[str | None]) -> str | None:
    return next((name for name in names if name), None)


def alert(book: Book, outage: Outage, *, worse: bool = False) -> None:
    """Tell whoever has to hear: a critical incident pages, a milder one waits on somebody's desk."""
    model_depends.gather(book, outage)
    if outage.severity is Severity.CRITICAL:
        model_paging.start(book, outage, hurry=worse)
    else:
        model_tickets.tell_assignee(book, outage)


def _joins(book: Book, outage: Outage, alarm: Alarm, services: tuple[str, ...]) -> None:
    book.touch(outage)
    alarm.incident = outage.id
    news = set(services) - set(outage.services)
    known = [book.plan.services[name] for name in news if name in book.plan.services]
    wider = any(_public(one) for one in known)
    muted = outage.quiet
    outage.quiet = muted and model_mutes.muted(
        book, alarm, outage
    )  # what it mutes by joining waits for a tick
    outage.services = tuple(sorted({*outage.services, *services}))
    if alarm.severity.rank > outage.severity.rank or (wider and not outage.quiet):
        worsen(book, outage, worst([alarm.severity, outage.severity]))
    elif muted and not outage.quiet:
        alert(book, outage)


def _public(service: ServicePlan) -> bool:
    return service.public


def worsen(book: Book, outage: Outage, severity: Severity) -> None:
    """More severe, or more customers: whoever is on it has to hear that it is another outage now."""
    voided, other = outage.acked, severity is not outage.severity
    outage.severity = severity
    outage.acked_by = outage.acked_until = outage.reminded = None
    if other:
        model_turns.turned(book, outage)
    if outage.flaps and not model_turns.known(book, outage):
        model_turns.calms(outage)
    model_tickets.take_up(book, outage)
    if not outage.quiet:
        alert(book, outage, worse=voided)


def _comes_back(book: Book, outage: Outage, alarm: Alarm, services: tuple[str, ...]) -> None:
    book.touch(outage)
    alarm.incident = outage.id
    outage.state, outage.opening = "open", outage.opening + 1
    outage.services = tuple(sorted({*outage.services, *services}))
    outage.acked_by = outage.acked_until = outage.reminded = None
    outage.resolved = outage.reason = None
    outage.first_turn = outage.ladder.turn + 1 if outage.ladder else 1
    outage.severity = worst([one.severity for one in book.alarms_of(outage)])
    model_mail.call_off(book, outage, "recovery")
    outage.quiet = model_mutes.covers(book, outage)
    model_tickets.take_up(book, outage)
    model_turns.turned(book, outage)
    if not outage.quiet and not outage.flaps:
        alert(book, outage)


def goes_on(book: Book, check: CheckPlan, alarm: Alarm, before: Severity) -> None:
    """An alarm of an incident fires on, maybe more or less severely than before."""
    if alarm.held_until is not None:
        return
    outage = book.outages.get(alarm.incident or "")
    worse = alarm.severity.rank > before.rank
    if outage is None or not outage.active:
        if worse:  # a person ended it, but not this
            fires(book, check, alarm)
        return
    if alarm.severity.rank > outage.severity.rank and not alarm.symptom_of:
        book.touch(outage)
        outage.quiet = model_mutes.covers(book, outage)
        worsen(book, outage, alarm.severity)


def settle(book: Book, outage: Outage) -> None:
    """Bring an incident into the state its alarms are in."""
    if not outage.active:
        return
    book.touch(outage)
    model_depends.clock(book, outage)
    alarms = book.alarms_of(outage)
    if not alarms:
        if outage.state == "open":
            model_turns.turned(book, outage)
        if not outage.flaps and not book.symptoms_of(outage):
            end(book, outage, "recovered")
        elif outage.state == "open":
            outage.state = "recovering"
            model_paging.hold(book, outage)
        return
    top = worst([one.severity for one in alarms])
    if top.rank < outage.severity.rank:
        outage.severity = top
        model_turns.turned(book, outage)
        model_paging.stop(outage)
        model_mail.call_off(book, outage, "page", asked_for=False)
    firing = any(one.state == "firing" for one in alarms)
    if firing and outage.state == "recovering":
        outage.state = "open"
        model_turns.turned(book, outage)
        if not outage.flaps:
            model_paging.go_on(book, outage)
    elif not firing and outage.state == "open":
        model_turns.turned(book, outage)
        outage.state = "recovering"
        model_paging.hold(book, outage)


def end(book: Book, outage: Outage, reason: str, *, anew: bool = False) -> None:
    """It is over. `anew`: also to those who heard so before."""
    book.touch(outage)
    outage.flaps = False
    outage.state, outage.resolved, outage.reason = "resolved", book.now, reason
    model_paging.stop(outage)
    model_mail.call_off(book, outage, "page", "reminder", "ticket")
    if reason == "merged":
        model_tickets.merged(book, outage)
        return
    model_mail.tell_the_end(book, outage, anew=anew)
    model_tickets.resolve_for(book, outage)


def close(book: Book) -> None:
    """Close what can no longer come back under its number."""
    for outage in list(book.outages.values()):
        over = outage.resolved
        if model_depends.goes_on_as(book, outage) is not outage:
            continue
        if outage.state == "resolved" and over is not None and book.now - over >= book.plan.reopen_within:
            outage.state = "closed"
            book.touch(outage)
            del book.outages[outage.id]
            for mail in book.mails_of(outage):
                mail.forgotten = not mail.alive
            book.mails[outage.id] = [mail for mail in book.mails_of(outage) if mail.alive]
