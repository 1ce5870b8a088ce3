"""Quiet: whether a sample gives no threshold of its check anything to say. Compiled once, asked of every sample.

Nearly every sample of nearly every check is good and finds no alert: to know that must cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import Final

from alerting.thresholds.threshold import LevelThreshold, Threshold
from alerting.thresholds.verdict import AlertKey
from probes.sample import Outcome, Sample

Quiet = Callable[[Sample, Collection[str]], bool]
"""True where the sample is up, beyond no clear mark, and none of the alerts given (by key) is about it."""

_UP: Final = Outcome.UP


def compile_quiet(thresholds: Iterable[Threshold]) -> Quiet:
    """Return how to tell for all checks that are judged by `thresholds`.

    A false no only costs that `judge` is asked; there is no false yes: where it says quiet, no verdict of `judge` by a
    plain threshold has a level that is held, and no alert waits for one that is over.
    """
    thresholds = tuple(thresholds)
    names = tuple(threshold.id for threshold in thresholds)
    good: dict[str, tuple[float, float]] = {}
    equal: set[tuple[str, float]] = set()
    for threshold in thresholds:
        if not isinstance(threshold, LevelThreshold) or not threshold.plain:
            continue  # what is remembered of a series is asked beside this
        for level in threshold.levels.values():
            if level.good is not None:
                least, most = good.get(threshold.metric, (-inf, inf))
                good[threshold.metric] = max(least, level.good[0]), min(most, level.good[1])
            elif level.equals is not None:
                equal.add((threshold.metric, level.equals))
    marks = tuple((metric, least, most) for metric, (least, most) in good.items())
    equals = tuple(sorted(equal))

    def quiet(sample: Sample, alerts: Collection[str]) -> bool:
        if sample.outcome is not _UP:
            return False
        for values in (sample.values, *sample.parts.values()) if sample.parts else (sample.values,):
            for metric, least, most in marks:
                value = values.get(metric)
                if value is not None and not least <= value <= most:  # nor is NaN
                    return False
            for metric, trouble in equals:
                if values.get(metric) == trouble:
                    return False
        if not alerts:
            return True
        if sample.parts:  # alerts of parts have keys of their own, also of those no longer there
            return False
        return not any(str(AlertKey(sample.check, name)) in alerts for name in names)

    return quiet
