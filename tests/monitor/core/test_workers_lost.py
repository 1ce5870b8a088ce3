"""Worker processes that die, hang or are told to stop: no false word about a target, and none of them left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from config.model import Check
from lab.crew import check, crewed, expendable, is_worker, named, targets
from lab.probe_run import finished
from probes.network.tcp import Tcp
from probes.sample import ErrorClass, Outcome


def well(checks: dict[str, Check]) -> dict[str, Check]:
    """Return those whose target is up."""
    return {name: one for name, one in checks.items() if name in {"up", "by-name", "kept", "open", "tls"}}


def test_a_worker_that_is_killed_is_replaced_and_no_target_is_called_down_for_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with targets(tmp_path) as world, crewed(2, well(world.checks)) as at_work:
            await at_work.next_of_each(well(world.checks))
            before = at_work.pids
            os.kill(before[0], signal.SIGKILL)
            await at_work.until(lambda: at_work.vitals.troubles)
            assert "of 2 is not running: it " in at_work.vitals.troubles["workers"]
            assert at_work.vitals.workers == 1
            await at_work.until(lambda: not at_work.vitals.troubles and at_work.vitals.workers == 2)
            assert at_work.vitals.workers_restarted == 1
            assert at_work.vitals.skipped > 0, "the turns in the gap are counted"
            assert before[1] in at_work.pids, "the other one goes on"
            await at_work.next_of_each(well(world.checks))
            assert {one.outcome for one in at_work.samples} == {Outcome.UP}

    finished(story, "uvloop")


def test_a_worker_that_hangs_is_trouble_and_is_killed_and_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with targets(tmp_path) as world, crewed(2, well(world.checks), hung=1.5) as at_work:
            await at_work.next_of_each(well(world.checks))
            hung = at_work.pids[1]
            os.kill(hung, signal.SIGSTOP)
            await at_work.until(lambda: at_work.vitals.troubles)
            assert "has not answered for" in at_work.vitals.troubles["workers"]
            await at_work.until(lambda: not at_work.vitals.troubles and at_work.vitals.workers == 2)
            assert not is_worker(hung)
            await at_work.next_of_each(well(world.checks))
            assert {one.outcome for one in at_work.samples} == {Outcome.UP}

    finished(story, "uvloop")


def test_a_check_without_a_worker_for_long_is_unknown_by_our_own_fault_and_never_down(tmp_path: Path) -> None:
    async def story() -> None:
        async with targets(tmp_path) as world, crewed(2, well(world.checks), absent=0.0) as at_work:
            await at_work.next_of_each(well(world.checks))

            def told() -> bool:
                for pid in at_work.pids:
                    os.kill(pid, signal.SIGKILL)
                return any(one.outcome is Outcome.UNKNOWN for one in at_work.samples)

            await at_work.until(told)
            unknown = [one for one in at_work.samples if one.outcome is not Outcome.UP]
            assert {one.error for one in unknown} == {ErrorClass.SELF}
            assert unknown[0].message == f"cannot run {unknown[0].check}: its worker process is not running"

    finished(story, "uvloop")


def test_the_kernel_short_of_memory_takes_workers_before_the_daemon() -> None:
    async def story() -> None:
        async with crewed(2, {}) as at_work:
            ours, theirs = expendable("self"), expendable(at_work.pids[0])
            assert theirs > ours or ours == 1000

    finished(story, "uvloop")


def test_workers_wait_for_the_daemon_where_all_of_a_group_are_told_to_stop_and_end_with_it() -> None:
    """As systemd does it."""

    async def story() -> list[int]:
        some = named(*(check(f"c-{number}", Tcp(target="127.0.0.1:9"), every=0.2) for number in range(20)))
        async with crewed(3, some) as at_work:
            pids = at_work.pids
            assert len(pids) == 3
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            await at_work.next_of_each(some)
            assert at_work.pids == pids
        return pids

    assert not any(is_worker(pid) for pid in finished(story, "uvloop"))
