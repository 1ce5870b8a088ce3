"""What the engine counts of its turns, in the daemon and in each worker process."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

LATE: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds in seconds by which late runs are counted."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """Turns taken and left out."""

    runs: int = 0
    skipped: int = 0
    lateness: float = 0.0
    """Lateness of the last run in seconds."""
    late: list[int] = field(default_factory=lambda: [0] * (len(LATE) + 1))
    """Runs by how late they began: as many as bounds in LATE, and those beyond."""
    late_seconds: float = 0.0
    """All their lateness together."""

    def began(self, late: float) -> None:
        """Count a run that began `late` seconds after it was due."""
        self.runs += 1
        self.lateness = late
        self.late_seconds += late
        self.late[bisect_left(LATE, late)] += 1

    def add(self, more: Counts) -> None:
        """Count what somebody else has counted."""
        if more.runs:
            self.lateness = more.lateness
        self.runs += more.runs
        self.skipped += more.skipped
        self.late = [one + other for one, other in zip(self.late, more.late, strict=True)]
        self.late_seconds += more.late_seconds

    def clear(self) -> None:
        """Begin anew."""
        self.runs = self.skipped = 0
        self.lateness = self.late_seconds = 0.0
        self.late = [0] * (len(LATE) + 1)
