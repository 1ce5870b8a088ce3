"""`nightbell history`: what a check saw, on a few lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.cli_api import Api
from monitor.cli.remote.history import sparkline

PATH = "GET /checks/home/history"


def point(minute: int, mean: float | None, **fields: Any) -> dict[str, Any]:
    values = {"low": mean, "mean": mean, "high": mean}
    usual = {"at": f"2027-01-04T03:{minute:02}:00Z", "up": 6, "down": 0, "unknown": 0, "errors": {}}
    return {**usual, **values, **fields}


def answer(*points: dict[str, Any]) -> dict[str, Any]:
    return {"check": "home", "metric": "duration", "part": "", "step": 60, "points": list(points)}


def test_it_says_how_often_it_was_up_and_draws_the_metric(api: Api, nb) -> None:
    api.answers[PATH] = answer(
        point(0, 0.1), point(1, 0.8), point(3, None, up=0, down=6, errors={"timeout": 6}), point(4, 0.45)
    )
    said = nb("history", "home", "--since", "1h")

    lines = said.out.splitlines()
    assert lines[0] == "home: 24 runs in the last 1 h, 75 % up"
    assert lines[2] == "duration, 0.1 to 0.8:"
    assert lines[3] == "▁█··▄"
    assert lines[5].split() == ["FROM", "UP", "DOWN", "UNKNOWN", "LOW", "MEAN", "HIGH", "ERRORS"]
    assert lines[8].split() == ["11:03", "0", "6", "-", "-", "-", "-", "6", "timeout"]
    assert said.code == 0


def test_it_asks_for_what_was_asked_for(api: Api, nb) -> None:
    api.answers[PATH] = answer()
    nb("history", "home", "--metric", "phases.connect", "--part", "eth0", "--since", "7d", "--step", "1h")

    assert api.asked[0].query == {
        "metric": "phases.connect",
        "part": "eth0",
        "since": "2026-12-28T04:00:00Z",
        "until": "2027-01-04T04:00:00Z",
        "step": "3600",
    }


def test_nothing_remembered_is_a_sentence(api: Api, nb) -> None:
    api.answers[PATH] = answer()

    assert nb("history", "home").out == "Nothing is remembered of home in the last 1 d.\n"


def test_for_programs_it_is_the_answer_itself(api: Api, nb) -> None:
    api.answers[PATH] = answer(point(0, 0.5))

    assert json.loads(nb("history", "home", "--json").out) == answer(point(0, 0.5))


@pytest.mark.parametrize("since", ["soon", "5", "0s"])
def test_a_length_that_is_none_is_refused(since: str, api: Api, nb) -> None:
    said = nb("history", "home", "--since", since)

    assert said.code != 0
    assert "cannot read" in said.err
    assert api.asked == []


def test_a_value_that_never_changes_is_a_flat_line() -> None:
    assert sparkline(answer(point(0, 1.0), point(1, 1.0))) == "▁▁"
    assert sparkline(answer(point(0, None))) == ""
