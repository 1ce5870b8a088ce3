"""`nightbell silence` and `nightbell maintenance`: what is sent, and what is said of the answer."""

from __future__ import annotations

import pytest

from lab.cli_answers import SILENCE, listed
from lab.cli_api import Api

SEEN = {
    "alerts": ["home/down"], "incidents": ["INC-1"], "muted": [], "checks": ["home"], "services": ["shop"],
}  # fmt: skip
WORK = {
    "id": "M-1",
    "state": "active",
    "services": ["shop"],
    "checks": [],
    "reason": "disks",
    "author": "li",
    "every": 86400.0,
    "next_at": "2027-01-05T04:00:00Z",
    "windows": [
        {
            "id": "W-1",
            "state": "active",
            "starts_at": "2027-01-04T04:00:00Z",
            "ends_at": "2027-01-04T06:00:00Z",
        }
    ],
}


@pytest.mark.parametrize(
    "words",
    [
        ("silence", "--preview", "check=home"),
        ("silence", "check=home", "--preview"),
        ("silence", "add", "check=home", "--preview", "--reason", "x"),
    ],
)
def test_a_preview_shows_what_a_silence_would_mute_and_makes_none(words, api: Api, nb) -> None:
    api.answers["POST /silences/preview"] = SEEN
    said = nb(*words)

    assert [asked.body for asked in api.asked] == [{"matchers": {"check": "home"}}]
    assert "alerts now" in said.out
    assert "home/down" in said.out
    assert "none" in said.out


def test_a_silence_is_extended(api: Api, nb) -> None:
    api.answers["POST /silences/S-1/change"] = SILENCE
    said = nb("silence", "extend", "1", "--for", "2h", "--reason", "longer", "--by", "li")

    assert said.out == "S-1 mutes check=home until 14:00 (in 2 h).\n"
    assert api.asked[0].body == {"ends_at": "2027-01-04T06:00:00Z", "reason": "longer", "by": "li"}


def test_work_is_planned(api: Api, nb) -> None:
    api.answers["POST /maintenances"] = (201, WORK)
    said = nb(
        *("maintenance", "add", "--service", "shop", "--from", "14:00", "--for", "2h", "--every", "1d"),
        *("--announce", "no", "--dependents", "--reason", "disks", "--author", "li"),
    )

    assert said.out == "M-1 of shop is active, 12:00 to 14:00.\n"
    assert api.asked[0].body == {
        "services": ["shop"],
        "author": "li",
        "reason": "disks",
        "starts_at": "2027-01-04T06:00:00Z",
        "ends_at": "2027-01-04T08:00:00Z",
        "every": "1d",
        "dependents": True,
        "announce": False,
    }


def test_work_that_is_over_is_listed_only_on_demand(api: Api, nb) -> None:
    over = {**WORK, "id": "M-0", "state": "over", "windows": [], "next_at": None}
    api.answers["GET /maintenances"] = listed(WORK, over)

    shown = nb("maintenance", "list").out
    assert "M-0" not in shown
    assert "every 1 d" in shown
    assert "12:00 to 14:00" in shown
    assert "M-0" in nb("maintenance", "list", "--all").out


def test_work_is_ended_and_extended(api: Api, nb) -> None:
    api.answers["POST /maintenances/M-1/end"] = {**WORK, "state": "planned", "windows": []}
    api.answers["POST /maintenances/M-1/extend"] = WORK
    said = nb("maintenance", "end", "m-1", "--by", "li")
    nb("maintenance", "end", "1", "--whole")
    nb("maintenance", "extend", "1", "--for", "1h")

    assert said.out == "M-1 of shop is planned, from 01-05 12:00.\n"
    assert [asked.body for asked in api.asked] == [
        {"by": "li"},
        {"whole": True},
        {"ends_at": "2027-01-04T05:00:00Z"},
    ]


def test_work_on_nothing_asks_nobody(api: Api, nb) -> None:
    said = nb("maintenance", "add", "--for", "1h", "--reason", "x")
    assert said.code == 2
    assert "--service" in said.err
    assert api.asked == []
