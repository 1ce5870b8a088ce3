"""From a sample to what the desk has to hear of it: nothing, where all is well and was."""

from __future__ import annotations

from alerting.alert import Alert
from alerting.inputs import Judged
from alerting.plan import CheckPlan, Plan
from alerting.state import HELD, Proof, State, awaited_key
from alerting.thresholds.quiet import Quiet, compile_quiet
from alerting.thresholds.verdict import judge
from probes.sample import Outcome, Sample


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
    """Judges samples by the thresholds of a plan; what it compiled is kept as long as the plan is the same."""

    def __init__(self) -> None:
        """Nothing is compiled yet."""
        self._quiet: dict[int, Quiet] = {}
        self._plan: Plan | None = None

    def __call__(self, sample: Sample, state: State, plan: Plan) -> Judged | None:
        """Return the verdicts on a sample; None where they would change nothing."""
        check = plan.checks.get(sample.check)
        if check is None:
            return None
        proven = sample.check in state.records[Proof]
        alerts = state.records[Alert]
        if proven and self._is_quiet(check, plan)(sample, alerts) and (check.part is None or not alerts):
            return None
        worked = sample.outcome is Outcome.UP
        verdicts = tuple(
            verdict for threshold in check.thresholds for verdict in judge(threshold, sample, proven=proven)
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

    def _is_quiet(self, check: CheckPlan, plan: Plan) -> Quiet:
        if self._plan is not plan:
            self._quiet, self._plan = {}, plan
        thresholds = check.thresholds  # shared by checks that are judged alike, and kept by the plan
        known = self._quiet.get(id(thresholds))
        if known is None:
            known = self._quiet[id(thresholds)] = compile_quiet(thresholds)
        return known
