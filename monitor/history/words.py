"""Words of the history: levels, what outcomes are written as, and points that are read."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from probes.sample import ErrorClass, Outcome

DURATION: Final = "duration"
"""What the length of a run is called among the metrics."""
PHASE: Final = "phases."
"""What the name of a timing phase begins with among the metrics."""


class Level(enum.IntEnum):
    """How closely it is remembered. The number is what the file has."""

    RAW = 0
    MINUTES = 1
    HOURS = 2
    DAYS = 3

    @property
    def seconds(self) -> int:
        """Length of a period; 0 for single samples."""
        return (0, 60, 3600, 86400)[self]


class HistoryError(Exception):
    """The history cannot be read; the message says what and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a check saw in one period.

    `at` is the beginning of the period. `low`, `mean`, `high` are of the metric that was asked for, None where no run
    had it. `errors` counts error classes.
    """

    at: datetime
    up: int = 0
    down: int = 0
    unknown: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    low: float | None = None
    mean: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points in the order of their time. `step` is their distance in seconds, which may be more than was asked for.

    Periods in which nothing ran are left out.
    """

    check: str
    metric: str
    part: str
    step: int
    points: tuple[Point, ...]


@dataclass(slots=True, kw_only=True)
class Figures:
    """How the history itself is doing: written by its thread, read by whoever looks."""

    bytes: int = 0
    """Of the file that hold something."""
    pending: int = 0
    """Samples not in the file yet."""
    oldest_raw: float | None = None
    """When the oldest single sample began, seconds since the epoch."""
    written: int = 0
    lost: int = 0
    """Samples that could not be written."""
    errors: int = 0
    """Writes that failed."""
    pruned_for_size: int = 0
    """Blocks let go before their time because the cap was reached."""


_OUTCOMES: Final = tuple(Outcome)
_ERRORS: Final = (None, *ErrorClass)
CODES: Final = {
    (outcome, error): 16 * first + second
    for first, outcome in enumerate(_OUTCOMES)
    for second, error in enumerate(_ERRORS)
}
"""An outcome with its error class in one byte."""
MEANT: Final = {code: meant for meant, code in CODES.items()}
