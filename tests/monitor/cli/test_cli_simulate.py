"""`nightbell simulate`: what was seen, judged again by other thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli_run import Said, run
from lab.past import Past
from probes.sample import Outcome

PRESENT = """
site: {timezone: UTC}
host: off
defaults: {every: 60s, failures: 3, recover: 2}
checks: {home: "10.0.0.5:80"}
people: {li: {name: Li, log: li}}
rotas: {ops: {people: [li]}}
channels: {log: {notifier: log}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a place with a configuration and a history: minutes of good and bad, two bad ones in ten, then five."""
    (tmp_path / "nightbell.yaml").write_text(PRESENT, encoding="utf-8")
    past = Past(tmp_path)
    for letter in "uuuuuddu" * 5 + "ddddd" + "u" * 40:
        outcome = Outcome.DOWN if letter == "d" else Outcome.UP
        past.saw(past.sample(outcome=outcome, values={"connect_seconds": 0.2}))
        past.pass_(60)
    past.keeper.close()
    return tmp_path


def _run(home: Path, *args: str) -> Said:
    return run("-c", str(home / "nightbell.yaml"), "simulate", *args, env={"STATE_DIRECTORY": str(home)})


def test_thresholds_that_ask_for_less_would_have_made_more(home: Path) -> None:
    (home / "new.yaml").write_text(PRESENT.replace("failures: 3", "failures: 2"), encoding="utf-8")
    made = _run(home, "--since", "4h", "-f", str(home / "new.yaml"), "--json").json()["made"]
    assert made["now"]["incidents"] == made["now"]["tickets"] == 1
    assert made["now"]["pages_to"].keys() == {"li"}
    assert made["now"]["caused_by"] == {"home/down": 1}
    assert made["new"]["pages"] > made["now"]["pages"]


def test_what_two_plans_make_stands_side_by_side(home: Path) -> None:
    (home / "new.yaml").write_text(PRESENT.replace("failures: 3", "failures: 6"), encoding="utf-8")
    said = _run(home, "--since", "4h", "-f", str(home / "new.yaml"))
    rows = [line.split() for line in said.out.splitlines()]
    assert ["incidents", "1", "0"] in rows
    assert ["1", "0", "home/down"] in rows
    assert said.err == ""


def test_without_another_plan_the_present_one_is_replayed_and_the_history_is_left_as_it_was(
    home: Path,
) -> None:
    before = (home / "history.db").read_bytes()
    said = _run(home, "--since", "4h")
    assert ["incidents", "1"] in [line.split() for line in said.out.splitlines()]
    assert "home is down" in said.out or "home:" in said.out
    assert (home / "history.db").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "told", "code"),
    [
        (("--since", "soon"), "--since: must be a time", 2),
        (("--since", "1m"), "cannot simulate: nothing was seen in the last 1m", 1),
        (("-f", "nowhere.yaml"), "cannot load nowhere.yaml", 1),
    ],
)
def test_what_cannot_be_replayed_is_said(home: Path, args: tuple[str, ...], told: str, code: int) -> None:
    said = _run(home, *args)
    assert told in said.err
    assert said.code == code


def test_without_a_history_it_says_where_it_looked(home: Path) -> None:
    (home / "history.db").unlink()
    said = _run(home)
    assert f"cannot simulate: there is no history at {home / 'history.db'}" in said.err


def test_a_damaged_history_is_said(home: Path) -> None:
    (home / "history.db").write_bytes(b"no database" * 1000)
    said = _run(home)
    assert "cannot simulate: " in said.err
    assert said.code == 1
