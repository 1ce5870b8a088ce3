"""What customers read: the state of services, announcements in both languages, and never more than that."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from alerting.announcements.announcement import AnnouncementState
from lab.web_daemon import START, Site, within
from lab.web_pages import an_announcement, parsed, publish, put, states, words
from probes.sample import Outcome


def test_all_is_green_while_all_is_well(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        page = await here.page("/?lang=en")
        assert page.status == 200
        assert states(page.text) == ["operational", "operational"]
        assert "All services are operational" in words(page.text)
        assert "Checkout" in words(page.text)
        assert (await here.page("/api/v2/status.json")).json["status"]["indicator"] == "none"

    within(tmp_path, story)


def test_it_is_not_green_before_the_first_sample(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        assert states((await here.page()).text) == ["unknown", "unknown"]

    within(tmp_path, story)


def test_it_is_never_green_on_stale_data(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        here.daemon.clock.pass_(60)
        assert states((await here.page()).text) == ["operational", "operational"]
        here.daemon.clock.pass_(1)
        page = await here.page("/?lang=en")
        assert states(page.text) == ["unknown", "unknown"]
        assert "out of date" in page.text
        assert "operational" not in (await here.page("/api/v2/components.json")).text
        assert (await here.page("/api/v2/status.json")).json["status"]["indicator"] == "minor"
        assert "unknown" in (await here.page("/badge/checkout.svg?lang=en")).text.lower()

    within(tmp_path, story)


def test_it_is_not_green_while_we_cannot_tell(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        await here.daemon.sample("web-canary-check", Outcome.UNKNOWN)
        assert states((await here.page()).text) == ["unknown", "unknown"]

    within(tmp_path, story)


def test_customers_hear_nothing_before_a_person_approves(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.outage()
        page = await here.page()
        assert states(page.text) == ["operational", "operational"]
        assert "<article" not in page.text
        assert (await here.page("/incidents/A-1")).status == 404
        assert (await here.page("/incidents/INC-1")).status == 404
        assert (await here.page("/api/v2/incidents.json")).json["incidents"] == []

    within(tmp_path, story)


def test_a_published_outage_shows_words_times_and_states_in_both_languages(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await publish(
            here,
            text={"zh": "数据库故障，正在修复", "en": "A database failed, we repair it"},
            expected_recovery_at="2027-01-04T03:00:00Z",
            next_update_at="2027-01-04T02:30:00Z",
        )
        page = await here.page("/?lang=en")
        said = words(page.text)
        assert states(page.text) == ["down", "down"]
        assert "A database failed, we repair it" in said
        assert "数据库故障，正在修复" in said
        assert said.index("A database failed") < said.index("数据库故障")
        assert '<time datetime="2027-01-04T03:00:00Z">2027-01-04 11:00 (UTC+8)</time>' in page.text
        assert '<time datetime="2027-01-04T02:30:00Z">2027-01-04 10:30 (UTC+8)</time>' in page.text
        assert f'href="/incidents/{number}?lang=en"' in page.text
        chinese = words((await here.page("/?lang=zh")).text)
        assert chinese.index("数据库故障") < chinese.index("A database failed")
        for key in (number, "INC-1"):
            alone = await here.page(f"/incidents/{key}?lang=en")
            assert alone.status == 200
            assert "A database failed, we repair it" in words(alone.text)
        languages = [
            attrs.get("lang") for tag, attrs in parsed(page.text).elements if tag == "p" and "lang" in attrs
        ]
        assert set(languages) == {"en", "zh"}

    within(tmp_path, story)


def test_the_page_tells_when_the_expected_time_has_passed(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"en": "x"}, expected_recovery_at="2027-01-04T02:10:00Z")
        here.daemon.clock.pass_(1200)
        assert "taking longer than expected" in words((await here.page("/?lang=en")).text)

    within(tmp_path, story)


def test_recovery_reads_monitoring_then_resolved_with_its_length(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await publish(here)
        here.daemon.clock.pass_(1790)
        await here.daemon.sample("web-canary-check")
        watched = await here.page("/?lang=en")
        assert states(watched.text) == ["degraded", "degraded"]
        here.daemon.clock.pass_(61)
        await here.daemon.all_up()
        await here.daemon.tick()
        page = await here.page("/?lang=en")
        assert states(page.text) == ["operational", "operational"]
        assert "<details" in page.text
        assert "29 min 50 s" in words(page.text) or "30 min" in words(page.text), words(page.text)
        alone = await here.page(f"/incidents/{number}?lang=en")
        assert "Resolved" in words(alone.text)
        assert "http-equiv" not in alone.text
        found = (await here.page("/api/v2/incidents.json")).json["incidents"][0]
        assert (found["status"], bool(found["resolved_at"])) == ("resolved", True)
        assert (await here.page("/api/v2/incidents/unresolved.json")).json["incidents"] == []

    within(tmp_path, story)


def test_the_last_fifteen_that_are_over_are_shown_and_older_ones_by_their_number(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        for number in range(1, 21):
            at = START - timedelta(days=30 - number)
            over = {"state": AnnouncementState.RESOLVED, "resolved_at": at, "recovered_at": at}
            await put(
                here, an_announcement(number, began_at=at - timedelta(hours=1), published_at=at, **over)
            )
        page = await here.page("/?lang=en")
        shown = re.findall(r">A-(\d+)</a>", page.text)
        assert shown == [str(number) for number in range(20, 5, -1)]
        assert (await here.page("/incidents/A-1")).status == 200

    within(tmp_path, story)


def test_the_badge_of_an_internal_service_is_not_there(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        badge = await here.page("/badge/checkout.svg?lang=zh")
        assert badge.headers["Content-Type"].startswith("image/svg+xml")
        drawn = ET.fromstring(badge.text)
        assert "下单结算" in "".join(drawn.itertext())
        assert (await here.page("/badge/database.svg")).status == 404
        assert (await here.page("/badge/nope.svg")).status == 404

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        pytest.param("", "", "zh", id="the site's first"),
        pytest.param("", "en-GB,en;q=0.9", "en", id="the browser's"),
        pytest.param("", "de, en;q=0.5, zh;q=0.8", "zh", id="by weight"),
        pytest.param("", "zh;q=0, en;q=0.1", "en", id="refused"),
        pytest.param("?lang=en", "zh", "en", id="as asked"),
        pytest.param("?lang=xx", "en", "en", id="asked for one we lack"),
        pytest.param("?lang=%3Cscript%3E", "*;q=abc,,;;q=", "zh", id="nonsense"),
    ],
)
def test_readers_get_their_language(tmp_path: Path, query: str, accept: str, language: str) -> None:
    async def story(here: Site) -> None:
        page = await here.page(f"/{query}", headers={"Accept-Language": accept})
        assert page.headers["Content-Language"] == language
        assert f'<html lang="{language}">' in page.text

    within(tmp_path, story)


def test_the_feeds_are_well_formed_and_complete(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"zh": "修 & <b>", "en": "Repair & <b>"})
        atom = ET.fromstring((await here.page("/feed.atom?lang=en")).text)
        space = "{http://www.w3.org/2005/Atom}"
        entry = atom.find(f"{space}entry")
        assert entry is not None
        for tag in ("id", "title", "updated"):
            assert atom.findtext(space + tag)
            assert entry.findtext(space + tag)
        assert "Repair & <b>" in (entry.findtext(f"{space}content") or "")
        rss = ET.fromstring((await here.page("/feed.rss")).text)
        item = rss.find("channel/item")
        assert item is not None
        assert "修 & <b>" in (item.findtext("description") or "")
        assert (await here.page("/feed.rss")).headers["Content-Type"].startswith("application/rss+xml")

    within(tmp_path, story)


def test_the_summary_has_the_shape_statuspage_readers_expect(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"zh": "修", "en": "Repair"})
        found = (await here.page("/api/v2/summary.json?lang=en")).json
        assert set(found) == {"page", "status", "components", "incidents", "scheduled_maintenances"}
        assert found["status"]["indicator"] == "critical", "every service is down"
        assert {one["status"] for one in found["components"]} == {"major_outage"}
        incident = found["incidents"][0]
        assert incident["impact"] == "major"
        assert incident["incident_updates"][0]["body"] == "Repair"
        assert {one["id"] for one in incident["components"]} == {one["id"] for one in found["components"]}
        again = (await here.page("/api/v2/summary.json?lang=zh")).json
        assert again["incidents"][0]["id"] == incident["id"]
        assert [one["id"] for one in again["components"]] == [one["id"] for one in found["components"]]
        assert (await here.page(f"/incidents/{incident['id']}")).status == 200

    within(tmp_path, story)


def test_the_page_is_made_at_most_once_a_second_but_never_late_with_news(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        first = (await here.page()).text
        await here.daemon.sample("web-canary-check", Outcome.UNKNOWN)
        assert (await here.page()).text == first
        here.daemon.clock.pass_(1)
        assert states((await here.page()).text) == ["unknown", "unknown"]
        await put(here, an_announcement())
        assert states((await here.page()).text) == ["down", "unknown"]

    within(tmp_path, story)
