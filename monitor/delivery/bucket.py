"""A token bucket: how many messages may leave a channel in a time. Pure; `now` is any clock that never steps back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor
from typing import Final, Self

from config.model import Rate

_NEARLY: Final = 1e-6
"""Filling is division: a token that is due must not miss its moment by a rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What it held at `at` (seconds). Below nothing it owes: what left all the same is made up for."""

    rate: Rate
    held: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> Self:
        """Return one that holds all it can."""
        return cls(rate=rate, held=rate.count, at=now)

    def under(self, rate: Rate, now: float) -> Bucket:
        """Return what it is under another rate: nobody gains by a reload."""
        filled = self._filled(now)
        return self if rate == self.rate else replace(filled, rate=rate, held=min(filled.held, rate.count))

    def tokens(self, now: float) -> int:
        """Return how many messages may leave now."""
        return max(0, floor(self._filled(now).held + _NEARLY))

    def taken(self, now: float, count: int = 1) -> Bucket:
        """Return what is left after `count` have left; given back where `count` is negative."""
        filled = self._filled(now)
        return replace(filled, held=min(filled.held - count, self.rate.count))

    def wait(self, now: float) -> float:
        """Return in how many seconds the next message may leave; 0 where one may now."""
        missing = 1 - self._filled(now).held
        return max(0.0, missing * self.rate.seconds / self.rate.count) if missing > _NEARLY else 0.0

    def _filled(self, now: float) -> Bucket:
        gained = max(0.0, now - self.at) * self.rate.count / self.rate.seconds
        return replace(self, held=min(self.rate.count, self.held + gained), at=max(now, self.at))
