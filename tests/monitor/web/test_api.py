"""The API, asked over real sockets: reading, acting, and what it says where it will not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from alerting.inputs import Tick
from alerting.oncall.acknowledgement import short_code
from lab.disk import Locker
from lab.web_daemon import Site, within
from monitor.web.api import shapes
from probes.sample import Outcome


def test_an_incident_is_shown_whole_in_the_list_and_alone(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        listed = (await here.get("/api/v1/incidents")).json
        alone = (await here.get(f"/api/v1/incidents/{number}")).json

        assert listed == {"items": [alone], "next": None}
        assert alone["id"] == number
        assert alone["state"] == "open"
        assert alone["severity"] == "critical"
        assert set(alone["services"]) == {"checkout", "search"}
        assert alone["cause"]["check"] == "web-canary-check"
        assert alone["ticket"].startswith("T-")
        assert [one["check"] for one in alone["alerts"]] == ["web-canary-check"]
        assert alone["alerts"][0]["state"] == "firing"
        assert alone["opened_at"] == "2027-01-04T02:00:10Z"
        assert alone["acknowledged_by"] is None
        assert alone["timeline"]
        assert {"at", "event", "text", "who"} <= set(alone["timeline"][0])

    within(tmp_path, story)


def test_acknowledging_answers_with_the_whole_incident_and_accepts_its_ticket(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answer = await here.post(f"/api/v1/incidents/{number}/ack", {"by": "han", "lasting": "2h"})

        assert answer.status == 200
        assert answer.json["acknowledged_by"] == "han"
        assert answer.json["acknowledged_at"] == "2027-01-04T02:00:10Z"
        assert answer.json["acknowledged_until"] == "2027-01-04T04:00:10Z"
        assert answer.json["acknowledged_via"] == "api"
        ticket = (await here.get(f"/api/v1/tickets/{answer.json['ticket']}")).json
        assert (ticket["state"], ticket["assignee"]) == ("accepted", "han")

    within(tmp_path, story)


def test_an_empty_body_acknowledges_for_nobody_in_particular(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answer = await here.post(f"/api/v1/incidents/{number}/ack")

        assert answer.status == 200
        assert answer.json["acknowledged_at"] is not None
        assert answer.json["acknowledged_by"] is None

    within(tmp_path, story)


def test_the_code_of_a_page_acknowledges_its_incident_for_whom_it_was_sent_to(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        opened = here.daemon.incident(number).opened_at
        code = short_code(here.daemon.ack_key, number, "li", opened)
        answer = await here.post(f"/api/v1/incidents/{code}/ack")
        others = short_code(here.daemon.ack_key, number, "han", opened)  # no page went to Han

        assert answer.status == 200
        assert (answer.json["id"], answer.json["acknowledged_by"]) == (number, "li")
        assert (await here.post(f"/api/v1/incidents/{others}/ack")).status == 404

    within(tmp_path, story)


def test_what_is_over_cannot_be_acknowledged_and_what_never_was_is_not_there(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        await here.post(f"/api/v1/incidents/{number}/resolve", {"by": "li", "note": "a cable"})
        over = await here.post(f"/api/v1/incidents/{number}/ack", {"by": "han"})
        here.daemon.clock.pass_(timedelta(hours=2).total_seconds())
        await here.daemon.pipeline.submit(Tick())
        closed = await here.post(f"/api/v1/incidents/{number}/ack", {"by": "han"})
        never = await here.post("/api/v1/incidents/INC-999/ack", {"by": "han"})

        assert (over.status, over.json["error"]["code"]) == (409, "conflict")
        assert "it is over" in over.json["error"]["message"]
        assert closed.status == 409
        assert (never.status, never.json["error"]["code"]) == (404, "not_found")

    within(tmp_path, story)


def test_a_ticket_goes_all_its_way(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        made = await here.post(
            "/api/v1/tickets", {"title": "Slow search", "class": "general", "service": "search", "by": "li"}
        )
        assert made.status == 201
        number = made.json["id"]
        assert (made.json["class"], made.json["state"]) == ("general", "new")
        steps: list[tuple[str, dict[str, Any], str]] = [
            ("accept", {"by": "li"}, "accepted"),
            ("start", {"by": "li"}, "in_progress"),
            ("resolve", {"by": "li", "note": "more memory"}, "resolved"),
            ("confirm", {"by": "li"}, "confirmed"),
            ("close", {"by": "li"}, "closed"),
        ]
        for word, body, state in steps:
            answer = await here.post(f"/api/v1/tickets/{number}/{word}", body)
            assert (answer.status, answer.json["state"]) == (200, state), answer.text
        assert (await here.get(f"/api/v1/tickets/{number}")).json["state"] == "closed"

    within(tmp_path, story)


def test_a_ticket_is_assigned_and_classified(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = (await here.post("/api/v1/tickets", {"title": "Strange", "class": "general"})).json["id"]
        assigned = await here.post(f"/api/v1/tickets/{number}/assign", {"assignee": "han", "by": "li"})
        classified = await here.post(
            f"/api/v1/tickets/{number}/classify", {"class": "complex", "note": "needs the vendor", "by": "li"}
        )

        assert assigned.json["assignee"] == "han"
        assert classified.json["class"] == "complex"

    within(tmp_path, story)


def test_a_silence_is_made_listed_and_ended_by_either_verb(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        body = {
            "matchers": {"check": "web-*"},
            "author": "li",
            "reason": "moving",
            "ends_at": "2027-01-04T12:00:00+08:00",
        }
        made = await here.post("/api/v1/silences", body)
        other = await here.post(
            "/api/v1/silences", {"matchers": {"service": "search"}, "reason": "moving", "lasting": "2h"}
        )

        assert made.status == 201
        assert made.json["ends_at"] == "2027-01-04T04:00:00Z"
        assert made.json["state"] == "active"
        assert other.json["author"] == "operator-token"
        ids = [one["id"] for one in (await here.get("/api/v1/silences")).json["items"]]
        assert ids == [other.json["id"], made.json["id"]]
        ended = await here.post(f"/api/v1/silences/{made.json['id']}/end", {"by": "li"})
        deleted = await here.ask("DELETE", f"/api/v1/silences/{other.json['id']}", role="operator")
        assert (ended.json["state"], deleted.json["state"]) == ("ended", "ended")
        again = await here.post(f"/api/v1/silences/{made.json['id']}/end")
        assert again.status == 409

    within(tmp_path, story)


def test_an_announcement_is_published_and_updated_in_both_languages(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        draft = (await here.get(f"/api/v1/announcements?incident={number}")).json["items"][0]
        assert draft["published_at"] is None
        published = await here.post(f"/api/v1/announcements/{draft['id']}/publish", {"by": "li"})
        updated = await here.post(
            f"/api/v1/announcements/{draft['id']}/update",
            {
                "state": "identified",
                "text": {"zh": "已找到原因", "en": "We found the cause"},
                "expected_recovery_at": "2027-01-04T03:00:00Z",
                "by": "li",
            },
        )

        assert published.json["published_at"] is not None
        assert updated.json["state"] == "identified"
        assert updated.json["text"] == {"zh": "已找到原因", "en": "We found the cause"}
        assert updated.json["expected_recovery_at"] == "2027-01-04T03:00:00Z"
        assert len(updated.json["updates"]) >= 2

    within(tmp_path, story)


def test_notifications_never_show_the_text_that_carries_the_acknowledgement_link(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        pages = (await here.get(f"/api/v1/notifications?kind=page&incident={number}")).json["items"]

        assert pages
        assert all("text" not in one and "/ack/" not in json.dumps(one) for one in pages)
        assert pages[0]["to"] in ("li", "han")
        assert pages[0]["dedup_key"]

    within(tmp_path, story)


def test_who_is_on_call_is_told_for_any_instant(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        now = (await here.get("/api/v1/oncall")).json
        then = (await here.get("/api/v1/oncall?rota=ops&at=2027-01-12T08:00:00%2B08:00")).json
        loose = (await here.get("/api/v1/oncall?rota=ops&at=2027-01-12T08:00:00+08:00")).json

        assert (now["rota"], now["people"], now["at"]) == ("ops", ["li"], "2027-01-04T02:00:00Z")
        assert (then["people"], then["at"]) == (["han"], "2027-01-12T00:00:00Z")
        assert loose == then
        assert (await here.get("/api/v1/oncall?rota=nope")).status == 404
        for bad in (
            "yesterday",
            "2027-01-04",
            "2027-01-04T08:00:00",
            "9999-12-31T23:59:59Z",
            "1969-01-01T00:00:00Z",
        ):
            assert (await here.get(f"/api/v1/oncall?at={bad}")).status == 400, bad

    within(tmp_path, story)


def test_lists_are_paged_newest_first_without_gap_or_repeat(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        made = [(await here.post("/api/v1/tickets", {"title": f"t{n}"})).json["id"] for n in range(7)]
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await here.get(f"/api/v1/tickets?limit=3{cursor}")).json
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == made[::-1]

    within(tmp_path, story)


def test_tokens_are_made_used_listed_without_their_text_and_revoked(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        made = await here.post("/api/v1/tokens", {"name": "grafana", "role": "viewer"}, role="admin")
        assert made.status == 201
        here.tokens["new"] = made.json["token"]
        assert (await here.get("/api/v1/incidents", role="new")).status == 200
        twice = await here.post("/api/v1/tokens", {"name": "grafana", "role": "admin"}, role="admin")
        assert twice.status == 409
        listed = await here.get("/api/v1/tokens", role="admin")
        assert "grafana" in [one["name"] for one in listed.json["items"]]
        assert made.json["token"] not in listed.text
        assert (await here.ask("DELETE", "/api/v1/tokens/grafana", role="admin")).status == 200
        assert (await here.get("/api/v1/incidents", role="new")).status == 401
        assert (await here.ask("DELETE", "/api/v1/tokens/grafana", role="admin")).status == 404

    within(tmp_path, story)


def test_a_channel_is_tested_and_the_receipt_answered(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        answer = await here.post("/api/v1/channels/log/test", {"to": "li"})
        assert (answer.status, answer.json["state"]) == (200, "accepted")
        assert here.daemon.tested == [("log", "li")]
        assert (await here.post("/api/v1/channels/nope/test")).status == 404
        assert (await here.post("/api/v1/channels/log/test", {"to": "nobody"})).status == 400

    within(tmp_path, story)


def test_a_store_that_fails_is_503_and_health_tells(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        assert (await here.ask("GET", "/healthz")).status == 200
        here.daemon.vitals.troubles["store"] = "cannot write: no space left"
        here.daemon.vitals.ready = False
        health = await here.ask("GET", "/healthz")
        assert (health.status, health.json["troubles"]) == (503, {"store": "cannot write: no space left"})
        assert (await here.ask("GET", "/readyz")).status == 503
        await here.daemon.store.close()
        answer = await here.get("/api/v1/incidents")
        assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable")
        assert (await here.page()).status == 200, "the status page stays up without the store"

    within(tmp_path, story)


def test_what_cannot_be_recorded_is_taken_and_said_to_be_in_memory_alone(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        with Locker(tmp_path / "state" / "nightbell.db"):
            for _ in range(2):
                answer = await here.post(f"/api/v1/incidents/{number}/ack", {"by": "li"})
                assert answer.status == 503
                message = answer.json["error"]["message"]
                assert "taken, but not recorded" in message
                assert "it may page again" in message
            other = await here.post("/api/v1/tickets", {"title": "x"})
            assert other.status == 503
            assert "page" not in other.json["error"]["message"]
        assert here.daemon.incident(number).acknowledgement is not None

    within(tmp_path, story)


def test_the_description_names_every_route_and_resolves_every_reference(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        found = (await here.get("/api/v1/openapi.json")).json
        assert found["openapi"].startswith("3.1")
        text = json.dumps(found)
        references = {one.split('"')[0] for one in text.split('"$ref": "')[1:]}
        for reference in references:
            target: Any = found
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
            assert target
        operations = [one for path in found["paths"].values() for one in path.values()]
        names = [one["operationId"] for one in operations]
        assert len(names) == len(set(names))
        assert "/api/v1/incidents/{id}/ack" in found["paths"]
        assert all("requestBody" in path["post"] for path in found["paths"].values() if "post" in path)

    within(tmp_path, story)


def test_what_is_shown_has_the_shapes_that_are_described(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        await here.post(f"/api/v1/incidents/{number}/ack", {"by": "li"})
        await here.post("/api/v1/silences", {"matchers": {"check": "x"}, "reason": "r", "lasting": "1h"})
        here.daemon.clock.pass_(10)
        await here.daemon.sample("web-canary-check")
        await here.daemon.sample("db-canary-check", Outcome.DOWN, parts={"a": {"b": 1.0}})
        lists = {
            "incidents": shapes.IncidentList,
            "tickets": shapes.TicketList,
            "announcements": shapes.AnnouncementList,
            "notifications": shapes.NotificationList,
            "silences": shapes.SilenceList,
            "checks": shapes.CheckList,
            "services": shapes.ServiceList,
            "tokens": shapes.TokenList,
        }
        for noun, shape in lists.items():
            text = (await here.get(f"/api/v1/{noun}", role="admin")).text
            assert shape.model_validate_json(text).items, noun
        for name in ("web-canary-check", "db-canary-check"):
            shapes.CheckDetail.model_validate_json((await here.get(f"/api/v1/checks/{name}")).text)
        shapes.OnCall.model_validate_json((await here.get("/api/v1/oncall")).text)
        shapes.Error.model_validate_json((await here.get("/api/v1/nope")).text)
        shapes.Receipt.model_validate_json((await here.post("/api/v1/channels/log/test")).text)

    within(tmp_path, story)


def test_a_hundred_acknowledgements_at_once_leave_one_on_record(tmp_path: Path) -> None:
    import asyncio

    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answers = await asyncio.gather(
            *(here.post(f"/api/v1/incidents/{number}/ack", {"by": "li"}) for _ in range(100))
        )
        assert {one.status for one in answers} == {200}
        assert (await here.get(f"/api/v1/incidents/{number}")).json["acknowledged_by"] == "li"

    within(tmp_path, story)
