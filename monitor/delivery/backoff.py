"""When to try again: full jitter, so that many failures at once do not come back at once."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Final

FIRST: Final = 1.0
"""Ceiling of the first wait, in seconds; it doubles with each attempt."""
LONGEST: Final = 60.0
LONGEST_WISH: Final = timedelta(minutes=10)
"""A provider's wish to wait is honoured up to this."""


def wait(attempt: int, wish: timedelta | None, random: Random) -> timedelta:
    """Return how long to wait after `attempt` (1 for the first) failed, and never less than the provider's wish."""
    ceiling = min(LONGEST, FIRST * 2 ** min(attempt - 1, 10))
    jitter = timedelta(seconds=random.uniform(FIRST / 2, ceiling))
    return max(jitter, min(wish, LONGEST_WISH)) if wish is not None else jitter
