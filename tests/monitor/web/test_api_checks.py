"""Checks by the API: the last sample of each, its last runs, and its last failure."""

from __future__ import annotations

from pathlib import Path

from alerting.incidents.incident import Incident
from lab.web_daemon import Site, within
from probes.sample import Outcome


def test_checks_are_listed_with_their_last_sample(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.sample("web-canary-check", values={"x": float("nan")}, phases={"tls": 0.01})
        listed = (await here.get("/api/v1/checks")).json["items"]
        up = (await here.get("/api/v1/checks?state=up")).json["items"]
        paged = (await here.get("/api/v1/checks?limit=1")).json
        rest = (await here.get(f"/api/v1/checks?limit=1&cursor={paged['next']}")).json
        mine = (await here.get("/api/v1/checks?service=database")).json["items"]

        assert [one["name"] for one in listed] == ["db-canary-check", "web-canary-check"]
        assert listed[0]["outcome"] is None
        assert listed[1]["values"] == {"x": None}
        assert listed[1]["phases"] == {"tls": 0.01}
        assert [one["name"] for one in up] == ["web-canary-check"]
        assert [one["name"] for one in paged["items"] + rest["items"]] == [one["name"] for one in listed]
        assert rest["next"] is None
        assert [one["name"] for one in mine] == ["db-canary-check"]
        one = (await here.get("/api/v1/checks/web-canary-check")).json
        assert listed[1].items() <= one.items()
        assert one["history"] == [{"at": listed[1]["at"], "outcome": "up", "duration": 0.02}]
        assert one["last_failure"] is None
        assert (await here.get("/api/v1/checks/nope")).status == 404

    within(tmp_path, story)


def test_a_check_tells_of_its_last_failure_also_when_it_is_up_again(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.sample("db-canary-check", Outcome.DOWN, log=("0.0100s failed: refused",))
        await here.daemon.sample("db-canary-check")
        one = (await here.get("/api/v1/checks/db-canary-check")).json

        assert [past["outcome"] for past in one["history"]] == ["down", "up"]
        failure = one["last_failure"]
        assert (failure["outcome"], failure["error"]) == ("down", "connect")
        assert failure["log"] == ["0.0100s failed: refused"]
        assert one["outcome"] == "up"

    within(tmp_path, story)


def test_a_check_is_explained_by_its_thresholds_and_by_who_would_be_told(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.sample("web-canary-check")
        await here.daemon.sample("web-canary-check", Outcome.DOWN)
        why = (await here.get("/api/v1/checks/web-canary-check/explain")).json
        assert (why["outcome"], why["message"]) == ("down", "cannot connect: refused")
        down, unknown, *_ = why["thresholds"]
        assert down["rule"] == "fails once: critical"
        assert down["standing"] == "firing for 0 ms: cannot connect: refused"
        assert (down["alert"], down["incident"], down["severity"]) == (
            "web-canary-check/down",
            "INC-1",
            "critical",
        )
        assert (unknown["standing"], unknown["incident"]) == ("ok", None)

        told = [(one["kind"], one["to"], one["channel"]) for one in why["foreseen"]["told"]]
        assert told[0] == ("page", "li", "log")
        week = (await here.get("/api/v1/checks/web-canary-check/explain?at=2027-01-12T03:00:00Z")).json
        first = week["foreseen"]["told"][0]
        assert (first["to"], first["at"]) == ("han", "2027-01-12T03:00:00Z")
        assert list(here.daemon.state.records[Incident]) == ["INC-1"], "a rehearsal leaves nothing"

        assert (await here.get("/api/v1/checks/nope/explain")).status == 404
        assert (await here.get("/api/v1/checks/web-canary-check/explain?at=soon")).status == 400

    within(tmp_path, story)
