"""A threshold: when samples mean trouble, and when no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.severity import Impact, Severity
from probes.units import Unit

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One mark on a metric. Exactly one of `above` and `below` is set, in the metric's base unit.

    Trouble begins beyond the mark and ends only on the other side of `clear` (the same as the mark where
    no `clear_above`/`clear_below` is given): between the two what was stays. `hold` is `for:` in YAML.
    """

    above: float | None = None
    below: float | None = None
    clear: float
    hold: timedelta = NO_TIME

    def breached(self, value: float) -> bool:
        """True beyond the mark. NaN is no data and breaches nothing."""
        return value > self.above if self.above is not None else self.below is not None and value < self.below

    def cleared(self, value: float) -> bool:
        """True on the good side of the clear mark, and at it."""
        return value <= self.clear if self.above is not None else value >= self.clear


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelThreshold:
    """Marks on one metric, up to one per severity; one alert per series, whose severity rises and falls."""

    id: str
    metric: str
    unit: Unit
    levels: Mapping[Severity, Level]
    keep: timedelta = NO_TIME
    impact: Impact = Impact.NONE

    failures: int = 1
    recover: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeThreshold:
    """Failed runs in a row mean trouble: the first failure counts, `recover` good runs in a row end it.

    `on_unknown` False judges `down`; True judges `unknown`, our own inability to tell.
    """

    id: str
    severity: Severity
    failures: int
    recover: int
    on_unknown: bool = False
    impact: Impact = Impact.DOWN
    keep: timedelta = NO_TIME


Threshold = LevelThreshold | OutcomeThreshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which checks a threshold of the configuration applies to: all that fit everything given."""

    probe: str | None = None
    checks: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def fits(self, *, name: str, probe: str, labels: Mapping[str, str]) -> bool:
        """True when the check of that name, kind and labels is selected."""
        return (
            (self.probe is None or self.probe == probe)
            and (not self.checks or name in self.checks)
            and all(labels.get(key) == value for key, value in self.labels.items())
        )
