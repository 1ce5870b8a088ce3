"""What a threshold on a metric says in words: what the value is, and which mark it is beyond."""

from __future__ import annotations

from alerting.thresholds.threshold import Filling, Level, LevelThreshold, Over
from alerting.thresholds.usual import Usual
from alerting.thresholds.window import Function
from probes.units import show, show_seconds


def tell(threshold: LevelThreshold, level: Level, value: float, *, beyond: bool) -> str:
    """Return "avg of used_ratio over 5m is 93 %, above 90 %". Not `beyond` the mark it is between that and `clear`."""
    return f"{_value(threshold, value)}, {_mark(threshold, level, value, beyond=beyond)}"


def _value(threshold: LevelThreshold, value: float) -> str:
    derived, metric = threshold.derived, threshold.metric
    if isinstance(derived, Usual):
        return f"{metric} is {value:.3g} times what is usual"
    shown = show(value, threshold.unit)
    if isinstance(derived, Filling):
        return f"{metric} will be 100 % in {shown}"
    if isinstance(derived, Over):
        each = " per second" if derived.function is Function.RATE and not shown.endswith("/s") else ""
        return f"{derived.function.value} of {metric} over {show_seconds(derived.seconds)} is {shown}{each}"
    return f"{metric} is {shown}"


def _mark(threshold: LevelThreshold, level: Level, value: float, *, beyond: bool) -> str:
    unit = threshold.unit
    if level.equals is not None:
        return f"which is {show(level.equals, unit)}"
    if level.outside is not None:
        low, high = level.outside if beyond else level.inside or level.outside
        return f"below {show(low, unit)}" if value < low else f"above {show(high, unit)}"
    if level.above is not None:
        return f"above {show(level.above if beyond else level.clear, unit)}"
    mark = level.below if beyond and level.below is not None else level.clear
    return f"below {show(mark, unit)}"
