"""What a check's last runs came to: a ring of small arrays for each, and the account of its last failure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from probes.sample import Outcome, Sample

KEPT: Final = 60
"""Runs remembered of each check: about 600 bytes."""

_OUTCOMES: Final = tuple(Outcome)
_CODES: Final = {outcome: code for code, outcome in enumerate(_OUTCOMES)}


@dataclass(frozen=True, slots=True)
class Past:
    """A run that is over: when it began, to the second, what it said, and how long it took in seconds."""

    at: datetime
    outcome: Outcome
    duration: float


class Track:
    """The last runs of one check, the oldest overwritten first."""

    __slots__ = ("_began", "_count", "_durations", "_outcomes", "failure")

    def __init__(self) -> None:
        """Nothing has run yet."""
        self._began = array("I", bytes(4 * KEPT))
        self._durations = array("f", bytes(4 * KEPT))
        self._outcomes = bytearray(KEPT)
        self._count = 0
        self.failure: Sample | None = None
        """The last run that was not up, with its log."""

    def add(self, sample: Sample) -> None:
        """Remember a run."""
        place = self._count % KEPT
        self._count += 1
        self._began[place] = int(sample.at.timestamp())
        self._durations[place] = sample.duration
        self._outcomes[place] = _CODES[sample.outcome]
        if sample.outcome is not Outcome.UP:
            self.failure = sample

    def __len__(self) -> int:
        """Return how many runs are remembered."""
        return min(self._count, KEPT)

    def __iter__(self) -> Iterator[Past]:
        """Give the runs, the oldest first."""
        for number in range(self._count - len(self), self._count):
            place = number % KEPT
            yield Past(
                at=datetime.fromtimestamp(self._began[place], UTC),
                outcome=_OUTCOMES[self._outcomes[place]],
                duration=self._durations[place],
            )
