"""A verdict: what one threshold says about one series of one sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.severity import Severity
from alerting.thresholds.telling import tell
from alerting.thresholds.threshold import JointThreshold, LevelThreshold, OutcomeThreshold, Threshold
from probes.sample import ErrorClass, Outcome, Sample
from probes.units import show_seconds

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
    no_data: bool = False
    """True where it is for want of values."""

    @property
    def error_word(self) -> str:
        """The error class as a word, empty where there is none."""
        return self.error.value if self.error else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is judged of one series in place of what its sample says. `silent` is for how long it had no value."""

    part: str
    value: float = math.nan
    silent: timedelta | None = None


def judge(
    threshold: Threshold,
    sample: Sample,
    *,
    proven: bool,
    readings: Iterable[Reading] | None = None,
    active: Callable[[str], bool] = lambda _: False,
) -> Iterator[Verdict]:
    """Yield a verdict for each series of `sample` that `threshold` can judge; none where there is no data.

    `proven` tells whether the check ever worked: a target that never did is a warning, for a typo is no outage.
    `readings` are those of a threshold that is not `plain`; `active` tells whether the alert of a key goes on.
    """
    if isinstance(threshold, OutcomeThreshold):
        yield from _outcome(threshold, sample, proven=proven)
    elif isinstance(threshold, JointThreshold):
        yield _joint(threshold, sample, active)
    else:
        for reading in plain_readings(threshold, sample) if readings is None else readings:
            yield _level(threshold, sample, reading)


def plain_readings(threshold: LevelThreshold, sample: Sample) -> Iterator[Reading]:
    """Yield the values of a sample as they are, but those that are no number."""
    for part, values in (("", sample.values), *sample.parts.items()):
        value = values.get(threshold.metric, math.nan)
        if not math.isnan(value):
            yield Reading(part=part, value=value)


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


def _joint(threshold: JointThreshold, sample: Sample, active: Callable[[str], bool]) -> Verdict:
    levels = NONE
    if threshold.going_on(sample.check, active):
        levels = frozenset((threshold.severity,))
    going_on = [key for key in threshold.keys(sample.check) if active(key)]
    return Verdict(
        key=AlertKey(sample.check, threshold.id),
        at=sample.at,
        breached=levels,
        held=levels,
        message=" and ".join(going_on) if levels else "",
    )


def _level(threshold: LevelThreshold, sample: Sample, reading: Reading) -> Verdict:
    key = AlertKey(sample.check, threshold.id, reading.part)
    if reading.silent is not None:
        mildest = frozenset((min(threshold.levels, key=lambda name: name.rank),))
        message = f"{threshold.metric} has had no value for {show_seconds(reading.silent.total_seconds())}"
        return Verdict(key=key, at=sample.at, breached=mildest, held=mildest, message=message, no_data=True)
    value = reading.value
    breached = frozenset(name for name, level in threshold.levels.items() if level.breached(value))
    held = frozenset(name for name, level in threshold.levels.items() if not level.cleared(value))
    message = ""
    if held:
        worst = max(breached or held, key=lambda name: name.rank)
        message = tell(threshold, threshold.levels[worst], value, beyond=bool(breached))
    return Verdict(
        key=key,
        at=sample.at,
        breached=breached,
        held=breached | held,
        value=value if math.isfinite(value) else None,
        message=message,
    )
