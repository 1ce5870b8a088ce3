"""Feeds: the same announcements as Atom and RSS, each entry with its words in every language."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import hdrs, web

from monitor.web.call import Call
from monitor.web.public.page import SHORTLY, language_of
from monitor.web.public.render import headline, in_order, iso
from monitor.web.public.schema import PublicAnnouncement, StatusPage
from monitor.web.public.snapshot import SNAPSHOTS
from monitor.web.public.words import words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ATOM: Final = "http://www.w3.org/2005/Atom"


async def atom(call: Call) -> web.Response:
    """The announcements as Atom."""
    language = language_of(call)
    text = await call.request.app[SNAPSHOTS].rendered(("atom", language), lambda page: _atom(page, language))
    return _xml(text, "application/atom+xml")


async def rss(call: Call) -> web.Response:
    """The announcements as RSS 2.0."""
    language = language_of(call)
    text = await call.request.app[SNAPSHOTS].rendered(("rss", language), lambda page: _rss(page, language))
    return _xml(text, "application/rss+xml")


def link(page: StatusPage, one: PublicAnnouncement) -> str:
    """Return the address of an announcement, by the site's configured address alone."""
    return f"{page.url}/incidents/{quote(one.id, safe='')}"


def _atom(page: StatusPage, language: str) -> str:
    from xml.etree import ElementTree as ET

    feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": language})
    _add(feed, "title", f"{page.name} · {words(language)['title']}")
    _add(feed, "id", f"{page.url}/")
    _add(feed, "updated", iso(_changed(page)))
    ET.SubElement(feed, "link", {"href": f"{page.url}/"})
    ET.SubElement(
        feed, "link", {"rel": "self", "href": f"{page.url}/feed.atom", "type": "application/atom+xml"}
    )
    _add(ET.SubElement(feed, "author"), "name", page.name)
    for one in _all(page):
        entry = ET.SubElement(feed, "entry")
        _add(entry, "title", headline(page, one, language))
        _add(entry, "id", link(page, one))
        ET.SubElement(entry, "link", {"href": link(page, one)})
        _add(entry, "published", iso(one.published_at))
        _add(entry, "updated", iso(one.changed_at))
        _add(entry, "content", _content(one, language)).set("type", "text")
    return _written(feed)


def _rss(page: StatusPage, language: str) -> str:
    from xml.etree import ElementTree as ET

    feed = ET.Element("rss", {"version": "2.0"})
    channel = ET.SubElement(feed, "channel")
    _add(channel, "title", f"{page.name} · {words(language)['title']}")
    _add(channel, "link", f"{page.url}/")
    _add(channel, "description", words(language)[f"all_{page.state.value}"])
    _add(channel, "language", language)
    _add(channel, "lastBuildDate", format_datetime(_changed(page), usegmt=True))
    for one in _all(page):
        item = ET.SubElement(channel, "item")
        _add(item, "title", headline(page, one, language))
        _add(item, "link", link(page, one))
        # A reader shows what it has not seen: a new word needs a new guid.
        _add(item, "guid", f"{link(page, one)}#{int(one.changed_at.timestamp())}").set("isPermaLink", "false")
        _add(item, "pubDate", format_datetime(one.changed_at, usegmt=True))
        _add(item, "description", _content(one, language))
    return _written(feed)


def _content(one: PublicAnnouncement, language: str) -> str:
    """Return all updates, newest first, each in every language, the reader's own first."""
    blocks = []
    for update in reversed(one.updates):
        said = "\n".join(text for _, text in in_order(update.text, language))
        blocks.append(f"{words(language)[update.state]} ({iso(update.at)})\n{said}")
    return "\n\n".join(blocks)


def _all(page: StatusPage) -> Iterator[PublicAnnouncement]:
    yield from sorted((*page.current, *page.past), key=lambda one: one.changed_at, reverse=True)


def _changed(page: StatusPage) -> datetime:
    return max((one.changed_at for one in _all(page)), default=page.as_of)


def _add(parent: Element, tag: str, text: str) -> Element:
    from xml.etree import ElementTree as ET

    child = ET.SubElement(parent, tag)
    child.text = text
    return child


def _written(feed: Element) -> str:
    from xml.etree import ElementTree as ET

    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _xml(text: str, content_type: str) -> web.Response:
    return web.Response(
        text=text,
        content_type=content_type,
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: SHORTLY, hdrs.VARY: hdrs.ACCEPT_LANGUAGE},
    )
