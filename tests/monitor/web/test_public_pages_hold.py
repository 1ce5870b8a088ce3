"""Whatever people and targets are called, public pages stay what they are and tell nothing internal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.plan import Plan
from alerting.state import Changes
from lab.web_daemon import START, Site, within
from lab.web_pages import PAGES, an_announcement, parsed, publish, put
from probes.sample import Outcome

CANARIES = ("canary", "Canary", "10.99.99.99", "8443", "内部库", "db-", "ECONNREFUSED", "cannot connect")


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
