"""Thresholds and alerts in words, for whoever asks why something is alerting, or why it is not."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerting.alert import Alert, AlertState
from alerting.thresholds.threshold import (
    Filling,
    JointThreshold,
    Level,
    LevelThreshold,
    OutcomeThreshold,
    Over,
    Threshold,
)
from alerting.thresholds.usual import Usual
from probes.units import Unit, show, show_seconds


def rule(threshold: Threshold) -> str:
    """Return when a threshold finds trouble: "used_ratio above 90 % for 15 min: warning; ends at 80 %"."""
    if isinstance(threshold, OutcomeThreshold):
        what = "cannot be told" if threshold.on_unknown else "fails"
        return f"{what} {_count(threshold)}: {threshold.severity.value}{_ending(threshold)}"
    if isinstance(threshold, JointThreshold):
        return (
            f"{_joint(threshold)}{_lasting(threshold.hold)}: {threshold.severity.value}{_ending(threshold)}"
        )
    levels = sorted(threshold.levels.items(), key=lambda item: item[0].rank)
    marks = "; ".join(
        f"{_mark(level, threshold.unit)}{_lasting(level.hold)}: {name.value}{_clear(level, threshold.unit)}"
        for name, level in levels
    )
    often = f", {_count(threshold)}" if threshold.failures > 1 or threshold.of > threshold.failures else ""
    missing = (
        f"; no value for {_span(threshold.no_data_for)}: {levels[0][0].value}"
        if threshold.no_data_for is not None
        else ""
    )
    return f"{_subject(threshold)} {marks}{often}{_ending(threshold)}{missing}"


def standing(alert: Alert | None, threshold: Threshold, now: datetime) -> str:
    """Return how far it is with an alert of that threshold: "ok", "pending, 2 of 3 failures", "firing for 5 min"."""
    if alert is None or alert.state in (AlertState.OK, AlertState.RESOLVED):
        return "ok"
    if alert.state is AlertState.PENDING:
        return f"pending, {_missing(alert, threshold, now)}"
    if alert.state is AlertState.FIRING:
        return f"firing for {_span(now - alert.since)}: {alert.message}"
    wanted = [f"{alert.goods} of {threshold.recover} good ones"] if alert.goods < threshold.recover else []
    if alert.good_since is not None and now - alert.good_since < threshold.keep:
        wanted.append(f"good for {_span(now - alert.good_since)} of {_span(threshold.keep)}")
    return f"recovering, {', '.join(wanted) or 'with the next good one it is over'}"


def _missing(alert: Alert, threshold: Threshold, now: datetime) -> str:
    if alert.failures < threshold.failures:
        return f"{alert.failures} of {threshold.failures} failures"
    waits = [
        f"{name.value} for {_span(now - since)} of {_span(hold)}"
        for name, since in alert.breached.items()
        if (hold := _hold(threshold, name.value)) > now - since
    ]
    return ", ".join(waits) or "with the next bad one it fires"


def _hold(threshold: Threshold, level: str) -> timedelta:
    if isinstance(threshold, LevelThreshold):
        return next((one.hold for name, one in threshold.levels.items() if name.value == level), timedelta(0))
    return threshold.hold if isinstance(threshold, JointThreshold) else timedelta(0)


def _count(threshold: Threshold) -> str:
    if threshold.of > threshold.failures:
        return f"{threshold.failures} times of {threshold.of}"
    return "once" if threshold.failures == 1 else f"{threshold.failures} times in a row"


def _ending(threshold: Threshold) -> str:
    ways = []
    if threshold.recover > 1:
        ways.append(f"after {threshold.recover} good ones")
    if threshold.keep:
        ways.append(f"when good for {_span(threshold.keep)}")
    return f"; over {' and '.join(ways)}" if ways else ""


def _joint(threshold: JointThreshold) -> str:
    parts = []
    if threshold.all_of:
        parts.append(f"all of {', '.join(threshold.all_of)}")
    if threshold.any_of:
        parts.append(f"any of {', '.join(threshold.any_of)}")
    return " and ".join(parts)


def _subject(threshold: LevelThreshold) -> str:
    derived, metric = threshold.derived, threshold.metric
    if isinstance(derived, Over):
        return f"{derived.function.value} of {metric} over {show_seconds(derived.seconds)}"
    if isinstance(derived, Filling):
        return f"{metric} at 100 % by the pace of {show_seconds(derived.seconds)}, in"
    if isinstance(derived, Usual):
        than = (
            "the same hour of former days"
            if derived.over is None
            else f"the {show_seconds(derived.over)} before"
        )
        return f"{metric} beside {than},"
    return metric


def _mark(level: Level, unit: Unit) -> str:
    if level.above is not None:
        return f"above {show(level.above, unit)}"
    if level.below is not None:
        return f"below {show(level.below, unit)}"
    if level.outside is not None:
        return f"outside {show(level.outside[0], unit)} to {show(level.outside[1], unit)}"
    return f"equal to {show(level.equals or 0.0, unit)}"


def _clear(level: Level, unit: Unit) -> str:
    mark = level.above if level.above is not None else level.below
    return f", until {show(level.clear, unit)}" if mark is not None and mark != level.clear else ""


def _lasting(hold: timedelta) -> str:
    return f" for {_span(hold)}" if hold else ""


def _span(length: timedelta) -> str:
    return show_seconds(max(0.0, length.total_seconds()))
