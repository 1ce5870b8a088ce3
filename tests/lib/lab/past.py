"""A history's keeper on a clock that is told the time, and samples to give it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.model import History as Limits
from monitor.history import reading
from monitor.history.keeper import Keeper
from monitor.history.words import Figures, Series
from probes.sample import ErrorClass, Outcome, Sample

START = datetime(2027, 1, 4, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LIMITS = Limits(size=2e9, raw=2 * DAY, minutes=14 * DAY, hours=400 * DAY, days=1800 * DAY)


class Told:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class Past:
    """A keeper, driven by hand: no thread."""

    def __init__(self, home: Path, limits: Limits = LIMITS) -> None:
        self.clock = Told()
        self.said: list[str | None] = []
        self.limits = limits
        self.path = home / "history.db"
        self.keeper = self.fresh()

    def fresh(self) -> Keeper:
        """Begin as a new process does."""
        self.keeper = Keeper(self.path, self.limits, self.clock, Figures(), self.said.append)
        return self.keeper

    def sample(self, check: str = "home", **fields: Any) -> Sample:
        """Return a sample of a run that has just ended."""
        if fields.get("outcome") is Outcome.DOWN:
            fields = {"error": ErrorClass.TIMEOUT} | fields
        fields = {"duration": 0.25, "outcome": Outcome.UP} | fields
        return Sample(check=check, at=self.clock.at - timedelta(seconds=0.25), **fields)

    def saw(self, *samples: Sample) -> None:
        self.keeper.take(samples)

    def pass_(self, seconds: float) -> None:
        """Let time pass, and the keeper do what is due."""
        self.clock.at += timedelta(seconds=seconds)
        if self.keeper.due():
            self.keeper.flush()
        while self.keeper.tend():
            pass

    def read(self, check: str = "home", metric: str = "duration", **asked: Any) -> Series:
        """Read all until now, unless told otherwise."""
        whole = {"part": "", "since": START - DAY, "until": self.clock.at + DAY, "step": 3600} | asked
        return reading.read(self.keeper.file(), self.keeper.waiting, check=check, metric=metric, **whole)

    def samples(self, since: datetime = START, until: datetime | None = None) -> list[Sample]:
        return list(reading.samples(self.path, since, until or self.clock.at + DAY))
