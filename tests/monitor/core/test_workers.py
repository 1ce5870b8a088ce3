"""Worker processes: the same samples as without them, the same care for what is unchanged, the same counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.crew import check, crewed, named, targets
from lab.probe_run import finished
from monitor.engine.runner import Executors, run_once
from probes.network.tcp import Tcp
from probes.sample import Outcome, Sample


def what_it_says(sample: Sample) -> dict[str, Any]:
    """Return all of a sample that does not differ from run to run."""
    still = {
        name: value for name, value in sample.values.items() if not name.endswith(("_seconds", "_ratio"))
    }
    return {
        "outcome": sample.outcome,
        "error": sample.error,
        "message": sample.message,
        "values": still,
        "names": set(sample.values),
        "parts": sample.parts,
        "phases": set(sample.phases),
        "log": [line.split("s ", 1)[1].split(", ")[0] for line in sample.log],
    }


@pytest.mark.parametrize("count", [2, 3])
def test_workers_see_what_the_daemon_itself_would(count: int, tmp_path: Path) -> None:
    async def story() -> None:
        async with targets(tmp_path) as world:
            with Executors() as executors:
                here = {name: await run_once(one, executors, {}) for name, one in world.checks.items()}
            async with crewed(count, world.checks) as at_work:
                assert len(at_work.pids) == at_work.vitals.workers == count
                there = await at_work.next_of_each(world.checks)
        for name, sample in there.items():
            expected = what_it_says(here[name])
            if (
                sample.phases.keys() < here[name].phases.keys()
            ):  # it asks again already, on a connection it has kept
                expected["phases"] = set(sample.phases)
            if sample.outcome is Outcome.UP:  # run_once keeps the log of a good run, too
                expected["log"] = []
            assert what_it_says(sample) == expected, name
            assert abs(sample.at - here[name].at).total_seconds() < 30
            assert sample.at.tzinfo is not None

    finished(story, "uvloop")


def test_a_check_that_stays_keeps_its_memory_through_a_reload_and_one_that_goes_is_heard_of_no_more(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with targets(tmp_path) as world, crewed(2, world.checks) as at_work:
            await at_work.next_of_each(world.checks)
            assert world.opened["kept"] == 1
            other = {name: one for name, one in world.checks.items() if name != "up"}
            other |= named(check("new", world.checks["up"].probe))
            other["status"] = replace(other["status"], probe=world.checks["up"].probe, fingerprint="2")
            at_work.crew.watch(other)
            begin = len(at_work.samples)
            for _ in range(3):
                await at_work.next_of_each(other)
            assert world.opened["kept"] == 1, "its connection is still open"
            later = at_work.samples[begin:]
            assert "up" not in {one.check for one in later}
            assert {one.outcome for one in later if one.check == "status"} == {Outcome.UP}

    finished(story, "uvloop")


def test_a_check_is_looked_at_again_before_its_turn_when_asked() -> None:
    async def story() -> None:
        slow = named(check("slow", Tcp(target="127.0.0.1:9"), every=3600.0, retry_every=0.1))
        async with crewed(2, slow) as at_work:
            for number in range(1, 4):
                at_work.crew.look_again("slow")
                at_work.crew.look_again("nobody")
                await at_work.until(lambda: len(at_work.samples) == number)  # noqa: B023 - awaited at once

    finished(story, "uvloop")


def test_what_workers_count_is_counted_with_our_own() -> None:
    async def story() -> None:
        some = named(*(check(f"c-{number}", Tcp(target="127.0.0.1:9"), every=0.2) for number in range(20)))
        async with crewed(3, some) as at_work:
            await at_work.next_of_each(some)
            await at_work.next_of_each(some)
            vitals = at_work.vitals
            await at_work.until(lambda: vitals.runs >= 40)
            assert sum(vitals.late) == vitals.runs
            assert abs(vitals.runs - len(at_work.samples)) <= 20
            assert vitals.late_seconds > 0
            assert set(vitals.worker_lag) == {0, 1, 2}

    finished(story, "uvloop")
