"""A threshold: when samples mean trouble, and when no more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.pattern import same
from alerting.severity import Impact, Severity
from alerting.thresholds.usual import Usual
from alerting.thresholds.window import Function
from probes.units import Unit

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One mark on a metric, in its base unit. Exactly one of `above`, `below`, `equals` and `outside` is set.

    Trouble begins beyond the mark and ends only on the good side of `clear` (the same as the mark where no
    `clear_above`/`clear_below` is given): between the two what was stays. `inside` is that of `outside`; what is
    `equals` ends with any other value. `hold` is `for:` in YAML.
    """

    above: float | None = None
    below: float | None = None
    equals: float | None = None
    outside: tuple[float, float] | None = None
    clear: float = 0.0
    inside: tuple[float, float] | None = None
    hold: timedelta = NO_TIME

    def breached(self, value: float) -> bool:
        """True beyond the mark. NaN is no data and breaches nothing."""
        if self.above is not None:
            return value > self.above
        if self.below is not None:
            return value < self.below
        if self.outside is not None:
            return value < self.outside[0] or value > self.outside[1]
        return value == self.equals

    def cleared(self, value: float) -> bool:
        """True on the good side of the clear mark, and at it."""
        if self.above is not None:
            return value <= self.clear
        if self.below is not None:
            return value >= self.clear
        if self.outside is not None:
            low, high = self.inside or self.outside
            return low <= value <= high
        return value != self.equals

    @property
    def good(self) -> tuple[float, float] | None:
        """Between what values it is cleared; None where no two numbers can say that."""
        if self.above is not None:
            return -math.inf, self.clear
        if self.below is not None:
            return self.clear, math.inf
        return (self.inside or self.outside) if self.outside is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """Judged is what a function makes of the values of the last `seconds`."""

    function: Function
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """Judged is the time until the metric, a share, reaches 1 at the pace of the last `seconds`.

    While the share is under `floor` that time is never near.
    """

    seconds: float
    floor: float = 0.0


Derived = Over | Filling | Usual
"""What is judged in place of the metric's own value. `Usual`: how many times its usual value it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelThreshold:
    """Marks on one metric, up to one per severity; one alert per series, whose severity rises and falls.

    `failures` of the last `of` values beyond a mark mean trouble, `recover` good ones in a row end it. `no_data_for`
    is how long there may be no value until that is trouble itself, of the mildest level. `parts` are patterns of the
    parts it judges, all where it is empty, and `spared` of those it does not.
    """

    id: str
    metric: str
    unit: Unit
    levels: Mapping[Severity, Level]
    keep: timedelta = NO_TIME
    impact: Impact = Impact.NONE
    failures: int = 1
    of: int = 1
    recover: int = 1
    derived: Derived | None = None
    no_data_for: timedelta | None = None
    parts: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """True where one value of any part, by itself, tells whether all is well."""
        return self.derived is None and self.no_data_for is None and not self.parts and not self.spared

    def judges(self, part: str) -> bool:
        """True where it is about that part, or about the whole ("")."""
        if self.parts and not any(same(pattern, part) for pattern in self.parts):
            return False
        return not any(same(pattern, part) for pattern in self.spared)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeThreshold:
    """Failed runs mean trouble, `failures` of the last `of`; `recover` good runs in a row end it.

    The first failure counts. `on_unknown` False judges `down`; True judges `unknown`, our own inability to tell.
    """

    id: str
    severity: Severity
    failures: int
    recover: int
    of: int = 1
    on_unknown: bool = False
    impact: Impact = Impact.DOWN
    keep: timedelta = NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class JointThreshold:
    """Trouble while alerts of other thresholds go on: every one of `all_of`, and any of `any_of` where there are some.

    They are named as `check/threshold`, or `check/threshold/part`; `threshold` alone is one of the same check.
    """

    id: str
    severity: Severity
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    hold: timedelta = NO_TIME
    keep: timedelta = NO_TIME
    impact: Impact = Impact.NONE
    failures: int = 1
    of: int = 1
    recover: int = 1

    def going_on(self, check: str, active: Callable[[str], bool]) -> bool:
        """True where it holds for that check; `active` tells whether the alert of a key goes on."""
        return all(active(_key(check, name)) for name in self.all_of) and (
            not self.any_of or any(active(_key(check, name)) for name in self.any_of)
        )

    def keys(self, check: str) -> tuple[str, ...]:
        """Return the keys of the alerts it looks at, for that check."""
        return tuple(_key(check, name) for name in (*self.all_of, *self.any_of))


def _key(check: str, name: str) -> str:
    return name if "/" in name else f"{check}/{name}"


Threshold = LevelThreshold | OutcomeThreshold | JointThreshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which checks a threshold of the configuration applies to: all that fit everything given, but for `spared`.

    Names and the values of labels are patterns, in which `*` stands for anything.
    """

    probe: str | None = None
    checks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    spared: Selector | None = None

    def fits(self, *, name: str, probe: str, labels: Mapping[str, str]) -> bool:
        """True when the check of that name, kind and labels is selected."""
        return (
            (self.probe is None or self.probe == probe)
            and (not self.checks or name in self.checks)
            and (not self.names or any(same(pattern, name) for pattern in self.names))
            and all(key in labels and same(value, labels[key]) for key, value in self.labels.items())
            and (self.spared is None or not self.spared.fits(name=name, probe=probe, labels=labels))
        )
