"""What a check saw, from the run to the terminal: through a restart, a damaged file, and with nothing else harmed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.daemon import Nightbell
from lab.wait import free_port, until

QUIET = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
checks:
  web: {{probe: tcp, target: "127.0.0.1:{internal}", every: 1s, timeout: 1s}}
  gone: {{probe: tcp, target: "127.0.0.1:{nobody}", every: 1s, timeout: 1s}}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Nightbell]:
    one = Nightbell(tmp_path, "host: off\n")
    one.write(QUIET.format(internal=one.internal, nobody=free_port()))
    yield one
    one.close()


def runs(daemon: Nightbell, check: str, outcome: str) -> int:
    """Ask as people do."""
    told = daemon.command("history", check, "--since", "10m", "--metric", "phases.connect", "--json")
    assert told.returncode == 0, told.stderr
    points = json.loads(told.stdout)["points"]
    if outcome == "up":
        assert all(point["mean"] is not None for point in points if point["up"])
    return sum(point[outcome] for point in points)


def test_what_checks_saw_is_shown_and_known_after_a_restart(daemon: Nightbell) -> None:
    daemon.start()
    until(lambda: runs(daemon, "web", "up") > 1, within=30, why="nothing is remembered")
    assert runs(daemon, "gone", "down") > 0
    assert daemon.stop() == 0
    before = (daemon.state / "history.db").read_bytes()
    assert (daemon.state / "history.db").stat().st_mode & 0o077 == 0

    daemon.start()
    known = runs(daemon, "web", "up")
    assert known > 1
    assert "nightbell_history_bytes " in daemon.get("/metrics")[1]
    assert daemon.stop() == 0
    assert len(before) > 0


def test_a_damaged_history_keeps_nobody_from_watching(daemon: Nightbell) -> None:
    daemon.state.mkdir(mode=0o700)
    (daemon.state / "history.db").write_bytes(b"no database" * 1000)
    daemon.start()
    until(lambda: runs(daemon, "web", "up") > 1, within=30, why="nothing is remembered")

    assert list(daemon.state.glob("history.db.corrupt-*"))
    assert daemon.text().count("the history suffers, nothing else does") == 1


def test_a_history_that_cannot_be_made_is_a_trouble_and_checks_run_all_the_same(daemon: Nightbell) -> None:
    (daemon.state / "history.db").mkdir(parents=True)
    daemon.state.chmod(0o700)
    daemon.start()
    until(
        lambda: any(one["outcome"] == "up" for one in daemon.items("checks")), within=30, why="no check runs"
    )
    until(lambda: "history" in daemon.get("/healthz")[1], within=30, why="nobody says what is wrong")
    told = daemon.command("history", "web")
    assert told.returncode != 0
    assert "history.db" in told.stderr
    assert daemon.stop() == 0
