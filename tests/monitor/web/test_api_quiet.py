"""Silences and planned work over the API: previewed, changed, extended, ended, and shown where they mute."""

from __future__ import annotations

from pathlib import Path

from lab.web_daemon import Site, within
from probes.sample import Outcome


def test_a_silence_is_previewed_changed_and_shown_where_it_mutes(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        check = "web-canary-check"
        seen = await here.post("/api/v1/silences/preview", {"matchers": {"check": check}})
        assert (seen.status, seen.json["incidents"], seen.json["muted"], seen.json["checks"]) == (
            200, [number], [number], [check],
        )  # fmt: skip
        assert (await here.get("/api/v1/silences")).json["items"] == []

        made = await here.post(
            "/api/v1/silences", {"matchers": {"check": check}, "reason": "x", "lasting": "1h"}
        )
        changed = await here.post(
            f"/api/v1/silences/{made.json['id']}/change", {"lasting": "3h", "reason": "longer", "by": "li"}
        )
        assert (changed.status, changed.json["ends_at"], changed.json["reason"]) == (
            200, "2027-01-04T05:00:10Z", "longer",
        )  # fmt: skip
        empty = await here.post(f"/api/v1/silences/{made.json['id']}/change", {})
        assert empty.status == 400

        why = f"{made.json['id']} (operator-token: longer)"
        incident = (await here.get(f"/api/v1/incidents/{number}")).json
        assert incident["quiet"] == why
        assert [one["suppressed"] for one in incident["alerts"]] == [why]
        assert (await here.get(f"/api/v1/checks/{check}")).json["suppressed"] == why

    within(tmp_path, story)


def test_work_is_planned_extended_and_ended(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        body = {"services": ["checkout"], "reason": "disks", "lasting": "1h", "announce": False, "by": "li"}
        made = await here.post("/api/v1/maintenances", body)
        assert (made.status, made.json["id"], made.json["state"]) == (201, "M-1", "active")
        assert (made.json["length"], made.json["author"], made.json["announce"]) == (3600, "li", None)
        assert [one["state"] for one in made.json["windows"]] == ["active"]

        await here.daemon.all_up()
        await here.daemon.sample("web-canary-check", Outcome.DOWN)
        assert (await here.get("/api/v1/incidents")).json["items"] == []
        check = (await here.get("/api/v1/checks/web-canary-check")).json
        assert check["suppressed"] == "M-1 (maintenance: disks)"

        longer = await here.post("/api/v1/maintenances/M-1/extend", {"lasting": "2h"})
        assert longer.json["windows"][0]["ends_at"] == "2027-01-04T04:00:00Z"
        ended = await here.post("/api/v1/maintenances/M-1/end", {"by": "li"})
        assert (ended.json["state"], ended.json["windows"][0]["state"]) == ("over", "ended")
        assert ended.json["windows"][0]["ended_at"] == "2027-01-04T02:00:00Z"
        await here.daemon.sample("db-canary-check")  # what it depends on works
        assert len((await here.get("/api/v1/incidents")).json["items"]) == 1
        assert (await here.get("/api/v1/maintenances")).json["items"] == [ended.json]
        assert (await here.ask("DELETE", "/api/v1/maintenances/M-1", role="operator")).status == 409

    within(tmp_path, story)


def test_work_that_recurs_is_called_off_as_a_whole(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        body = {
            "checks": ["web-canary-check"], "reason": "backup", "starts_at": "2027-01-05T18:00:00Z",
            "lasting": "30m", "every": "1d", "timezone": "Europe/Berlin",
        }  # fmt: skip
        made = await here.post("/api/v1/maintenances", body)
        assert (made.json["state"], made.json["every"], made.json["next_at"]) == (
            "planned", 86400, "2027-01-05T18:00:00Z",
        )  # fmt: skip
        gone = await here.ask("DELETE", "/api/v1/maintenances/M-1", role="operator")
        assert (gone.status, gone.json["state"]) == (200, "over")
        for wrong in (
            {**body, "every": "36h"}, {**body, "timezone": "Mars"}, {**body, "announce": True},
            {**body, "checks": ["none"]}, {**body, "checks": []},
        ):  # fmt: skip
            assert (await here.post("/api/v1/maintenances", wrong)).status in (400, 422), wrong

    within(tmp_path, story)


def test_planned_work_is_on_the_status_page_and_in_statuspages_shape(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        body = {
            "services": ["checkout"],
            "reason": "disks",
            "starts_at": "2027-01-04T03:00:00Z",
            "lasting": "1h",
        }
        made = await here.post("/api/v1/maintenances", body)
        number = made.json["windows"][0]["announcement"]
        await here.post(f"/api/v1/announcements/{number}/publish")
        said = (await here.get(f"/api/v1/announcements/{number}")).json
        assert (said["state"], said["incident"], said["maintenance"]) == ("scheduled", None, "W-1")

        planned = (await here.page("/api/v2/scheduled-maintenances/upcoming.json")).json[
            "scheduled_maintenances"
        ]
        assert [(one["status"], one["impact"], one["scheduled_for"]) for one in planned] == [
            ("scheduled", "maintenance", "2027-01-04T03:00:00Z")
        ]
        summary = (await here.page("/api/v2/summary.json")).json
        assert summary["incidents"] == []
        assert len(summary["scheduled_maintenances"]) == 1
        assert "Scheduled" in (await here.page("/?lang=en")).text
        assert (await here.page(f"/incidents/{number}?lang=en")).status == 200

        here.daemon.clock.pass_(3600)
        await here.daemon.all_up()
        active = (await here.page("/api/v2/scheduled-maintenances/active.json")).json[
            "scheduled_maintenances"
        ]
        assert [one["status"] for one in active] == ["in_progress"]
        summary = (await here.page("/api/v2/summary.json")).json
        states = {one["name"]: one["status"] for one in summary["components"]}
        assert "under_maintenance" in states.values()

    within(tmp_path, story)
