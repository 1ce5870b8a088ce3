"""Wall clocks: what a clock on the wall reads, as an instant, through every change of it.

One rule: *the first instant at which the clock on the wall reads that time or later*. In the hour that comes twice
this is its first pass; in an hour (or a whole day) that is skipped it is the moment of the jump. The rule never runs
backwards: what is later on the wall is never earlier in time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)


def instant_of(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """Return the first instant (UTC) at which the wall clock of `zone` reads `clock` of `day` or later."""
    wall = datetime.combine(day, clock)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # Skipped. With the offset that holds after the jump the time comes out before it: the jump, which falls
    # on a whole second, is in between.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC).replace(microsecond=0)
    low, high = 0, -((before - first) // _SECOND)
    while low < high:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).replace(tzinfo=None) < wall:
            low = middle + 1
        else:
            high = middle
    return before + low * _SECOND
