"""Maintenance: planned, begun, extended and ended; what still fires when a window ends pages at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.desk import notices, outages, silences, standing, suppression, waiting
from alerting.draft import Draft
from alerting.incidents.maintenance import Maintenance, PlannedWork, Window, WindowState, next_beginning
from alerting.inputs import AddMaintenance, EndMaintenance, ExtendMaintenance, Refusal, Refused, Reloaded
from alerting.state import WITHHELD

LONGEST: Final = timedelta(days=30)
"""The longest window a person may plan at run time."""
NEVER: Final = timedelta(0)


def add(draft: Draft, given: AddMaintenance) -> str:
    """Plan work; where it begins now, it holds at once."""
    work = given.work
    if not (work.services or work.checks):
        raise _senseless("name at least one service or check")
    if not work.author.strip() or not work.reason.strip():
        raise _senseless("an author and a reason are needed")
    _check_known(draft, work)
    if not NEVER < work.length <= LONGEST:
        raise _senseless("a window lasts more than nothing and at most 30 days")
    if work.every is not None and (work.every % timedelta(days=1) or work.every <= work.length):
        raise _senseless("it recurs after whole days, and not before it is over")
    if work.every is None and work.starts_at + work.length <= draft.now:
        raise _senseless("it would be over before it begins")
    number = make(draft, work).id
    clock(draft)
    silences.refresh(draft)
    return number


def _check_known(draft: Draft, work: PlannedWork) -> None:
    for noun, names, known in (
        ("service", work.services, draft.plan.services),
        ("check", work.checks, draft.plan.checks),
    ):
        for name in names:
            if name not in known:
                raise _senseless(f"there is no {noun} {name[:100]!r}")


def _senseless(why: str) -> Refused:
    return Refused(Refusal.INVALID, f"cannot plan a maintenance: {why}")


def make(draft: Draft, work: PlannedWork, origin: str = "") -> Maintenance:
    """Record planned work."""
    first = next_beginning(work, draft.now - work.length)
    return draft.put(
        Maintenance(
            id=draft.number("M"),
            work=work,
            created_at=draft.now,
            next_at=first,
            closes_at=(first or draft.now) + work.length,
            origin=origin,
        )
    )


def end(draft: Draft, given: EndMaintenance) -> str:
    """End the window that goes on; without one, or where all is meant, what is planned is called off too."""
    known = _going(draft, given.maintenance, "end")
    windows = _windows(draft, known)
    active = [window for window in windows if window.state is WindowState.ACTIVE]
    whole = given.whole or not active or known.work.every is None
    if whole and known.origin and known.work.every is not None:
        raise Refused(
            Refusal.CONFLICT,
            f"cannot end {known.id}: it stands in the configuration; take it out there and reload",
        )
    for window in windows if whole else active:
        _end(draft, window, draft.now)
    if whole:
        known = draft.put(replace(known, next_at=None))
        if not known.origin:
            draft.put(replace(known, over=True, closes_at=draft.now))
    _let_go(draft)
    return known.id


def extend(draft: Draft, given: ExtendMaintenance) -> str:
    """Let the window that goes on, or the next one, end at another time."""
    known = _going(draft, given.maintenance, "extend")
    windows = sorted(_windows(draft, known), key=lambda window: window.starts_at)
    if not windows and known.next_at is not None:
        known, window = _plan(draft, known, known.next_at)
    elif windows:
        window = windows[0]
    else:
        raise Refused(Refusal.CONFLICT, f"cannot extend {known.id}: nothing of it is to come")
    begins = window.began_at or window.starts_at
    if given.ends_at <= max(begins, draft.now):
        raise Refused(
            Refusal.INVALID, f"cannot extend {known.id}: it would end before it begins, or is over then"
        )
    if given.ends_at - begins > LONGEST:
        raise Refused(Refusal.INVALID, f"cannot extend {known.id}: a window lasts at most 30 days")
    window = draft.put(replace(window, ends_at=given.ends_at))
    draft.put(replace(known, closes_at=max(known.closes_at, given.ends_at)))
    notices.extended(draft, window)
    return known.id


def _going(draft: Draft, number: str, verb: str) -> Maintenance:
    known = draft.get(Maintenance, number)
    if known is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {number}: there is no such maintenance")
    if known.over or (known.next_at is None and not _windows(draft, known)):
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {number}: it is over")
    return known


def _windows(draft: Draft, known: Maintenance) -> list[Window]:
    """Return its windows that are going on or to come."""
    return list(draft.about(Window, known.id, lambda window: window.state.live))


def clock(draft: Draft) -> None:
    """Plan, begin and end the windows whose time has come."""
    for known in list(draft.all(Maintenance, lambda one: not one.over)):
        ahead = known.work.announce or NEVER
        while known.next_at is not None and known.next_at - ahead <= draft.now:
            known, window = _plan(draft, known, known.next_at)  # noqa: PLW2901 - the same one, a window further
            if known.work.announce is not None and draft.now < window.ends_at:
                notices.prepare(draft, window)
        if known.next_at is None and known.closes_at <= draft.now:
            draft.put(replace(known, over=True))
    ended = False
    for window in list(draft.all(Window, lambda one: one.state.live)):
        ended = _pass(draft, window) or ended
    if ended:
        _release(draft)


def _plan(draft: Draft, known: Maintenance, begins: datetime) -> tuple[Maintenance, Window]:
    """Make the window that begins then, and find the next."""
    work = known.work
    ends = begins + work.length
    window = draft.put(
        Window(
            id=draft.number("W"),
            maintenance=known.id,
            state=WindowState.PLANNED,
            services=_covered(draft, work),
            checks=work.checks,
            reason=work.reason,
            starts_at=begins,
            ends_at=ends,
        )
    )
    following = next_beginning(work, begins) if work.every is not None else None
    return draft.put(replace(known, next_at=following, closes_at=max(known.closes_at, ends))), window


def _covered(draft: Draft, work: PlannedWork) -> tuple[str, ...]:
    """Return its services, and those that depend on them where they are meant too."""
    found = dict.fromkeys(work.services)
    grows = work.dependents
    while grows:
        more = [
            service.id
            for service in draft.plan.services.values()
            if service.id not in found and not found.keys().isdisjoint(service.depends_on)
        ]
        found |= dict.fromkeys(more)
        grows = bool(more)
    return tuple(found)


def _pass(draft: Draft, window: Window) -> bool:
    """Begin or end a window whose time has come; True where it ended."""
    if window.state is WindowState.PLANNED and window.starts_at <= draft.now:
        known = draft.get(Maintenance, window.maintenance)
        began = max(window.starts_at, known.created_at) if known else window.starts_at
        window = draft.put(replace(window, state=WindowState.ACTIVE, began_at=began))
        if draft.now < window.ends_at:
            notices.begun(draft, window)
    if window.state is WindowState.ACTIVE and window.ends_at <= draft.now:
        _end(draft, window, window.ends_at)
        return True
    return False


def _end(draft: Draft, window: Window, at: datetime) -> None:
    state = WindowState.ENDED if window.state is WindowState.ACTIVE else WindowState.CANCELLED
    notices.over(draft, draft.put(replace(window, state=state, ended_at=at)))


def _let_go(draft: Draft) -> None:
    """Have what was quiet by a window that has ended early heard at once."""
    _release(draft)
    silences.refresh(draft)


def _release(draft: Draft) -> None:
    """Open incidents for what was held, still fires, and falls into no window any more."""
    held = draft.about(Alert, WITHHELD, lambda one: one.incident is None and one.state.active)
    for alert in list(held):
        check = draft.plan.checks.get(alert.key.check)
        if check is None or suppression.window_over(draft, check.name) is not None:
            continue
        if alert.state is AlertState.FIRING:
            outages.fire(draft, check, alert)
        else:
            draft.put(replace(alert, suppressed=""))


def reloaded(draft: Draft, given: Reloaded) -> str:
    """A new plan is in force: what is not watched any more ends, and what stands in it holds."""
    waiting.reloaded(draft, given)
    standing.silences_of(draft)
    _stand(draft)
    for alert in list(draft.all(Alert)):
        seen = suppression.marked(draft, alert)
        if seen is not alert:
            draft.put(seen)
    clock(draft)
    _let_go(draft)
    return ""


def _stand(draft: Draft) -> None:
    """Have the work of the configuration planned once each; what was taken out of it ends."""
    wanted = {standing.origin_of(work): work for work in draft.plan.maintenance}
    known = list(draft.all(Maintenance, lambda one: bool(one.origin) and not one.over))
    for origin, work in wanted.items():
        if origin in {one.origin for one in known}:
            continue
        if work.every is not None or draft.now < work.starts_at + work.length:
            make(draft, work, origin)
    for one in known:
        if one.origin not in wanted:
            for window in _windows(draft, one):
                _end(draft, window, draft.now)
            draft.put(replace(one, over=True, next_at=None, closes_at=draft.now))
        else:
            for window in _windows(draft, one):
                draft.put(replace(window, services=_covered(draft, one.work)))
