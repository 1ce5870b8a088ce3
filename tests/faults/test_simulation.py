"""A day of the daemon in virtual time, from a seed: the desk against a reference model, and rules for what arrived.

A failing day prints its seed, the first difference, and what is left of the day when everything is left out that it
does not take. `NIGHTBELL_SEED=… pytest tests/faults/test_simulation.py` lives through the same days again.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from lab.simulation import Outcome
from lab.simulation_days import lived, shrunk, simulate, told
from lab.simulation_mutants import MUTANTS, mutant
from lab.simulation_script import script_of
from lab.simulation_store import StoreDisk

DAYS = {"smoke": (20, 4.0), "nightly": (1_000, 24.0)}
"""By tier: how many days, and how many hours each has."""
WITHIN = 24
"""Days within which each known bug has to be found."""
QUICK = (
    "pages who has acknowledged",
    "loses the resume after a relapse",
    "fires one failure too early",
    "never reopens",
    "all-clear at once",
    "an acknowledgement never lapses",
)
"""Bugs that are looked for with every change; the rest at night."""

TRACE = (
    "import hashlib, sys; from lab.simulation_days import simulate; from lab.simulation_script import script_of;"
    "day = simulate(script_of(sys.argv[1], hours=6), traced=True);"
    "print(hashlib.sha256('\\n'.join(day.trace).encode()).hexdigest())"
)


def test_a_day_of_whatever_may_happen_is_the_day_the_model_tells(seed, tier, figures):
    number, hours = DAYS[tier]
    seeds = [f"{seed}/{day}" for day in range(number)]
    if tier == "nightly":
        with ProcessPoolExecutor(
            max_workers=os.cpu_count(), mp_context=multiprocessing.get_context("spawn")
        ) as pool:
            days = list(pool.map(lived, seeds, [hours] * number, chunksize=5))
    else:
        days = [lived(one, hours) for one in seeds]

    assert [day.inputs for day in days if not day.inputs] == []
    failed = [day for day in days if day.problem]
    if failed:
        pytest.fail(_report(failed, hours), pytrace=False)
    figures.record(
        "simulated days",
        n=number,
        hours=hours,
        inputs=sum(day.inputs for day in days),
        incidents=sum(day.incidents for day in days),
        letters=sum(day.letters for day in days),
        deaths=sum(day.deaths for day in days),
    )


def test_a_day_on_the_real_store_is_the_day_on_the_simulated_one(tier, tmp_path, figures):
    number, hours = {"smoke": (1, 3.0), "nightly": (20, 24.0)}[tier]
    for day in range(number):
        folder = tmp_path / str(day)
        folder.mkdir()
        script = script_of(f"store/{day}", hours=hours)
        simulated, disk = simulate(script, traced=True), StoreDisk(folder)
        try:
            real = simulate(script, traced=True, disk=disk)
        finally:
            disk.store.close()
        assert real.problem == simulated.problem == ""
        assert real.trace == simulated.trace
    figures.record("simulated days on the real store", n=number, hours=hours)


def _report(failed: list[Outcome], hours: float) -> str:
    """Tell of the failed days, and of the first what is left of it."""
    lines = [
        f"{len(failed)} days differ:",
        *(f"  {day.seed} {day.at}: {day.problem[:300]}" for day in failed[:10]),
    ]
    small = shrunk(script_of(failed[0].seed, hours=hours))
    return "\n".join([*lines, f"the first one, made small ({failed[0].seed}):", *told(small)])


def test_known_bugs_put_into_the_desk_are_found(tier, figures):
    names = QUICK if tier == "smoke" else tuple(MUTANTS)
    found = {name: _found_on(name) for name in names}

    assert {name: day for name, day in found.items() if day is None} == {}
    figures.record("known bugs put into the desk", n=len(names), days=sum(day or 0 for day in found.values()))


def _found_on(name: str) -> int | None:
    """Return on which day a bug is found, None where it never is."""
    for day in range(WITHIN):
        if simulate(script_of(f"teeth/{day}"), mutant(name)).problem:
            return day + 1
    return None


def test_a_failing_day_is_made_small_and_still_fails():
    bug = mutant("fires one failure too early")
    days = (script_of(f"teeth/{day}", hours=6) for day in range(WITHIN))
    script = next(day for day in days if simulate(day, bug).problem)

    small = shrunk(script, bug, tries=60)

    assert 0 < len(small.events) < len(script.events) / 2
    assert simulate(small, bug).problem
    assert simulate(small).problem == ""
    assert any("trouble" in line for line in told(small))


def test_the_same_seed_is_the_same_day_in_any_process(tier):
    """Sets of words come in another order in each process: nothing that is decided may rest upon it."""
    here = simulate(script_of("again", hours=6), traced=True)
    mine = hashlib.sha256("\n".join(here.trace).encode()).hexdigest()
    path = os.pathsep.join(sys.path)

    for salt in ("1", "2") if tier == "nightly" else ("1",):
        there = subprocess.run(
            [sys.executable, "-c", TRACE, "again"],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout.strip()
        assert there == mine
