"""Who is on call: one function for paging, reviews, the calendar and the check of the configuration.

Shifts are written in wall-clock time. Every boundary becomes an instant by one rule: *the first instant at
which the clock on the wall reads that time or later*. In the hour that comes twice this is its first pass;
in an hour (or a whole day) that is skipped it is the moment of the jump. The rule never runs backwards, so
shifts that meet on the wall meet in time: no gap and no overlap, whatever the zone does. A night from 00:00
to 08:00 is then 7 h or 9 h long on the days the clock changes.

Instants are computed in UTC, because subtracting or adding within one zone counts hours on the wall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from alerting.oncall.rota import Day, OnCall, Rota, Shift, Turn
from alerting.wall import instant_of

LOOK_AHEAD: Final = timedelta(days=35)
"""How far `until` looks for a change. Where nothing changes for so long, it names the end of the look."""

MONDAY: Final = date(1970, 1, 5)
"""Anchor of a turn without `start`."""

_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = time(0)
_WEEKDAYS: Final = tuple(Day)


def on_call(rota: Rota, instant: datetime) -> OnCall:
    """Return who is on at `instant`. Several shifts at once: everybody, the shifts' names joined by "+".

    `until` is the first instant after it at which the shifts or the people differ, at most `LOOK_AHEAD` away.
    Raise ValueError when `instant` has no zone or lies outside the years 1970 to 9990.
    """
    at = _utc(instant)
    names, people = _present(rota, at)
    limit = at + LOOK_AHEAD
    until = limit
    for boundary in _boundaries(rota, at):
        if boundary >= limit:
            break
        if boundary > at and _present(rota, boundary) != (names, people):
            until = boundary
            break
    return OnCall(
        rota=rota.id,
        at=at,
        shift="+".join(names) or None,
        people=people,
        backup=rota.backup,
        until=until,
    )


def people_on(rota: Rota, instant: datetime) -> tuple[str, ...]:
    """Return the people `on_call` names, without looking for when that changes: what a storm of pages asks for.

    Raise ValueError as `on_call` does.
    """
    return _present(rota, _utc(instant))[1]


def timeline(rota: Rota, start: datetime, end: datetime) -> list[OnCall]:
    """Return who is on from `start` to before `end`, one entry per change: each `until` is the next `at`.

    The last `until` is the true one and may lie after `end`.
    """
    entries = []
    at, last = _utc(start), _utc(end)
    while at < last:
        entry = on_call(rota, at)
        entries.append(entry)
        at = entry.until
    return entries


def gaps(rota: Rota, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the stretches (UTC, begin and end) between `start` and `end` in which nobody is on."""
    found: list[tuple[datetime, datetime]] = []
    last = _utc(end)
    for entry in timeline(rota, start, end):
        if entry.people:
            continue
        until = min(entry.until, last)
        if found and found[-1][1] == entry.at:  # an empty stretch longer than the look ahead
            found[-1] = (found[-1][0], until)
        else:
            found.append((entry.at, until))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Duty:
    """One shift on one day, with the people whose turn it is."""

    shift: str
    people: tuple[str, ...]
    begins: datetime
    ends: datetime


@lru_cache(maxsize=4096)
def _duties(rota: Rota, day: date) -> tuple[_Duty, ...]:
    """Return what begins on `day`, in the order of the rota, without skipped shifts and those of nobody."""
    duties = []
    for shift in rota.shifts:
        people = _turn(shift, day)
        if not people or _WEEKDAYS[day.weekday()] not in shift.days:
            continue
        begins = instant_of(rota.zone, day, shift.begins)
        ends = instant_of(rota.zone, day if shift.ends > shift.begins else day + _DAY, shift.ends)
        if begins < ends:
            duties.append(_Duty(shift=shift.id, people=people, begins=begins, ends=ends))
    return tuple(duties)


@lru_cache(maxsize=512)
def _near(rota: Rota, today: date) -> tuple[_Duty, ...]:
    """Return what begins yesterday, today or tomorrow."""
    return tuple(duty for day in (today - _DAY, today, today + _DAY) for duty in _duties(rota, day))


def _turn(shift: Shift, day: date) -> tuple[str, ...]:
    """Return who has the shift that begins on `day`. Days before the anchor count backwards."""
    if shift.turn is Turn.ALL or not shift.people:
        return shift.people
    days = (day - (shift.start or MONDAY)).days
    turns = days // 7 if shift.turn is Turn.WEEKLY else days
    return (shift.people[turns % len(shift.people)],)


def _present(rota: Rota, at: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the shifts that run at `at` and the people on them, each person once."""
    today = at.astimezone(rota.zone).date()
    # Tomorrow counts too: where the clock goes back across midnight, its shifts have begun while the wall
    # still says today.
    running = [duty for duty in _near(rota, today) if duty.begins <= at < duty.ends]
    if len(running) > 1:
        order = {shift.id: place for place, shift in enumerate(rota.shifts)}
        running.sort(key=lambda duty: order[duty.shift])
    people = dict.fromkeys(person for duty in running for person in duty.people)
    return tuple(duty.shift for duty in running), tuple(people)


def _boundaries(rota: Rota, at: datetime) -> Iterator[datetime]:
    """Yield in order every instant at which a shift begins or ends, from the day before `at` on."""
    waiting: set[datetime] = set()
    day = at.astimezone(rota.zone).date() - _DAY
    for _ in range(LOOK_AHEAD.days + 3):
        waiting.update(instant for duty in _duties(rota, day) for instant in (duty.begins, duty.ends))
        day += _DAY
        settled = instant_of(rota.zone, day, _MIDNIGHT)  # nothing of a later day begins before it
        ready = sorted(instant for instant in waiting if instant <= settled)
        waiting.difference_update(ready)
        yield from ready


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("cannot tell who is on call: the time has no zone")
    if not 1970 <= instant.year <= 9990:
        raise ValueError("cannot tell who is on call: the time lies outside the years 1970 to 9990")
    return instant.astimezone(UTC)
