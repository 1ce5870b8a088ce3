"""What a check's last runs came to: a small ring of bytes for each, and the account of its last failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Final

from probes.sample import Outcome, Sample

KEPT: Final = 50
"""Runs remembered of each check: about 500 bytes, which the allocator of Python still takes care of."""

_RUN: Final = Struct("<IfB")  # began (seconds since the epoch), duration, outcome
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

    __slots__ = ("_count", "_runs", "failure")

    def __init__(self) -> None:
        """Nothing has run yet."""
        self._runs = bytearray(_RUN.size * KEPT)
        self._count = 0
        self.failure: Sample | None = None
        """The last run that was not up, with its log."""

    def add(self, sample: Sample) -> None:
        """Remember a run."""
        place = self._count % KEPT * _RUN.size
        self._count += 1
        began, outcome = int(sample.at.timestamp()), _CODES[sample.outcome]
        _RUN.pack_into(self._runs, place, began, sample.duration, outcome)
        if sample.outcome is not Outcome.UP:
            self.failure = sample

    def __len__(self) -> int:
        """Return how many runs are remembered."""
        return min(self._count, KEPT)

    def __iter__(self) -> Iterator[Past]:
        """Give the runs, the oldest first."""
        for number in range(self._count - len(self), self._count):
            began, duration, outcome = _RUN.unpack_from(self._runs, number % KEPT * _RUN.size)
            yield Past(at=datetime.fromtimestamp(began, UTC), outcome=_OUTCOMES[outcome], duration=duration)
