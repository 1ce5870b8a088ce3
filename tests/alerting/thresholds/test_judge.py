"""What a judge hands to the desk: thresholds that remember, those that miss a value, and those made of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.alert import Alert, AlertState
from alerting.inputs import Judged
from alerting.judge import Judge
from alerting.plan import CheckPlan, Plan
from alerting.severity import Severity
from alerting.state import Proof, State
from alerting.thresholds.threshold import Filling, JointThreshold, Level, LevelThreshold, Over, Threshold
from alerting.thresholds.usual import HOUR, Usual
from alerting.thresholds.verdict import AlertKey
from alerting.thresholds.window import Function
from lab.desk_plans import plan as plan_of
from probes.sample import Outcome, Sample
from probes.units import Unit

W, C = Severity.WARNING, Severity.CRITICAL
START = datetime(2027, 1, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _above(mark: float) -> dict[Severity, Level]:
    return {W: Level(above=mark, clear=mark)}


BUSY = LevelThreshold(
    id="busy",
    metric="used_ratio",
    unit=Unit.RATIO,
    levels=_above(0.5),
    derived=Over(function=Function.AVG, seconds=300),
)
SILENT = LevelThreshold(
    id="silent", metric="used_ratio", unit=Unit.RATIO, levels=_above(2.0), no_data_for=5 * MINUTE
)
DATA = LevelThreshold(
    id="data",
    metric="used_ratio",
    unit=Unit.RATIO,
    levels=_above(0.5),
    parts=("/data*",),
    spared=("/data/tmp",),
)
FULL = LevelThreshold(
    id="full",
    metric="used_ratio",
    unit=Unit.SECONDS,
    levels={W: Level(below=86400.0, clear=100_000.0)},
    derived=Filling(seconds=3600, floor=0.6),
)
SURGE = LevelThreshold(
    id="surge", metric="used_ratio", unit=Unit.COUNT, levels=_above(3.0), derived=Usual(over=None)
)
BOTH = JointThreshold(id="both", severity=C, all_of=("busy", "other/down"))


class World:
    """A judge of one check, and what it has heard."""

    def __init__(self, *thresholds: Threshold, part: str | None = None) -> None:
        self.state = State()
        self.state.records[Proof]["home"] = Proof(id="home", at=START)
        self.plan = self.of(*thresholds, part=part)
        self.judge = Judge()
        self.at = START

    def of(self, *thresholds: Threshold, part: str | None = None) -> Plan:
        check = CheckPlan(name="home", probe="tcp", host="h", thresholds=thresholds, part=part)
        return replace(plan_of(), checks={"home": check})

    def sees(
        self,
        value: float | None = None,
        *,
        parts: Mapping[str, float] | None = None,
        outcome: Outcome = Outcome.UP,
        after: timedelta = MINUTE,
    ) -> Judged | None:
        self.at += after
        return self.judge(self.sample(value, parts or {}, outcome), self.state, self.plan)

    def sample(
        self, value: float | None, parts: Mapping[str, float], outcome: Outcome = Outcome.UP
    ) -> Sample:
        return Sample(
            check="home",
            at=self.at,
            duration=0.1,
            outcome=outcome,
            values={} if value is None else {"used_ratio": value},
            parts={name: {"used_ratio": one} for name, one in parts.items()},
        )

    def fires(self, key: AlertKey) -> None:
        self.state.records[Alert][str(key)] = Alert(
            id=str(key),
            key=key,
            state=AlertState.FIRING,
            severity=W,
            impact=BUSY.impact,
            since=START,
            changed_at=START,
        )


def _held(judged: Judged | None) -> list[str]:
    return [] if judged is None else [str(one.key) for one in judged.verdicts if one.held]


def test_a_window_has_something_to_say_only_once_its_mean_is_beyond_the_mark() -> None:
    world = World(BUSY)
    heard = [_held(world.sees(value)) for value in (0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9)]
    assert heard == [[], [], [], [], [], ["home/busy"], ["home/busy"]]
    judged = world.sees(0.9)
    assert judged is not None
    assert judged.verdicts[0].message == "avg of used_ratio over 5 min is 90 %, above 50 %"


def test_what_is_remembered_outlives_a_reload_that_leaves_the_threshold_alone() -> None:
    world = World(BUSY)
    for _ in range(6):
        world.sees(0.9)
    world.plan = world.of(BUSY, SILENT)
    assert _held(world.sees(0.9)) == ["home/busy"]
    world.plan = world.of(replace(BUSY, derived=Over(function=Function.MIN, seconds=300)))
    assert _held(world.sees(0.9)) == []


def test_a_judge_that_recalls_the_samples_of_before_the_start_judges_like_one_that_never_ended() -> None:
    former, later = World(BUSY), World(BUSY)
    past = []
    for _ in range(4):
        former.sees(0.9)
        later.at = former.at
        past.append(later.sample(0.9, {}))
    later.judge.recall("home", past, {}, later.plan)
    assert _held(former.sees(0.9)) == _held(later.sees(0.9)) == ["home/busy"]


def test_hours_of_before_the_start_are_recalled_as_what_is_usual() -> None:
    world = World(SURGE)
    hour = int(START.timestamp()) // HOUR
    hours = {hour - 24 * day: (36.0, 360) for day in (1, 2, 3)}
    world.judge.recall("home", [], {("used_ratio", ""): hours}, world.plan)
    heard = [_held(world.sees(0.4)) for _ in range(6)]
    assert heard[-1] == ["home/surge"]


def test_a_value_that_is_missing_for_too_long_is_trouble_until_it_is_there_again() -> None:
    world = World(SILENT)
    assert _held(world.sees(0.5)) == []
    heard = [_held(world.sees(None)) for _ in range(6)]
    assert heard == [[], [], [], [], ["home/silent"], ["home/silent"]]
    judged = world.sees(None)
    assert judged is not None
    assert (judged.verdicts[0].no_data, judged.verdicts[0].breached) == (True, {W})
    assert judged.verdicts[0].message == "used_ratio has had no value for 7 min"
    world.fires(AlertKey("home", "silent"))
    good = world.sees(0.5)
    assert good is not None
    assert _held(good) == []


def test_a_value_that_was_never_there_is_missed_from_the_first_sample_on() -> None:
    world = World(SILENT)
    assert [_held(world.sees(None)) for _ in range(6)][-1] == ["home/silent"]


def test_a_target_that_is_down_misses_no_values() -> None:
    world = World(SILENT)
    world.sees(0.5)
    heard = [world.sees(None, outcome=Outcome.DOWN) for _ in range(20)]
    assert [one for one in heard if _held(one)] == []
    assert _held(world.sees(None)) == []


def test_a_part_that_is_no_longer_reported_is_missed_too() -> None:
    world = World(SILENT, part="mount")
    world.sees(parts={"/": 0.1, "/data": 0.1})
    heard = [_held(world.sees(parts={"/": 0.1})) for _ in range(5)]
    assert heard[-1] == ["home/silent//data"]


def test_only_the_parts_that_fit_are_judged() -> None:
    world = World(DATA, part="mount")
    judged = world.sees(parts={"/": 0.9, "/data": 0.9, "/data2": 0.1, "/data/tmp": 0.9})
    assert _held(judged) == ["home/data//data"]


@pytest.mark.parametrize(
    ("begin", "grows", "held"),
    [
        pytest.param(0.7, 0.001, True, id="full in hours"),
        pytest.param(0.7, 0.0, False, id="as full as before"),
        pytest.param(0.9, -0.001, False, id="emptying"),
        pytest.param(0.3, 0.001, False, id="under its floor"),
        pytest.param(0.7, 0.0001, False, id="full in days"),
    ],
)
def test_a_share_that_grows_towards_its_end_is_noticed_before_it_is_there(
    begin: float, grows: float, held: bool
) -> None:
    world = World(FULL)
    heard = [_held(world.sees(begin + grows * minute)) for minute in range(60)]
    assert heard[-1] == (["home/full"] if held else [])
    assert heard[10] == []


def test_a_threshold_made_of_others_holds_while_all_of_them_do() -> None:
    world = World(BUSY, BOTH)
    assert world.sees(0.1) is None
    world.fires(AlertKey("home", "busy"))
    assert "home/both" not in _held(world.sees(0.1))
    world.fires(AlertKey("other", "down"))
    judged = world.sees(0.1)
    assert _held(judged) == ["home/both"]
    assert judged is not None
    assert [one.message for one in judged.verdicts if one.held] == ["home/busy and other/down"]


def test_a_threshold_of_any_holds_while_one_of_them_does() -> None:
    world = World(BUSY, JointThreshold(id="some", severity=W, any_of=("busy", "other/down")))
    world.fires(AlertKey("other", "down"))
    assert _held(world.sees(0.1)) == ["home/some"]
