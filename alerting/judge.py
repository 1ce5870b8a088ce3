"""From a sample to what the desk has to hear of it: nothing, where all is well and was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from alerting.alert import Alert
from alerting.inputs import Judged
from alerting.plan import CheckPlan, Plan
from alerting.state import HELD, Proof, Record, State, awaited_key
from alerting.thresholds.quiet import Quiet, compile_quiet
from alerting.thresholds.series import Series
from alerting.thresholds.threshold import JointThreshold, LevelThreshold, Threshold
from alerting.thresholds.verdict import Reading, judge
from probes.sample import Outcome, Sample

MOST_AWAITED: Final = 1000
"""Samples of one check kept while its past is read."""
NOTHING: Final[Mapping[str, tuple[Reading, ...]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """What is known of thresholds before any sample. `remembering` are those that one value says nothing to."""

    quiet: Quiet
    remembering: tuple[LevelThreshold, ...]
    joint: tuple[JointThreshold, ...]


def waited_for(state: State) -> bool:
    """Tell whether any alert is held until what it depends on has been looked at."""
    return bool(state.about(Alert, HELD))


class Listening:
    """A judge while alerts are held: that a check they wait for works is news as well, although it changes nothing.

    It is another one so that the quick one has nothing to ask.
    """

    def __init__(self, judge: Judge) -> None:
        """Listen beside `judge`."""
        self._judge = judge

    def __call__(self, sample: Sample, state: State, plan: Plan) -> Judged | None:
        """Return the verdicts on a sample; None where they would change nothing and nobody waits for them."""
        judged = self._judge(sample, state, plan)
        if judged is not None or sample.outcome is not Outcome.UP:
            return judged
        if sample.check not in plan.checks or not state.about(Alert, awaited_key(sample.check)):
            return None
        return Judged(
            check=sample.check, at=sample.at, worked=True, verdicts=(), parts=frozenset(sample.parts)
        )


class Judge:
    """Judges samples by the thresholds of a plan; what it compiled is kept as long as the plan is the same.

    What windows remember stays over a change of the plan where the threshold does. It is no part of the recorded
    state: after a start `recall` takes it up from the samples there were.
    """

    def __init__(self) -> None:
        """Nothing is compiled yet, and nothing remembered."""
        self._compiled: dict[int, _Compiled] = {}
        self._plan: Plan | None = None
        self._series: dict[str, Series] = {}
        self._awaited: dict[str, list[Sample]] = {}
        """What was seen of checks whose past is on its way."""

    def __call__(self, sample: Sample, state: State, plan: Plan) -> Judged | None:
        """Return the verdicts on a sample; None where they would change nothing."""
        check = plan.checks.get(sample.check)
        if check is None:
            return None
        proven = sample.check in state.records[Proof]
        alerts = state.records[Alert]
        compiled = self._of(check, plan)
        series = self._series_of(check, compiled) if compiled.remembering else None
        loud = series is not None and series.take(sample)
        if (
            self._awaited
            and (since := self._awaited.get(sample.check)) is not None
            and len(since) < MOST_AWAITED
        ):
            since.append(sample)
        if (
            proven
            and not loud
            and compiled.quiet(sample, alerts)
            and (check.part is None or not alerts)
            and not (compiled.joint and alerts and _touched(compiled.joint, check.name, alerts))
        ):
            return None
        readings = NOTHING if series is None else series.readings()
        worked = sample.outcome is Outcome.UP
        verdicts = tuple(
            verdict
            for threshold in check.thresholds
            for verdict in judge(
                threshold,
                sample,
                proven=proven,
                readings=readings.get(threshold.id),
                active=lambda key: _active(alerts.get(key)),
            )
        )
        news = worked > proven or any(one.held or str(one.key) in alerts for one in verdicts)
        if not news and (check.part is None or not alerts):
            return None
        return Judged(
            check=sample.check,
            at=sample.at,
            worked=worked,
            verdicts=verdicts,
            parts=frozenset(sample.parts),
        )

    def remembering(self, plan: Plan) -> dict[str, tuple[LevelThreshold, ...]]:
        """Return the checks that have thresholds to which one value says nothing, with those thresholds."""
        found = {name: self._of(check, plan).remembering for name, check in plan.checks.items()}
        return {name: thresholds for name, thresholds in found.items() if thresholds}

    def await_past(self, checks: Iterable[str]) -> None:
        """Begin to keep what is seen of these checks, until `recall` brings what was seen before."""
        self._awaited = {name: [] for name in checks}

    def recall(
        self,
        check: str,
        past: Iterable[Sample],
        hours: Mapping[tuple[str, str], Mapping[int, tuple[float, int]]],
        plan: Plan,
    ) -> None:
        """Remember the samples of a check from before the start, oldest first, and then those of since.

        `hours` are sum and count of former hours, by hours since the epoch, for each metric and part.
        """
        since = self._awaited.pop(check, [])
        known = plan.checks.get(check)
        if known is None or not (compiled := self._of(known, plan)).remembering:
            return
        series = Series(compiled.remembering)
        for (metric, part), folded in hours.items():
            series.remember(metric, part, folded)
        for sample in (*(one for one in past if not since or one.at < since[0].at), *since):
            series.take(sample)
        self._series[check] = series

    def _of(self, check: CheckPlan, plan: Plan) -> _Compiled:
        if self._plan is not plan:
            self._compiled, self._plan = {}, plan
            self._series = {name: one for name, one in self._series.items() if name in plan.checks}
        thresholds = check.thresholds  # shared by checks that are judged alike, and kept by the plan
        known = self._compiled.get(id(thresholds))
        if known is None:
            known = self._compiled[id(thresholds)] = _compile(thresholds)
        return known

    def _series_of(self, check: CheckPlan, compiled: _Compiled) -> Series:
        series = self._series.get(check.name)
        if series is None:
            series = self._series[check.name] = Series(compiled.remembering)
        elif series.thresholds is not compiled.remembering:
            series = self._series[check.name] = series.under(compiled.remembering)
        return series


def _compile(thresholds: tuple[Threshold, ...]) -> _Compiled:
    return _Compiled(
        quiet=compile_quiet(thresholds),
        remembering=tuple(one for one in thresholds if isinstance(one, LevelThreshold) and not one.plain),
        joint=tuple(one for one in thresholds if isinstance(one, JointThreshold)),
    )


def _touched(joint: tuple[JointThreshold, ...], check: str, alerts: Mapping[str, Record]) -> bool:
    return any(key in alerts for one in joint for key in one.keys(check))


def _active(alert: Record | None) -> bool:
    return isinstance(alert, Alert) and alert.state.active
