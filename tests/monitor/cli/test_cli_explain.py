"""`nightbell explain`: each threshold, how far it is, and who would be told."""

from __future__ import annotations

from typing import Any, Final

from lab.cli_answers import INCIDENT
from lab.cli_api import Api

WHY: Final[dict[str, Any]] = {
    "check": "home",
    "probe": "http",
    "services": ["shop"],
    "owner": "ops",
    "escalation": "urgent",
    "outcome": "down",
    "message": "cannot connect: refused",
    "at": "2027-01-04T03:59:50Z",
    "thresholds": [
        {
            "alert": "home/down",
            "threshold": "down",
            "rule": "fails 3 times in a row: critical",
            "standing": "pending, 2 of 3 failures",
            "severity": None,
            "incident": None,
            "quiet": None,
        }
    ],
    "foreseen": {
        "at": "2027-01-04T04:00:00Z",
        "told": [
            {
                "at": "2027-01-04T04:05:00Z",
                "kind": "page",
                "to": "han",
                "channel": "sms",
                "step": "1.1",
                "title": "INC-1 critical: home",
            }
        ],
    },
}


def test_a_check_is_explained(api: Api, nb) -> None:
    api.answers["GET /checks/home/explain"] = WHY
    said = nb("explain", "home").out

    assert "home is down" in said
    assert "fails 3 times in a row: critical" in said
    assert "pending, 2 of 3 failures" in said
    assert "If it were down from now on and nobody answered" in said
    assert ["5 min", "page", "han", "sms"] in [
        [cell.strip() for cell in line.split("  ") if cell.strip()][:4] for line in said.splitlines()
    ]


def test_an_incident_is_explained_by_the_check_that_caused_it(api: Api, nb) -> None:
    api.answers["GET /incidents/INC-3"] = {
        **INCIDENT,
        "cause": {"service": None, "check": "home", "alert": "home/down"},
    }
    api.answers["GET /checks/home/explain"] = WHY
    said = nb("explain", "inc-3").out

    assert said.startswith("INC-3 ")
    assert "home is down" in said


def test_a_time_is_asked_for_with_its_zone_and_a_wrong_one_is_refused(api: Api, nb) -> None:
    api.answers["GET /checks/home/explain"] = WHY
    nb("explain", "home", "--at", "+12h")
    assert api.asked[-1].query["at"].startswith("2027-01-0")
    assert nb("explain", "home", "--at", "noonish").code == 2
