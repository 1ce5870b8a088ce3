"""When is it expected to be over? From past recoveries where there are enough, else the configured figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Final

ENOUGH: Final = 5
"""Past recoveries below which nothing is learned from them."""
SHARE: Final = 0.8


def expected(past_seconds: Sequence[float], configured: timedelta) -> tuple[timedelta, bool]:
    """Return the expected length of the outage and whether it is an estimate (the configured figure).

    With at least five past recoveries it is their 80th percentile by nearest rank.
    """
    if len(past_seconds) < ENOUGH:
        return configured, True
    ordered = sorted(past_seconds)
    return timedelta(seconds=ordered[ceil(SHARE * len(ordered)) - 1]), False
