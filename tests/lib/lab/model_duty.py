"""The reference model's answer to who is on duty and how they are reached."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from alerting.oncall.policy import Policy, Recipients, Step
from alerting.oncall.rota import Rota, Shift, Turn
from alerting.plan import Plan
from lab.model_records import Book, Outage

MONDAY = date(1970, 1, 5)


def on_shift(rota: Rota, now: datetime) -> list[str]:
    """Return who is on by the clock on the rota's wall. A night belongs to the day on which it began."""
    wall = now.astimezone(rota.zone)
    found: list[str] = []
    for shift in rota.shifts:
        for day in (wall.date() - timedelta(days=1), wall.date()):
            if _covers(shift, day, wall):
                found += _whose(shift, day)
    return list(dict.fromkeys(found))


def _covers(shift: Shift, day: date, wall: datetime) -> bool:
    begins = datetime.combine(day, shift.begins)
    ends = datetime.combine(day + timedelta(days=shift.ends <= shift.begins), shift.ends)
    return begins <= wall.replace(tzinfo=None) < ends


def _whose(shift: Shift, day: date) -> tuple[str, ...]:
    if shift.turn is Turn.ALL or not shift.people:
        return shift.people
    days = (day - (shift.start or MONDAY)).days
    return (shift.people[(days // 7 if shift.turn is Turn.WEEKLY else days) % len(shift.people)],)


def meant(plan: Plan, recipients: Recipients, now: datetime) -> list[str]:
    """Return whom a step means now."""
    rota, backup = plan.rotas.get(recipients.rota or ""), plan.rotas.get(recipients.backup or "")
    people = [*(on_shift(rota, now) if rota else []), *(backup.backup if backup else ()), *recipients.people]
    return list(dict.fromkeys(people))


def ways(plan: Plan, person: str, by: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the channels that reach a person, the step's order first where it names any that do."""
    known = plan.people.get(person)
    if known is None:
        return ()
    wanted = [way for way in by if way in known.channels]
    return tuple(way for way in (wanted or known.channels) if way in plan.channels)


def on_duty(plan: Plan, owner: str | None, now: datetime) -> tuple[str, ...]:
    """Return who answers now for what a rota owns."""
    rota = plan.rotas.get(owner or "")
    if rota is None and len(plan.rotas) == 1:
        rota = next(iter(plan.rotas.values()))
    if rota is None:
        return plan.fallback
    return tuple(on_shift(rota, now)) or rota.backup or plan.fallback


def policy_of(plan: Plan, outage: Outage) -> Policy | None:
    """Return the policy of an incident, or what stands in for one that is gone."""
    check = plan.checks.get(outage.cause)
    for name in (outage.policy, check.escalation if check else None):
        if name in plan.policies and plan.policies[name].steps:
            return plan.policies[name]
    if plan.fallback:
        return Policy(id="fallback", steps=(Step(recipients=Recipients(people=plan.fallback)),))
    return next((one for one in plan.policies.values() if one.steps), None)


def leads(book: Book, outage: Outage | None) -> tuple[str, ...]:
    """Return who hears that a clock lapsed: whom the last step means."""
    steps: tuple[Step, ...] = ()
    if outage is not None:
        policy = policy_of(book.plan, outage)
        steps = outage.ladder.steps if outage.ladder else policy.steps if policy else ()
    named = meant(book.plan, steps[-1].recipients, book.now) if steps else []
    return tuple(named) or book.plan.fallback
