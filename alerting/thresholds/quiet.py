"""Quiet: whether a sample gives no threshold of its check anything to say. Compiled once, asked of every sample.

Nearly every sample of nearly every check is good and finds no alert: to know that must cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from alerting.thresholds.threshold import Level, LevelThreshold, Threshold
from alerting.thresholds.verdict import AlertKey
from probes.sample import Outcome, Sample

Quiet = Callable[[Sample, Collection[str]], bool]
"""True where the sample is up, beyond no clear mark, and none of the alerts given (by key) is about it."""

_UP: Final = Outcome.UP


def compile_quiet(thresholds: Iterable[Threshold]) -> Quiet:
    """Return how to tell for all checks that are judged by `thresholds`.

    A false no only costs that `judge` is asked; there is no false yes: where it says quiet, no verdict of `judge` has
    a level that is held, and no alert waits for one that is over.
    """
    thresholds = tuple(thresholds)
    names = tuple(threshold.id for threshold in thresholds)
    good: dict[str, list[Callable[[float], bool]]] = {}
    for threshold in thresholds:
        if isinstance(threshold, LevelThreshold):
            good.setdefault(threshold.metric, []).extend(map(_cleared, threshold.levels.values()))
    marks = tuple((metric, tests[0] if len(tests) == 1 else _all(tests)) for metric, tests in good.items())

    def quiet(sample: Sample, alerts: Collection[str]) -> bool:
        if sample.outcome is not _UP:
            return False
        for values in (sample.values, *sample.parts.values()) if sample.parts else (sample.values,):
            for metric, cleared in marks:
                value = values.get(metric)
                if value is not None and not cleared(value):  # nor is NaN
                    return False
        if not alerts:
            return True
        if sample.parts:  # alerts of parts have keys of their own, also of those no longer there
            return False
        return not any(str(AlertKey(sample.check, name)) in alerts for name in names)

    return quiet


def _cleared(level: Level) -> Callable[[float], bool]:
    clear = level.clear
    if level.above is not None:
        return lambda value: value <= clear
    return lambda value: value >= clear


def _all(tests: list[Callable[[float], bool]]) -> Callable[[float], bool]:
    return lambda value: all(test(value) for test in tests)
