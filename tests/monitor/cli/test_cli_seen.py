"""What the daemon has seen of a check: its last runs drawn, and its last failure."""

from __future__ import annotations

from lab.cli_api import Api

RUNS = [
    {"at": "2027-01-04T03:00:00Z", "outcome": "up", "duration": 0.2},
    {"at": "2027-01-04T03:00:10Z", "outcome": "down", "duration": 5.0},
    {"at": "2027-01-04T03:00:20Z", "outcome": "unknown", "duration": None},
    {"at": "2027-01-04T03:00:30Z", "outcome": "up", "duration": 0.01},
]
FAILURE = {
    "at": "2027-01-04T03:00:10Z",
    "outcome": "down",
    "error": "connect",
    "message": "cannot connect to shop.example:443: connection refused",
    "log": ["  0.0100s failed: connection refused"],
}


def test_the_last_runs_are_drawn_and_the_last_failure_is_told_with_its_log(api: Api, nb) -> None:
    api.answers["GET /checks/home"] = {
        "outcome": "up",
        "at": RUNS[-1]["at"],
        "history": RUNS,
        "last_failure": FAILURE,
    }

    said = nb("probe", "home", "--seen")

    assert said.code == 0
    assert "home is up" in said.out
    assert "Last 4 runs\n█✗?▁\n" in said.out
    assert "cannot connect to shop.example:443: connection refused" in said.out
    assert "0.0100s failed: connection refused" in said.out


def test_a_check_that_has_not_run_yet_is_said_to_have_not(api: Api, nb) -> None:
    api.answers["GET /checks/home"] = {"outcome": None, "at": None, "history": [], "last_failure": None}

    assert nb("probe", "home", "--seen").out == "home has not run yet\n"
