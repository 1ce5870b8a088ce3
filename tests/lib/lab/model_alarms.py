"""The reference model's reading of samples: how thresholds turn them into alarms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from alerting.severity import Severity
from alerting.thresholds.threshold import LevelThreshold, OutcomeThreshold, Threshold
from lab.model_records import Alarm
from probes.sample import Outcome, Sample

Seen = tuple[str, frozenset[Severity], frozenset[Severity]]
"""Of one series: its part, the levels it is beyond now, and those it is not yet back from."""


def reads(threshold: Threshold, sample: Sample, *, proven: bool) -> Iterator[Seen]:
    """Yield what a sample says of each series; nothing where it says nothing."""
    if isinstance(threshold, OutcomeThreshold):
        bad = Outcome.UNKNOWN if threshold.on_unknown else Outcome.DOWN
        if sample.outcome is Outcome.UNKNOWN and not threshold.on_unknown:
            return
        level = threshold.severity
        if not proven and not threshold.on_unknown and level is Severity.CRITICAL:
            level = Severity.WARNING  # what never worked is a typo, not an outage
        levels = frozenset([level] if sample.outcome is bad else [])
        yield "", levels, levels
        return
    for part, values in [("", sample.values), *sample.parts.items()]:
        value = values.get(threshold.metric, math.nan)
        if not math.isnan(value):
            yield part, *_levels(threshold, value)


def _levels(threshold: LevelThreshold, value: float) -> tuple[frozenset[Severity], frozenset[Severity]]:
    beyond, held = set(), set()
    for name, level in threshold.levels.items():
        up = level.above is not None
        mark = level.above if level.above is not None else level.below
        assert mark is not None
        if (value > mark) if up else (value < mark):
            beyond.add(name)
        if (value > level.clear) if up else (value < level.clear):
            held.add(name)
    return frozenset(beyond), frozenset(held | beyond)


def sees(alarm: Alarm, at: datetime, beyond: frozenset[Severity], held: frozenset[Severity]) -> None:
    """Move an alarm by one look."""
    if alarm.state == "ok":
        if not beyond:
            return
        alarm.state, alarm.bads, alarm.since = "pending", 0, {}
        alarm.held_at = alarm.held_until = None
    if alarm.state == "pending":
        _waits(alarm, at, beyond)
    elif held if alarm.state == "firing" else beyond:
        _stays(alarm, at, beyond, held)
    else:
        _heals(alarm, at)


def _waits(alarm: Alarm, at: datetime, beyond: frozenset[Severity]) -> None:
    if not beyond:
        alarm.state = "ok"
        return
    alarm.bads += 1
    _count(alarm, at, beyond)
    ripe = _ripe(alarm, at) if alarm.bads >= alarm.threshold.failures else []
    alarm.severity = worst(ripe or beyond)
    if ripe:
        alarm.state = "firing"


def _stays(alarm: Alarm, at: datetime, beyond: frozenset[Severity], held: frozenset[Severity]) -> None:
    _count(alarm, at, beyond)
    if alarm.state == "recovering":
        held = beyond  # what was past its clear mark has to go beyond the mark again
    no_worse = [level for level in held if level.rank <= alarm.severity.rank]
    levels = [*_ripe(alarm, at), *no_worse]
    alarm.severity = worst(levels) if levels else alarm.severity
    alarm.state, alarm.goods, alarm.good_since = "firing", 0, None


def _heals(alarm: Alarm, at: datetime) -> None:
    alarm.good_since = min(alarm.good_since or at, at)
    alarm.goods += 1
    alarm.since = {}
    over = alarm.goods >= alarm.threshold.recover and at - alarm.good_since >= alarm.threshold.keep
    alarm.state = "ok" if over else "recovering"
    if over:
        alarm.goods, alarm.good_since = 0, None


def _count(alarm: Alarm, at: datetime, beyond: frozenset[Severity]) -> None:
    alarm.since = {level: min(alarm.since.get(level, at), at) for level in beyond}  # clocks are set back


def _ripe(alarm: Alarm, at: datetime) -> list[Severity]:
    threshold = alarm.threshold
    if isinstance(threshold, OutcomeThreshold):
        return list(alarm.since)
    return [
        level
        for level, since in alarm.since.items()
        if at - since >= (threshold.levels[level].hold if level in threshold.levels else timedelta(0))
    ]


def worst(levels: frozenset[Severity] | list[Severity]) -> Severity:
    """Return the worst of some levels."""
    return max(levels, key=lambda level: level.rank)
