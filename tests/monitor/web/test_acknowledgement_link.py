"""The link in every page that is sent: looking changes nothing, the button acts, a wrong token reveals nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.inputs import Acknowledge, Tick
from alerting.oncall.acknowledgement import token
from lab.disk import Locker
from lab.web_daemon import Answer, Site, within
from probes.sample import Outcome


def link(here: Site, incident: str, person: str = "li", step: str = "1.1") -> str:
    opened = here.daemon.incident(incident).opened_at
    return f"/ack/{token(here.daemon.ack_key, incident, person, step, opened)}"


def acknowledgements(here: Site) -> list[Acknowledge]:
    return [one for one in here.daemon.given if isinstance(one, Acknowledge)]


async def press(here: Site, path: str, data: bytes = b"", **headers: str) -> Answer:
    return await here.ask("POST", path, data=data, public=True, headers=headers)


def test_looking_shows_the_incident_and_one_button_and_changes_nothing(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number, "han")
        for method in ("GET", "HEAD", "GET", "OPTIONS", "PUT", "DELETE"):
            answer = await here.ask(method, path, public=True)
            assert answer.status == (200 if method in ("GET", "HEAD") else 405)
        page = (await here.page(path)).text
        assert number in page
        assert "nobody yet" in page
        assert "web-canary-check" in page, "staff reads what it is about"
        assert page.count("<button") == 1
        assert page.count("<form") == 1
        assert 'method="post"' in page
        assert "http-equiv" not in page
        assert "<script" not in page
        assert acknowledgements(here) == []

    within(tmp_path, story)


def test_pressing_acknowledges_in_the_persons_name_with_an_empty_body_from_anywhere(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answer = await press(here, link(here, number), Origin="https://mail.example")
        assert answer.status == 200
        assert "已由您处理" in answer.text
        assert 'lang="zh"' in answer.text
        assert "<button" not in answer.text
        assert acknowledgements(here) == [Acknowledge(incident=number, by="li", via="link", step="1.1")]
        shown = (await here.get(f"/api/v1/incidents/{number}")).json
        assert (shown["acknowledged_by"], shown["acknowledged_via"]) == ("li", "link")

    within(tmp_path, story)


def test_pressing_twice_or_a_hundred_times_at_once_is_once(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number)
        assert (await press(here, path)).status == 200
        assert (await press(here, path)).status == 200
        answers = await asyncio.gather(*(press(here, path) for _ in range(100)))
        assert {one.status for one in answers} == {200}
        assert len(acknowledgements(here)) == 1

    within(tmp_path, story)


def test_who_comes_second_reads_who_is_on_it_and_relieves_only_on_request(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        await press(here, link(here, number, "li"))
        path = link(here, number, "han")
        second = await press(here, path)
        assert second.status == 409
        assert "李雷 is on it" in second.text
        assert "Take over from 李雷" in second.text
        assert (await here.page(path)).status == 200
        third = await press(
            here, path, b"take_over=yes", **{"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert third.status == 200
        assert "You are on it, Han Meimei" in third.text
        assert [one.by for one in acknowledgements(here)] == ["li", "han"]

    within(tmp_path, story)


def test_an_acknowledgement_that_ran_out_can_be_given_again(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number)
        await press(here, path)
        here.daemon.clock.pass_(3600)
        assert "<button" in (await here.page(path)).text
        assert (await press(here, path)).status == 200
        assert len(acknowledgements(here)) == 2

    within(tmp_path, story)


def test_a_link_from_before_it_came_back_says_so_and_acknowledges_nothing(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number, "han", "1.0")
        await here.post(f"/api/v1/incidents/{number}/resolve", {"by": "li"})
        for _ in range(3):
            here.daemon.clock.pass_(10)
            await here.daemon.all_up()
        assert await here.daemon.outage() == number
        for answer, status in ((await here.page(path), 200), (await press(here, path), 409)):
            assert answer.status == status
            assert "from before it came back" in answer.text
            assert "<button" not in answer.text
        assert acknowledgements(here) == []
        assert (await press(here, link(here, number, "han", "9.0"))).status == 200
        assert (await here.get(f"/api/v1/incidents/{number}")).json["acknowledged_by"] == "han"

    within(tmp_path, story)


def test_what_is_over_stays_over(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number, "han")
        await here.post(f"/api/v1/incidents/{number}/resolve", {"by": "li"})
        for answer in (await here.page(path), await press(here, path)):
            assert answer.status == 410
            assert "It is over" in answer.text
            assert "<button" not in answer.text
        here.daemon.clock.pass_(3600)
        await here.daemon.pipeline.submit(Tick())
        assert (await press(here, path)).status == 410, "closed, and still told"
        here.daemon.clock.pass_(24 * 3600)
        assert (await here.page(path)).status == 404, "a day later the link is unknown"
        assert acknowledgements(here) == []

    within(tmp_path, story)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_token_reveals_nothing(tmp_path: Path, method: str) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        opened = here.daemon.incident(number).opened_at
        good = token(here.daemon.ack_key, number, "li", "1.1", opened)
        wrong = [
            "x", "A" * 60, good[:-1], good + "A", good.swapcase(), "%00", "%c0%ae", "..", "a" * 5000,
            token(b"another key" * 3, number, "li", "1.1", opened),
            token(here.daemon.ack_key, "INC-999", "li", "1.1", opened),
            token(here.daemon.ack_key, number, "nobody", "1.1", opened),
            token(here.daemon.ack_key, number, "li", "1.1", opened - timedelta(hours=1)),
        ]  # fmt: skip
        answers = [await here.ask(method, f"/ack/{one}", public=True) for one in wrong]
        assert {one.status for one in answers} == {404}
        assert len({one.text for one in answers}) == 1
        assert number not in answers[0].text
        assert "canary" not in answers[0].text
        assert acknowledgements(here) == []

    within(tmp_path, story)


def test_a_link_works_for_its_own_incident_alone(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        here.daemon.replan(
            lambda plan: replace(
                plan, services={name: replace(one, depends_on=()) for name, one in plan.services.items()}
            )
        )
        first = await here.daemon.outage()
        path = link(here, first)
        here.daemon.clock.pass_(10)
        await here.daemon.sample("db-canary-check", Outcome.DOWN)
        second = (await here.get("/api/v1/incidents")).json["items"][0]["id"]
        assert first != second
        await press(here, path, f"incident={second}".encode())
        assert (await here.get(f"/api/v1/incidents/{second}")).json["acknowledged_by"] is None
        assert (await here.get(f"/api/v1/incidents/{first}")).json["acknowledged_by"] == "li"

    within(tmp_path, story)


def test_nobody_keeps_or_follows_the_page(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        for path in (link(here, number), "/ack/wrong"):
            for answer in (await here.page(path), await press(here, path)):
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "noindex" in answer.headers["X-Robots-Tag"]

    within(tmp_path, story)


def test_while_the_store_fails_it_is_taken_and_said_not_to_be_recorded_however_often_it_is_pressed(
    tmp_path: Path,
) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number, "han")
        with Locker(tmp_path / "state" / "nightbell.db"):
            for _ in range(3):
                answer = await press(here, path)
                assert answer.status == 503
                assert "You are on it, Han Meimei, but this is not recorded" in answer.text
                assert "if it restarts before its store works again, it may page again" in answer.text
                assert "<button" in answer.text, "to see whether it is recorded by then"
                assert "not recorded" in (await here.page(path)).text
            chinese = await press(here, link(here, number, "li"), b"take_over=yes")
            assert chinese.status == 503
            assert "但尚未记录" in chinese.text
            assert "可能会再次呼叫" in chinese.text
            assert (await press(here, link(here, number, "han"), b"take_over=yes")).status == 503
        for _ in range(100):
            await asyncio.sleep(0.2)
            if (again := await press(here, path)).status == 200:
                break
        assert again.status == 200
        kept = await here.daemon.store.get(Incident, number)
        assert kept is not None
        assert kept.acknowledgement is not None
        assert kept.acknowledgement.by == "han"
        assert "<button" not in (await here.page(path)).text

    within(tmp_path, story)


def test_a_second_press_while_the_first_is_being_recorded_waits_for_the_disk(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        path = link(here, number)
        with Locker(tmp_path / "state" / "nightbell.db"):
            first = asyncio.create_task(press(here, path))
            await asyncio.sleep(0.3)
            second = asyncio.create_task(press(here, path))
            await asyncio.sleep(0.5)
            assert not second.done(), "it may still fail"
        assert [(await first).status, (await second).status] == [200, 200]
        assert len(acknowledgements(here)) == 1

    within(tmp_path, story)


def test_what_a_stopping_daemon_is_told_is_not_taken(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        await here.daemon.stop()
        answer = await press(here, link(here, number, "han"))
        assert answer.status == 503
        assert "It was not recorded" in answer.text
        assert "Paging goes on" in answer.text
        assert "<button" in answer.text

    within(tmp_path, story)


def test_names_and_titles_of_any_kind_stay_text(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        nasty = "<script>alert(1)</script>{0.__class__}{name}\x00"
        here.daemon.replan(
            lambda plan: replace(
                plan, people={key: replace(one, name=nasty) for key, one in plan.people.items()}
            )
        )
        record = here.daemon.incident(number)
        here.daemon.state.records[Incident][number] = replace(record, title=nasty)
        path = link(here, number)
        for answer in (await here.page(path), await press(here, path)):
            assert answer.status == 200
            assert "<script" not in answer.text
            assert "&lt;script&gt;alert(1)&lt;/script&gt;{0.__class__}{name}" in answer.text

    within(tmp_path, story)


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answer = await press(here, link(here, number), b"x" * 5000)
        assert answer.status == 413
        assert acknowledgements(here) == []

    within(tmp_path, story)
