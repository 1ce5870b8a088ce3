"""What is called quiet gives nobody anything to decide: whatever the thresholds, the sample and the alerts are."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alerting.severity import Severity
from alerting.thresholds.quiet import compile_quiet
from alerting.thresholds.threshold import Level, LevelThreshold, OutcomeThreshold, Threshold
from alerting.thresholds.verdict import judge
from probes.sample import Outcome, Sample
from probes.units import Unit

METRICS = ("used_ratio", "latency_seconds")
NUMBERS = st.sampled_from([-1.0, 0.0, 0.5, 0.79, 0.8, 0.9, 2.0, math.inf, -math.inf, math.nan])
MARKS = st.sampled_from([0.0, 0.5, 0.8, 0.9])


@st.composite
def levels(draw: st.DrawFn) -> Level:
    mark, gap = draw(MARKS), draw(st.sampled_from([0.0, 0.3]))
    if draw(st.booleans()):
        return Level(equals=mark)
    if draw(st.booleans()):
        return Level(outside=(mark - 0.5, mark + 0.5), inside=(mark - gap, mark + gap))
    return Level(above=mark, clear=mark - gap) if draw(st.booleans()) else Level(below=mark, clear=mark + gap)


LEVELS = st.builds(
    LevelThreshold,
    id=st.sampled_from(["a", "b"]),
    metric=st.sampled_from(METRICS),
    unit=st.just(Unit.RATIO),
    levels=st.dictionaries(st.sampled_from(Severity), levels(), min_size=1),
)
OUTCOMES = st.builds(
    OutcomeThreshold,
    id=st.sampled_from(["down", "unknown"]),
    severity=st.just(Severity.CRITICAL),
    failures=st.just(1),
    recover=st.just(1),
    on_unknown=st.booleans(),
)
VALUES = st.dictionaries(st.sampled_from((*METRICS, "other")), NUMBERS)
SAMPLES = st.builds(
    Sample,
    check=st.just("home"),
    at=st.just(datetime(2027, 1, 4, tzinfo=UTC)),
    duration=st.just(0.1),
    outcome=st.sampled_from(Outcome),
    values=VALUES,
    parts=st.dictionaries(st.sampled_from(["/", "/data"]), VALUES),
)
ALERTS = st.sets(st.sampled_from(["home/a", "home/b", "home/down", "home/a//", "home/b//data", "other/a"]))


@given(st.lists(st.one_of(LEVELS, OUTCOMES), max_size=4), SAMPLES, ALERTS)
def test_where_it_is_quiet_no_verdict_holds_a_level_and_no_alert_is_about_it(
    thresholds: list[Threshold], sample: Sample, alerts: set[str]
) -> None:
    if compile_quiet(thresholds)(sample, alerts):
        verdicts = [one for threshold in thresholds for one in judge(threshold, sample, proven=True)]
        assert sample.outcome is Outcome.UP
        assert [one for one in verdicts if one.held or str(one.key) in alerts] == []


@given(st.lists(st.one_of(LEVELS, OUTCOMES), max_size=4), SAMPLES)
def test_a_good_sample_without_alerts_is_quiet_unless_a_value_is_no_number(
    thresholds: list[Threshold], sample: Sample
) -> None:
    held = [one for threshold in thresholds for one in judge(threshold, sample, proven=True) if one.held]
    numbers = [value for values in (sample.values, *sample.parts.values()) for value in values.values()]
    if sample.outcome is Outcome.UP and not held and not any(map(math.isnan, numbers)):
        assert compile_quiet(thresholds)(sample, ())
