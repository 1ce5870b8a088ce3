"""The scheduler in virtual time: when checks run, and that nothing is forgotten, doubled or piled up."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.model import Check
from lab.core_parts import check, for_ever
from lab.core_virtual import START, settle, virtually, wait_for
from monitor.daemon import Vitals
from monitor.engine.scheduler import COARSE, IN_FLIGHT, SETTLE, Scheduler, _phase, in_tasks
from probes.network.tcp import Tcp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Runs:
    """Notes when each check ran; `lasting` says how long a run takes."""

    def __init__(self, lasting: Callable[[str], float] = lambda _: 0) -> None:
        self.at: dict[str, list[float]] = defaultdict(list)
        self.memories: dict[str, list[dict[str, object]]] = defaultdict(list)
        self.under_way = 0
        self.most = 0
        self.ended = 0
        self._lasting = lasting

    async def start(self, one: Check, memory: dict[str, object]) -> None:
        self.at[one.name].append(asyncio.get_running_loop().time())
        self.memories[one.name].append(memory)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            lasting = self._lasting(one.name)
            if lasting == float("inf"):
                await for_ever()
            elif lasting:
                await asyncio.sleep(lasting)
        finally:
            self.under_way -= 1
            self.ended += 1


@asynccontextmanager
async def scheduled(
    runs: Runs, checks: Mapping[str, Check], vitals: Vitals | None = None, **bounds: int
) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(in_tasks(runs.start), vitals or Vitals(started_at=START), **bounds)
    scheduler.watch(checks)
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        await settle(running)


def named(*checks: Check) -> dict[str, Check]:
    return {one.name: one for one in checks}


def fleet(count: int, **fields: Any) -> dict[str, Check]:
    return named(*(check(f"check-{number}", **fields) for number in range(count)))


def test_first_runs_are_spread_over_the_interval() -> None:
    async def story() -> None:
        runs = Runs()
        zero = asyncio.get_running_loop().time() + SETTLE
        async with scheduled(runs, fleet(1000)):
            await asyncio.sleep(10.2)
        firsts = [times[0] - zero for times in runs.at.values()]
        assert len(firsts) == 1000
        per_second = Counter(int(first) for first in firsts)
        assert set(range(10)) <= set(per_second), "a tenth of the interval stays empty"
        assert max(per_second.values()) < 150, per_second

    virtually(story)


def test_the_phase_is_the_same_in_every_process() -> None:
    names = ["home", "数据库", "a" * 200]
    program = f"from monitor.engine.scheduler import _phase; print([_phase(name) for name in {names!r}])"
    for seed in ("0", "1"):
        told = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == str([_phase(name) for name in names])


@given(st.text())
def test_a_phase_lies_within_the_interval(name: str) -> None:
    assert 0 <= _phase(name) < 1


def test_nothing_drifts_over_ten_thousand_seconds() -> None:
    async def story() -> None:
        runs = Runs(lambda name: 0.3 if name == "slow" else 0)
        began = asyncio.get_running_loop().time()
        async with scheduled(runs, named(check("quick"), check("slow"), check("odd", every=0.7))):
            await asyncio.sleep(10_000)
        for name, every in (("quick", 10), ("slow", 10), ("odd", 0.7)):
            due = began + SETTLE + _phase(name) * every
            times = runs.at[name]
            assert len(times) == pytest.approx(10_000 / every, abs=1)
            late = [at - (due + turn * every) for turn, at in enumerate(times)]
            assert min(late) > -1e-6
            assert max(late) <= COARSE + 1e-6

    virtually(story)


def test_a_run_that_outlasts_its_interval_is_not_doubled_and_the_turns_it_missed_are_counted() -> None:
    async def story() -> None:
        vitals = Vitals(started_at=START)
        runs = Runs(lambda name: 25 if name == "slow" else 0)
        async with scheduled(runs, named(check("slow", every=10), check("quick")), vitals):
            await asyncio.sleep(300)
        assert len(runs.at["slow"]) == 10  # every third turn
        assert vitals.skipped == pytest.approx(20, abs=1)
        gaps = {round(b - a, 1) for a, b in itertools.pairwise(runs.at["slow"])}
        assert gaps == {30.0}
        assert len(runs.at["quick"]) == 30

    virtually(story)


def test_looking_again_comes_after_retry_every_and_the_turns_after_it_stay_an_interval_apart() -> None:
    async def story() -> None:
        runs = Runs()
        loop = asyncio.get_running_loop()
        async with scheduled(runs, named(check("home", every=60, retry_every=5))) as scheduler:
            await wait_for(lambda: runs.at["home"])
            first = runs.at["home"][0]
            asked = loop.time()
            scheduler.look_again("home")
            await asyncio.sleep(200)
        again, *later = runs.at["home"][1:]
        assert again - asked == pytest.approx(5, abs=0.01)
        assert later[0] - again <= 60.01
        assert all(59.9 < b - a < 60.1 for a, b in itertools.pairwise(later))
        assert first < again

    virtually(story)


def test_looking_again_never_waits_longer_than_the_turn() -> None:
    async def story() -> None:
        runs = Runs()
        async with scheduled(runs, named(check("home", every=10, retry_every=30))) as scheduler:
            await wait_for(lambda: runs.at["home"])
            scheduler.look_again("home")
            scheduler.look_again("home")
            await asyncio.sleep(40)
        assert all(b - a < 10.1 for a, b in itertools.pairwise(runs.at["home"]))

    virtually(story)


def test_looking_again_while_a_run_is_under_way_counts_from_its_end() -> None:
    async def story() -> None:
        runs = Runs(lambda _: 3)
        async with scheduled(runs, named(check("home", every=60, retry_every=2))) as scheduler:
            await wait_for(lambda: runs.at["home"])
            scheduler.look_again("home")
            await asyncio.sleep(10)
        assert runs.at["home"][1] - runs.at["home"][0] == pytest.approx(5, abs=0.1)
        assert runs.most == 1

    virtually(story)


def test_looking_at_once_waits_for_nothing_but_a_run_that_is_under_way() -> None:
    async def story() -> None:
        runs = Runs(lambda name: 3 if name == "slow" else 0)
        checks = named(check("home", every=60, retry_every=5), check("slow", every=60, retry_every=5))
        async with scheduled(runs, checks) as scheduler:
            await wait_for(lambda: runs.at["home"] and runs.at["slow"])
            await asyncio.sleep(5)
            asked = asyncio.get_running_loop().time()
            for name in checks:
                scheduler.look_again(name, at_once=True)
            await asyncio.sleep(1)
            scheduler.look_again("slow", at_once=True)
            await asyncio.sleep(5)
        assert runs.at["home"][1] - asked < 0.05
        assert runs.at["slow"][1] - asked < 0.05
        assert 3 <= runs.at["slow"][2] - asked < 3.1
        assert runs.most <= 2

    virtually(story)


def test_looking_again_at_what_nobody_watches_does_nothing() -> None:
    async def story() -> None:
        runs = Runs()
        async with scheduled(runs, {}) as scheduler:
            scheduler.look_again("gone")
            await asyncio.sleep(100)
        assert not runs.at

    virtually(story)


def test_a_reload_keeps_phase_and_memory_of_what_is_unchanged_and_drops_the_rest() -> None:
    async def story() -> None:
        runs = Runs()
        before = named(check("kept"), check("changed"), check("gone"))
        async with scheduled(runs, before) as scheduler:
            await asyncio.sleep(95)
            for memories in runs.memories.values():
                memories[-1]["mark"] = True
            turns = {name: times[-1] for name, times in runs.at.items()}
            scheduler.watch(named(check("kept"), check("changed", fingerprint="other"), check("new")))
            await asyncio.sleep(100)
        assert runs.at["gone"][-1] == turns["gone"]
        after = [at for at in runs.at["kept"] if at > turns["kept"]]
        assert after[0] - turns["kept"] == pytest.approx(10, abs=0.01)
        assert runs.memories["kept"][-1] == {"mark": True}
        assert runs.memories["changed"][-1] == {}
        assert len(runs.at["new"]) == 10

    virtually(story)


def test_reloads_in_quick_succession_neither_starve_nor_double_a_check() -> None:
    async def story() -> None:
        runs = Runs()
        async with scheduled(runs, fleet(20)) as scheduler:
            for _ in range(500):
                await asyncio.sleep(0.2)
                scheduler.watch(fleet(20))
        for times in runs.at.values():
            assert len(times) in (9, 10)
            assert all(9.9 < b - a < 10.1 for a, b in itertools.pairwise(times))

    virtually(story)


def test_a_check_changed_by_a_reload_while_it_runs_starts_anew_and_the_old_run_ends() -> None:
    async def story() -> None:
        runs = Runs(lambda _: 4)
        async with scheduled(runs, named(check("home"))) as scheduler:
            await wait_for(lambda: runs.at["home"])
            scheduler.look_again("home")
            scheduler.watch(named(check("home", fingerprint="other")))
            await asyncio.sleep(60)
        assert runs.most <= 2
        assert len(runs.at["home"]) == pytest.approx(7, abs=1)

    virtually(story)


def test_with_less_room_fewer_are_under_way_and_fewer_still_against_one_host() -> None:
    async def story() -> None:
        checks = fleet(100, every=1, timeout=30)
        of_one_host = {
            name: replace(one, probe=Tcp(target="shop.example.com:80")) for name, one in checks.items()
        }
        for watched, bounds in ((checks, {"room": 20}), (of_one_host, {"room": 20, "per_host": 5})):
            runs = Runs(lambda _: 5)
            async with scheduled(runs, watched, **bounds):
                await asyncio.sleep(150)
            assert runs.most == min(bounds.values())
            assert len(runs.at) == 100, "each has its turn"

    virtually(story)


def test_runs_under_way_are_capped_and_what_waits_is_run_late_instead_of_never() -> None:
    async def story() -> None:
        vitals = Vitals(started_at=START)
        runs = Runs(lambda _: 5)
        async with scheduled(runs, fleet(2 * IN_FLIGHT, every=1, timeout=30), vitals):
            await asyncio.sleep(60)
        assert runs.most == IN_FLIGHT
        assert len(runs.at) == 2 * IN_FLIGHT
        assert min(len(times) for times in runs.at.values()) >= 4
        assert vitals.lateness > 1

    virtually(story)


def test_cancelling_the_scheduler_leaves_no_task_behind() -> None:
    async def story() -> None:
        runs = Runs(lambda _: float("inf"))
        async with scheduled(runs, fleet(50)):
            await asyncio.sleep(30)
            assert runs.under_way == 50
        assert runs.under_way == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtually(story)


def test_after_a_long_stop_each_check_catches_up_once_and_keeps_its_place_in_the_interval() -> None:
    """A process that was paused must not find all its checks due at the same instant for ever after."""

    async def story() -> None:
        runs = Runs()
        loop = asyncio.get_running_loop()
        checks = fleet(200)
        began = loop.time()
        async with scheduled(runs, checks):
            await asyncio.sleep(30)
            loop.jump(605)  # type: ignore[attr-defined]  # nothing ran meanwhile: the machine slept
            woke = loop.time()
            await asyncio.sleep(40)
        for name, times in runs.at.items():
            after = [at for at in times if at >= woke]
            assert len(after) <= 6, f"{name} ran in a burst: {after}"
            due = began + SETTLE + _phase(name) * 10
            for at in after[1:]:
                turn = round((at - due) / 10)
                assert at - (due + turn * 10) == pytest.approx(0, abs=COARSE + 0.001), (
                    f"{name} has lost its place"
                )
        seconds = Counter(int(at) for times in runs.at.values() for at in times if at >= woke + 15)
        assert max(seconds.values()) < 60, "all checks run at once"

    virtually(story)


def test_what_goes_wrong_in_one_run_stops_no_other_check(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        ran: list[str] = []

        async def start(one: Check, _memory: dict[str, object]) -> None:
            ran.append(one.name)
            if one.name == "poison":
                raise ValueError("evaluation broke")

        scheduler = Scheduler(in_tasks(start), Vitals(started_at=START))
        scheduler.watch(named(check("poison"), check("home")))
        running = asyncio.create_task(scheduler.run())
        await asyncio.sleep(50)
        await settle(running)
        assert Counter(ran) == {"poison": 5, "home": 5}

    virtually(story)
    assert "poison" in caplog.text


def test_five_thousand_checks_all_run_each_interval_at_a_small_price() -> None:
    async def story() -> None:
        runs = Runs()
        vitals = Vitals(started_at=START)
        began, before = time.thread_time(), asyncio.get_running_loop().time()
        async with scheduled(runs, fleet(5000), vitals):
            await asyncio.sleep(60.2)
        spent = time.thread_time() - began
        assert asyncio.get_running_loop().time() - before < 61
        assert len(runs.at) == 5000
        assert {len(times) for times in runs.at.values()} <= {6, 7}
        assert vitals.skipped == 0
        assert spent < 15, f"{spent / vitals.runs * 1e6:.0f} µs a run"

    virtually(story)


@pytest.mark.parametrize(("count", "latest"), [(100, 0.02), (5000, 0.008), (20_000, 0.005)])
def test_what_is_due_close_together_starts_on_one_wake_up_and_the_closer_the_more_there_is(
    count: int, latest: float
) -> None:
    async def story() -> None:
        runs = Runs()
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with scheduled(runs, fleet(count)):
            await asyncio.sleep(9.9)
        late = [
            at - (began + SETTLE + _phase(name) * 10) for name, times in runs.at.items() for at in times[:1]
        ]
        assert 0 <= max(late) <= latest + 1e-6
        wakes = len({at for times in runs.at.values() for at in times})
        assert wakes <= 9.9 / latest + 1

    virtually(story)
