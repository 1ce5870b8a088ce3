"""Maintenance: planned work, once or again and again by a clock on the wall, and the windows it really took.

A window lasts as long as it says: two hours of work are two hours, also in the night in which the clock changes. It
begins when the wall says so; see `alerting.wall` for the times that come twice, or never.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerting.wall import instant_of

DAY: Final = timedelta(days=1)
AHEAD: Final = timedelta(hours=24)
"""How long before it customers hear of a window, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWork:
    """What is worked on, and when: once, or `every` so many whole days by the wall clock of `zone` (IANA name)."""

    services: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    reason: str
    author: str
    starts_at: datetime
    length: timedelta
    every: timedelta | None = None
    zone: str = "UTC"
    dependents: bool = False
    """True where services that depend on these are covered too."""
    announce: timedelta | None = AHEAD
    """How long ahead customers hear of it; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Planned work. `next_at` is the first beginning of which there is no window yet; None: there will be no more.

    `origin` names the lines of the configuration it stands in, empty where a person made it. One of the configuration
    is remembered until `closes_at`, also where it was ended early: it must not begin anew with the next start.
    """

    id: str
    work: PlannedWork
    created_at: datetime
    next_at: datetime | None
    closes_at: datetime
    origin: str = ""
    over: bool = False


class WindowState(enum.Enum):
    """`PLANNED`: announced, or about to be; `ENDED` in its time or early; `CANCELLED`: it never began."""

    PLANNED = "planned"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def live(self) -> bool:
        """True while it is still to come, or going on."""
        return self in (WindowState.PLANNED, WindowState.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window, from plan to truth: `starts_at` and `ends_at` are planned, `began_at` and `ended_at` are real.

    `services` are all that are covered (dependents included), `checks` those named one by one. What a review measures
    between `began_at` and `ended_at` is no outage of theirs.
    """

    id: str
    maintenance: str
    state: WindowState
    services: tuple[str, ...]
    checks: tuple[str, ...]
    reason: str
    starts_at: datetime
    ends_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    announcement: str | None = None

    def covers(self, check: str, services: Iterable[str]) -> bool:
        """Tell whether it goes on and is about that check, or one of its services."""
        if self.state is not WindowState.ACTIVE:
            return False
        return check in self.checks or any(service in self.services for service in services)


def occurrences(work: PlannedWork, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Return the windows (UTC, begin and end) that touch the time from `since` to before `until`, in order.

    Raise ValueError where a time has no zone.
    """
    if since.tzinfo is None or until.tzinfo is None:
        raise ValueError("cannot tell when work is planned: the time has no zone")
    found: list[tuple[datetime, datetime]] = []
    for begins in _beginnings(work, since - work.length):
        if begins >= until:
            break
        if begins + work.length > since:
            found.append((begins, begins + work.length))
    return found


def next_beginning(work: PlannedWork, after: datetime | None) -> datetime | None:
    """Return the first beginning after an instant, or (None) the first of all; None where there is none."""
    if after is None:
        return next(_beginnings(work, work.starts_at), None)
    return next((at for at in _beginnings(work, after) if at > after), None)


def _beginnings(work: PlannedWork, near: datetime) -> Iterator[datetime]:
    """Yield beginnings in order, none before the first of all, from some beginning not after `near` on.

    Two that a jump of the clock throws together (where a zone has left out a whole day) are one.
    """
    first = work.starts_at.astimezone(UTC)
    if work.every is None:
        yield first
        return
    zone = ZoneInfo(work.zone)
    wall = first.astimezone(zone).replace(tzinfo=None)
    step = max(work.every // DAY, 1)
    day = near.astimezone(zone).date()
    turn = max((day - wall.date()).days // step - 2, 0)
    before: datetime | None = None
    while wall.date().toordinal() + turn * step < LAST:
        begins = instant_of(zone, wall.date() + turn * step * DAY, wall.time()) if turn else first
        if begins >= first and (before is None or begins > before):
            yield begins
            before = begins
        turn += 1


LAST: Final = datetime(9990, 1, 1).toordinal()  # noqa: DTZ001 - only counted
