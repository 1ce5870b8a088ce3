"""What customers read: the state of services, announcements in both languages, and never more than that."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.plan import Plan
from alerting.state import Changes
from lab.web_daemon import START, Site, within
from probes.sample import Outcome

CANARIES = ("canary", "Canary", "10.99.99.99", "8443", "内部库", "db-", "ECONNREFUSED", "cannot connect")
PAGES = (
    "/", "/?lang=en", "/?lang=zh", "/feed.atom", "/feed.rss", "/api/v2/summary.json", "/api/v2/status.json",
    "/api/v2/components.json", "/api/v2/incidents.json", "/api/v2/incidents/unresolved.json", "/badge/checkout.svg",
    "/incidents/A-1", "/nope",
)  # fmt: skip


class Text(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(text: str) -> Text:
    page = Text()
    page.feed(text)
    page.close()
    return page


def words(text: str) -> str:
    return re.sub(r"\s+", " ", " ".join(parsed(text).words))


async def publish(here: Site, **said: Any) -> str:
    """Let the shop go down and a person publish it; return the announcement's number."""
    number = await here.daemon.outage()
    draft = (await here.get(f"/api/v1/announcements?incident={number}")).json["items"][0]["id"]
    assert (await here.post(f"/api/v1/announcements/{draft}/publish", {"by": "li"})).status == 200
    if said:
        answer = await here.post(f"/api/v1/announcements/{draft}/update", said)
        assert answer.status == 200, answer.text
    return str(draft)


async def put(here: Site, one: Announcement) -> None:
    """Record an announcement as it is."""
    changes = Changes(records=(one,))
    here.daemon.state.apply(changes)
    await here.daemon.store.record(changes)


def an_announcement(number: int = 1, **fields: Any) -> Announcement:
    made = Announcement(
        id=f"A-{number}",
        incident=f"INC-{number}",
        services=("checkout",),
        state=AnnouncementState.INVESTIGATING,
        impact="down",
        began_at=START,
        created_at=START,
        published_at=START,
        updates=(
            Update(at=START, state=AnnouncementState.INVESTIGATING, text={"zh": "我们在查", "en": "We look"}),
        ),
    )
    return replace(made, **fields)


def states(text: str) -> list[str]:
    return [
        str(attrs["class"]).removeprefix("is-")
        for tag, attrs in parsed(text).elements
        if tag == "li"
        and re.fullmatch(r"is-(operational|degraded|down|unknown|maintenance)", attrs.get("class") or "")
    ]


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


def test_a_withdrawn_or_internal_announcement_is_never_shown(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        await put(here, an_announcement(1, withdrawn=True))
        await put(here, an_announcement(2, services=("database",)))
        await put(here, an_announcement(3, published_at=None))
        for path in ("/", "/api/v2/incidents.json", "/feed.atom"):
            text = (await here.page(path)).text
            assert "We look" not in text
        for number in (1, 2, 3):
            assert (await here.page(f"/incidents/A-{number}")).status == 404
            assert (await here.page(f"/incidents/INC-{number}")).status == 404

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


def test_no_internal_name_is_ever_public(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"zh": "在修", "en": "We repair"})
        await here.daemon.sample("db-canary-check", Outcome.DOWN)
        here.daemon.vitals.troubles["store"] = "canary trouble"
        for path in PAGES:
            answer = await here.page(path)
            for canary in CANARIES:
                assert canary not in answer.text, (path, canary)
                assert canary not in json.dumps(answer.headers), (path, canary)

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


def test_no_link_comes_from_the_host_header(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"en": "x"})
        for path in PAGES:
            headers = {
                "Host": "evil.example",
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Proto": "gopher",
            }
            answer = await here.page(path, headers=headers)
            assert "evil" not in answer.text + json.dumps(answer.headers)
            assert "127.0.0.1" not in answer.text
        assert "https://status.shop.example/incidents/A-1" in (await here.page("/feed.atom")).text

    within(tmp_path, story)


PAYLOADS = [
    "<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)", "javascript:alert(1)", "[x](vbscript:msgbox)", "{{7*7}}", "{% raw %}", "${7*7}",
    "<!--", "-->", "]]>", "&lt;b&gt;", "\u202egnp.exe", "Z\u0351\u036b\u0343algo" * 50,
    "<style>*{display:none}</style>", "<base href=//evil>", "<meta http-equiv=refresh content=0;url=//evil>",
    "\U0001f525" * 500,
    "<a href=data:text/html,x>x</a>",
    "\x00\x1b[31mred\x7f", "\ud800", "a\u2028b\u0085c", "%0d%0aSet-Cookie: x=1", "{0.__class__}", "<iframe srcdoc=x>",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_whatever_words_hold_they_stay_words(tmp_path: Path, payload: str) -> None:
    """Every string people or targets give stands on every page, as text: no new element, attribute or handler."""

    def hostile(plan: Plan) -> Plan:
        service = replace(plan.services["checkout"], title={"zh": payload, "en": payload})
        people = {name: replace(one, name=payload) for name, one in plan.people.items()}
        site = replace(plan.site, name=payload)
        return replace(plan, site=site, services={**plan.services, "checkout": service}, people=people)

    async def story(here: Site) -> None:
        await here.daemon.all_up()
        plain = an_announcement()
        await _tame(here, plain)
        tame = {path: _skeleton(await here.page(path)) for path in PAGES}
        here.daemon.replan(hostile)
        update = Update(at=START, state=AnnouncementState.INVESTIGATING, text={"zh": payload, "en": payload})
        here.daemon.state.apply(Changes(records=(replace(plain, updates=(update,)),)))
        for path in PAGES:
            answer = await here.page(path)
            assert answer.status == (404 if path == "/nope" else 200)
            assert _skeleton(answer) == tame[path], path

    within(tmp_path, story)


async def _tame(here: Site, one: Announcement) -> None:
    here.daemon.state.apply(Changes(records=(one,)))


def _skeleton(answer: Any) -> Any:
    """Return the elements and attribute names of a page, or the shape of a document."""
    kind = answer.headers["Content-Type"].split(";")[0]
    if kind == "application/json":
        return _shape(answer.json)
    if kind == "text/html":
        return [(tag, sorted(attrs)) for tag, attrs in parsed(answer.text).elements]
    if kind == "text/plain":
        return answer.text
    return [(one.tag, sorted(one.attrib)) for one in ET.fromstring(answer.text).iter()]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    return [_shape(one) for one in value] if isinstance(value, list) else type(value).__name__


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


def test_the_page_needs_no_script_and_no_foreign_thing(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await publish(here, text={"en": "x"})
        page = await here.page("/?lang=en")
        elements = parsed(page.text).elements
        assert not any(tag in ("script", "style", "iframe", "object") for tag, _ in elements)
        assert not any(
            "style" in attrs or any(key.startswith("on") for key in attrs) for _, attrs in elements
        )
        for _, attrs in elements:
            for key in ("href", "src"):
                assert not str(attrs.get(key) or "").startswith(("http", "//", "data:")), attrs
        refresh = [attrs["content"] for tag, attrs in elements if attrs.get("http-equiv") == "refresh"]
        assert refresh == ["30"]
        css = await here.page("/style.css")
        assert css.headers["Content-Type"].startswith("text/css")
        assert "url(" not in css.text

    within(tmp_path, story)
