"""Series: what a check's thresholds remember of the values before, where one value by itself says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from alerting.thresholds.threshold import Derived, Filling, LevelThreshold
from alerting.thresholds.usual import TimesUsual, Usual
from alerting.thresholds.verdict import Reading
from alerting.thresholds.window import WINDOWS, UntilFull
from probes.sample import Outcome, Sample


class Fold(Protocol):
    """Makes one number of the values there were."""

    def push(self, at: float, value: float) -> float | None:
        """Take a value; return what is to be judged, None where too little is known."""


def fold_of(derived: Derived) -> Fold:
    """Return what folds the values of one series, without any past."""
    if isinstance(derived, Usual):
        return TimesUsual(derived)
    if isinstance(derived, Filling):
        return _Filling(derived)
    return WINDOWS[derived.function](derived.seconds)


class _Filling:
    """Time until a share is full; far off while it is under its floor."""

    __slots__ = ("_floor", "_window")

    def __init__(self, derived: Filling) -> None:
        self._floor = derived.floor
        self._window = UntilFull(derived.seconds)

    def push(self, at: float, value: float) -> float | None:
        until = self._window.push(at, value)
        return math.inf if until is not None and value < self._floor else until


class Series:
    """What the thresholds of one check that are not `plain` remember. Times are those of the samples."""

    __slots__ = ("_watches", "thresholds")

    def __init__(self, thresholds: tuple[LevelThreshold, ...]) -> None:
        """Begin without any past."""
        self.thresholds = thresholds
        self._watches = tuple(_Watch(one) for one in thresholds)

    def under(self, thresholds: tuple[LevelThreshold, ...]) -> Series:
        """Return what other thresholds remember: the same, where they look at the same."""
        fresh = Series(thresholds)
        fresh._watches = tuple(
            next((old.under(new.threshold) for old in self._watches if old.same(new.threshold)), new)
            for new in fresh._watches
        )
        return fresh

    def take(self, sample: Sample) -> bool:
        """Take a sample; return whether any of them has something to say of it: a level held, or a value missed."""
        at = sample.at.timestamp()
        loud = False
        for watch in self._watches:
            if watch.take(sample, at):
                loud = True
        return loud

    def readings(self) -> Mapping[str, tuple[Reading, ...]]:
        """Return for each threshold, by its id, what there is to judge of the sample that was taken last."""
        return {watch.threshold.id: watch.readings() for watch in self._watches}

    def remember(self, metric: str, part: str, hours: Mapping[int, tuple[float, int]]) -> None:
        """Take up sum and count of a series' values in former hours, by hours since the epoch."""
        for watch in self._watches:
            fold = watch.fold(part) if watch.threshold.metric == metric else None
            if isinstance(fold, TimesUsual):
                fold.remember(hours)


class _Watch:
    """What one threshold remembers of one check. `said` is what it made of the last sample, by part."""

    __slots__ = ("_equals", "_folds", "_high", "_low", "_metric", "_seen", "_silent", "said", "threshold")

    def __init__(self, threshold: LevelThreshold) -> None:
        self.threshold = threshold
        self._metric = threshold.metric
        self._folds: dict[str, Fold | None] = {}
        self._seen: dict[str, datetime] = {}
        self._silent: list[Reading] = []
        self.said: list[tuple[str, float]] = []
        self._mark()

    def _mark(self) -> None:
        levels = self.threshold.levels.values()
        good = [level.good for level in levels if level.good is not None]
        self._low = max((low for low, _ in good), default=-math.inf)
        self._high = min((high for _, high in good), default=math.inf)
        self._equals = frozenset(level.equals for level in levels if level.equals is not None)

    def same(self, threshold: LevelThreshold) -> bool:
        """Tell whether another threshold makes the same of the same values."""
        ours = self.threshold
        return (ours.id, ours.metric, ours.derived, ours.parts, ours.spared) == (
            threshold.id,
            threshold.metric,
            threshold.derived,
            threshold.parts,
            threshold.spared,
        )

    def under(self, threshold: LevelThreshold) -> _Watch:
        """Go on for a threshold that looks at the same, perhaps with other marks."""
        self.threshold = threshold
        self._mark()
        return self

    def take(self, sample: Sample, at: float) -> bool:
        self.said.clear()
        loud = False
        value = sample.values.get(self._metric)
        if value is not None:
            loud = self._one("", at, value)
        if sample.parts:
            for part, values in sample.parts.items():
                value = values.get(self._metric)
                if value is not None and self._one(part, at, value):
                    loud = True
        allowed = self.threshold.no_data_for
        return loud if allowed is None else self._miss(sample, allowed) or loud

    def _one(self, part: str, at: float, value: float) -> bool:
        """Take one value; return whether what it makes is beyond a clear mark."""
        if value != value:  # noqa: PLR0124 - NaN, and no call for what is done with every sample
            return False
        fold = self._folds[part] if part in self._folds else self.fold(part)
        if fold is None:
            return False
        said = fold.push(at, value)
        if said is None:
            return False
        self.said.append((part, said))
        return not self._low <= said <= self._high or said in self._equals

    def fold(self, part: str) -> Fold | None:
        """Return what folds the values of a part, None where it is not judged."""
        if part not in self._folds:
            derived = self.threshold.derived
            known = (
                (_ITSELF if derived is None else fold_of(derived)) if self.threshold.judges(part) else None
            )
            self._folds[part] = known
        return self._folds[part]

    def _miss(self, sample: Sample, allowed: timedelta) -> bool:
        """Find what has had no value for too long. A target that is down has none: that is said already."""
        seen, at = self._seen, sample.at
        values = {"": sample.values, **sample.parts}
        for part, metrics in values.items():
            value = metrics.get(self._metric)
            if value is not None and not math.isnan(value) and self.fold(part) is not None:
                seen[part] = at
        if sample.outcome is Outcome.DOWN:
            for part in seen:
                seen[part] = at
        if not seen and not sample.parts:
            seen[""] = at  # never seen: it counts from now
        self._silent = [
            Reading(part=part, silent=at - last) for part, last in seen.items() if at - last >= allowed
        ]
        return bool(self._silent)

    def readings(self) -> tuple[Reading, ...]:
        return (*(Reading(part=part, value=value) for part, value in self.said), *self._silent)


class _Itself:
    """The value itself."""

    __slots__ = ()

    def push(self, at: float, value: float) -> float:  # noqa: ARG002 - as all folds
        return value


_ITSELF: Final = _Itself()
