"""A verdict: what one threshold says about one series of one sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from alerting.severity import Severity
from alerting.thresholds.threshold import LevelThreshold, OutcomeThreshold, Threshold
from probes.sample import ErrorClass, Outcome, Sample
from probes.units import show

NONE: frozenset[Severity] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """One threshold on one series: what makes two alerts the same one. `part` is empty for the whole target."""

    check: str
    threshold: str
    part: str = ""

    def __str__(self) -> str:
        """Write it as `check/threshold` or `check/threshold/part`."""
        name = f"{self.check}/{self.threshold}"
        return f"{name}/{self.part}" if self.part else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`breached` are the levels beyond their mark now; `held` those not yet past their clear mark (a superset).

    `value` is what was judged, in base units, None for outcomes and for series no longer reported.
    """

    key: AlertKey
    at: datetime
    breached: frozenset[Severity] = NONE
    held: frozenset[Severity] = NONE
    value: float | None = None
    message: str = ""
    error: ErrorClass | None = None

    @property
    def error_word(self) -> str:
        """The error class as a word, empty where there is none."""
        return self.error.value if self.error else ""


def judge(threshold: Threshold, sample: Sample, *, proven: bool) -> Iterator[Verdict]:
    """Yield a verdict for each series of `sample` that `threshold` can judge; none where there is no data.

    `proven` tells whether the check ever worked: a target that never did is a warning, for a typo is no outage.
    """
    if isinstance(threshold, OutcomeThreshold):
        yield from _outcome(threshold, sample, proven=proven)
        return
    for part, values in (("", sample.values), *sample.parts.items()):
        value = values.get(threshold.metric, math.nan)
        if not math.isnan(value):
            yield _level(threshold, sample, part, value)


def _outcome(threshold: OutcomeThreshold, sample: Sample, *, proven: bool) -> Iterator[Verdict]:
    bad = Outcome.UNKNOWN if threshold.on_unknown else Outcome.DOWN
    if not threshold.on_unknown and sample.outcome is Outcome.UNKNOWN:
        return  # our own trouble says nothing about the target: what was stays
    levels = NONE
    message = sample.message
    if sample.outcome is bad:
        severity = threshold.severity
        if not proven and not threshold.on_unknown and severity is Severity.CRITICAL:
            severity, message = Severity.WARNING, f"never worked yet: {message}"
        levels = frozenset((severity,))
    yield Verdict(
        key=AlertKey(sample.check, threshold.id),
        at=sample.at,
        breached=levels,
        held=levels,
        message=message,
        error=sample.error,
    )


def _level(threshold: LevelThreshold, sample: Sample, part: str, value: float) -> Verdict:
    breached = frozenset(name for name, level in threshold.levels.items() if level.breached(value))
    held = frozenset(name for name, level in threshold.levels.items() if not level.cleared(value))
    message = ""
    if held:
        mark = threshold.levels[max(breached or held, key=lambda name: name.rank)]
        limit = mark.above if mark.above is not None else mark.below
        side = "above" if mark.above is not None else "below"
        if not breached:
            limit = mark.clear
        message = (
            f"{threshold.metric} is {show(value, threshold.unit)}, "
            f"{side} {show(limit if limit is not None else value, threshold.unit)}"
        )
    return Verdict(
        key=AlertKey(sample.check, threshold.id, part),
        at=sample.at,
        breached=breached,
        held=breached | held,
        value=value,
        message=message,
    )
