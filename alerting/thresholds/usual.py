"""What is usual: how many times its usual value a series has now. For traffic, whose height says nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from alerting.thresholds.window import Average

NOW: Final = 300.0
"""Seconds that are compared with what is usual: one value alone is chance."""
HOUR: Final = 3600
DAYS: Final = 7
"""Former days whose same hour is looked at."""
DAYS_NEEDED: Final = 3
"""Days of warm-up: with fewer, one odd day would be what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is compared with what. `over` in seconds is the time just before; None is the same hour of former days.

    `floor` is the least that may be called a surge, `min_volume` the least usual value that a share can be taken of.
    """

    over: float | None
    floor: float = 0.0
    min_volume: float = 0.0


class TimesUsual:
    """One series compared with what is usual for it: 1 is as ever, 3 three times that."""

    __slots__ = ("_before", "_hours", "_now", "_usual", "_usual_in")

    def __init__(self, usual: Usual) -> None:
        """Begin without any past."""
        self._usual = usual
        self._now = Average(NOW)
        self._before = Average(usual.over + NOW) if usual.over is not None else None
        self._hours: dict[int, list[float]] = {}
        """Sum and count of each hour's values, by hours since the epoch."""
        self._usual_in: tuple[int, float | None] = (-1, None)

    def push(self, at: float, value: float) -> float | None:
        """Take the value seen at that second since the epoch; return how many times the usual it is of late.

        None where too little is known of the past, or so little happens that a share means nothing.
        """
        now = self._now.push(at, value)
        before = self._before
        usual = self._same_hour(at, value) if before is None else self._just_before(before, at, value)
        if now is None or usual is None or usual <= 0 or usual < self._usual.min_volume:
            return None
        times = now / usual
        return 1.0 if times > 1 and now < self._usual.floor else times

    def remember(self, hours: Mapping[int, tuple[float, int]]) -> None:
        """Take up sum and count of the values of former hours, by hours since the epoch."""
        self._hours = {hour: [total, count] for hour, (total, count) in hours.items()} | self._hours
        self._usual_in = (-1, None)

    def _just_before(self, before: Average, at: float, value: float) -> float | None:
        whole = before.push(at, value)
        (total, count), (late, lately) = before.folded, self._now.folded
        return (total - late) / (count - lately) if whole is not None and count > lately else None

    def _same_hour(self, at: float, value: float) -> float | None:
        hour = int(at) // HOUR
        if hour != self._usual_in[0]:
            self._begin(hour)
        this = self._hours[hour]
        this[0] += value
        this[1] += 1
        return self._usual_in[1]

    def _begin(self, hour: int) -> None:
        oldest = hour - 24 * DAYS
        self._hours = {one: folded for one, folded in self._hours.items() if oldest <= one <= hour}
        self._hours.setdefault(hour, [0.0, 0])
        former = [self._hours.get(hour - 24 * day) for day in range(1, DAYS + 1)]
        means = [folded[0] / folded[1] for folded in former if folded is not None and folded[1]]
        self._usual_in = hour, median(means) if len(means) >= DAYS_NEEDED else None
