"""How long samples are remembered, as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from config.schema.words import Refused
from probes.units import Bytes, Duration, show_seconds

LEAST_SIZE = 16e6
DAY = timedelta(days=1)


def _size(value: float) -> float:
    if not LEAST_SIZE <= value <= 1e15:
        raise Refused("must be at least 16MB")
    return value


def _kept(low: timedelta, high: timedelta) -> AfterValidator:
    bounds = f"must be between {show_seconds(low.total_seconds())} and {show_seconds(high.total_seconds())}"

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise Refused(bounds)
        return value

    return AfterValidator(check)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKeys:
    """What checks saw, kept in `history.db` in the state directory. `off` keeps nothing.

    size: the file grows no larger; once it would, the oldest single samples go first.
    raw: how long each sample is kept.
    minutes: how long what they came to is kept by the minute: outcomes counted, values as least, mean and most.
    hours: the same by the hour.
    days: the same by the day (UTC).
    """

    size: Annotated[Bytes, AfterValidator(_size)] = 2e9
    raw: Annotated[Duration, _kept(timedelta(hours=1), 366 * DAY)] = 2 * DAY
    minutes: Annotated[Duration, _kept(timedelta(hours=1), 1830 * DAY)] = 14 * DAY
    hours: Annotated[Duration, _kept(DAY, 18300 * DAY)] = 400 * DAY
    days: Annotated[Duration, _kept(DAY, 18300 * DAY)] = 1830 * DAY
    off: bool = False
