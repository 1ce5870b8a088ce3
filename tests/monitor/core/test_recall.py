"""Thresholds that look back know, after a start, what was seen before it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerting.judge import Judge
from alerting.plan import CheckPlan, Plan
from alerting.severity import Severity
from alerting.state import Proof, State
from alerting.thresholds.threshold import Level, LevelThreshold, Over, Threshold
from alerting.thresholds.usual import Usual
from alerting.thresholds.window import Function
from lab.desk_plans import plan as plan_of
from lab.past import LIMITS, START, Past, Told
from monitor.history.history import History
from monitor.recall import recall
from probes.sample import Outcome, Sample
from probes.units import Unit

ABOVE = {Severity.WARNING: Level(above=0.5, clear=0.5)}
BUSY = LevelThreshold(
    id="busy", metric="used", unit=Unit.RATIO, levels=ABOVE, derived=Over(function=Function.MIN, seconds=3600)
)
SURGE = LevelThreshold(
    id="surge",
    metric="used",
    unit=Unit.COUNT,
    levels={Severity.WARNING: Level(above=2.0, clear=2.0)},
    derived=Usual(over=None),
)


async def aside(work: Callable[[], list[Sample]]) -> list[Sample]:
    return await asyncio.to_thread(work)


def _plan(*thresholds: Threshold) -> Plan:
    checks = {
        name: CheckPlan(name=name, probe="tcp", host=name, thresholds=thresholds) for name in ("home", "shop")
    }
    return replace(plan_of(), checks=checks)


def _judged(past: Past, plan: Plan, values: list[float], *, limits: bool = True) -> list[str]:
    """Return the alerts held after the past was recalled, and a sample a minute with each value came since."""

    async def story() -> list[str]:
        clock = Told()
        clock.at = past.clock.at
        history = History(past.path.parent, LIMITS if limits else None, clock)
        history.start()
        judge, state = Judge(), State()
        state.records[Proof]["home"] = Proof(id="home", at=START)
        try:
            await recall(judge, plan, history, clock.at, aside)
        finally:
            await history.close()
        held: list[str] = []
        for minute, value in enumerate(values):
            sample = Sample(
                check="home",
                at=clock.at + timedelta(minutes=minute),
                duration=0.1,
                outcome=Outcome.UP,
                values={"used": value},
            )
            judged = judge(sample, state, plan)
            held = [] if judged is None else [str(one.key) for one in judged.verdicts if one.held]
        return held

    return asyncio.run(story())


def _lived(tmp_path: Path, value: float, minutes: int) -> Past:
    past = Past(tmp_path)
    for _ in range(minutes):
        past.saw(past.sample(values={"used": value}), past.sample("shop", values={"used": 0.0}))
        past.pass_(60)
    past.keeper.close()
    return past


def test_a_window_goes_on_with_what_the_former_process_saw(tmp_path: Path) -> None:
    past = _lived(tmp_path, 0.9, 60)
    assert _judged(past, _plan(BUSY), [0.9]) == ["home/busy"]
    assert _judged(past, _plan(BUSY), [0.9], limits=False) == [], "without a history it begins anew"


def test_a_good_value_from_before_the_start_still_counts(tmp_path: Path) -> None:
    past = _lived(tmp_path, 0.1, 60)
    assert _judged(past, _plan(BUSY), [0.9] * 40) == []


def test_the_same_hour_of_former_days_is_known_after_a_start(tmp_path: Path) -> None:
    past = _lived(tmp_path, 0.2, 4 * 24 * 60)
    assert _judged(past, _plan(SURGE), [0.9] * 7) == ["home/surge"]
    assert _judged(past, _plan(SURGE), [0.2] * 7) == []


def test_what_is_seen_while_the_past_is_read_is_not_lost(tmp_path: Path) -> None:
    plan, judge, state = _plan(BUSY), Judge(), State()
    past = _lived(tmp_path, 0.9, 60)
    judge.await_past(["home"])
    good = past.sample(values={"used": 0.1})
    judge(good, state, plan)
    judge.recall("home", past.samples(), {}, plan)
    past.clock.at += timedelta(minutes=1)
    judged = judge(past.sample(values={"used": 0.9}), state, plan)
    assert [str(one.key) for one in judged.verdicts if one.held] == [] if judged else True


def test_a_damaged_history_lets_thresholds_begin_anew(tmp_path: Path) -> None:
    past = _lived(tmp_path, 0.9, 60)
    past.path.write_bytes(b"no database" * 100)
    assert _judged(past, _plan(BUSY), [0.9]) == []


def test_blocks_that_cannot_be_unpacked_let_thresholds_begin_anew(tmp_path: Path) -> None:
    past = _lived(tmp_path, 0.9, 60)
    with closing(sqlite3.connect(past.path)) as file, file:
        file.execute("UPDATE blocks SET data = x'00ff00ff'")
    assert _judged(past, _plan(BUSY), [0.9]) == []
