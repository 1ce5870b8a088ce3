"""Public pages in tests: what they are made of, and what is published on them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.state import Changes
from lab.web_daemon import START, Site

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
