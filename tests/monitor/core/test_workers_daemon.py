"""The daemon with `workers: 2`, as users start, reload, stop and lose it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.crew import is_worker, workers_of
from lab.daemon import Nightbell
from lab.wait import until
from lab.world import World

FAST = "host: off\ndefaults: {every: 1s, timeout: 1s, failures: 1, retry_every: 1s}\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "world", targets=6) as one:
        yield one


@pytest.fixture
def daemon(tmp_path: Path, world: World) -> Iterator[Nightbell]:
    one = Nightbell(tmp_path / "daemon", FAST + "workers: 2\n" + world.checks())
    one.start()
    yield one
    one.close()


def outcomes(daemon: Nightbell) -> dict[str, str]:
    return {one["name"]: one["outcome"] for one in daemon.items("checks")}


def test_what_workers_see_is_judged_shown_and_measured(daemon: Nightbell, world: World) -> None:
    until(lambda: set(outcomes(daemon).values()) == {"up"}, within=10, why="all up")
    world.down("target-003")
    until(lambda: outcomes(daemon)["target-003"] == "down", within=10, why="one down")
    until(lambda: daemon.items("incidents"), within=10, why="its incident")
    seen = daemon.api("checks/target-003")
    assert seen["error"] == "status"
    assert len(seen["history"]) > 1
    assert "503" in seen["last_failure"]["message"]
    assert seen["last_failure"]["log"]
    metrics = daemon.get("/metrics")[1]
    assert "nightbell_workers 2.0" in metrics
    assert "nightbell_workers_restarted_total 0.0" in metrics
    assert 'probe_success{check="target-003",instance="127.0.0.1"} 0.0' in metrics

    pids = workers_of(daemon.pid)
    assert len(pids) == 2
    daemon.write(FAST + "workers: 3\n" + world.checks())
    daemon.hup()
    until(lambda: "configuration reloaded" in daemon.text(), within=10, why="the reload")
    assert "workers takes effect at the next start" in daemon.text()

    for pid in pids:  # as systemd does: all of the group at once
        os.kill(pid, signal.SIGTERM)
    assert daemon.stop() == 0
    assert not any(is_worker(pid) for pid in pids)
    assert "is not running" not in daemon.text()


def test_workers_do_not_outlive_a_daemon_that_is_killed(daemon: Nightbell) -> None:
    pids = workers_of(daemon.pid)
    os.kill(pids[0], signal.SIGSTOP)  # not even one that cannot do anything itself
    daemon.kill()
    until(lambda: not any(is_worker(pid) for pid in pids), within=5, why="the end of the workers")


def test_a_lost_worker_is_said_wherever_one_looks_for_trouble(daemon: Nightbell) -> None:
    os.kill(workers_of(daemon.pid)[0], signal.SIGKILL)
    until(lambda: "worker process" in daemon.get("/healthz")[1], within=5, why="the trouble", look_every=0.01)
    until(lambda: daemon.get("/healthz")[0] == 200, within=10, why="the new one")
    assert "nightbell_workers_restarted_total 1.0" in daemon.get("/metrics")[1]
    assert "it was ended by signal 9; another is started in 0.5 s" in daemon.text()
    assert daemon.stop() == 0
