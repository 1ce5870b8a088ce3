"""The pages customers open: the status page, single announcements, and what they look like."""

from __future__ import annotations

from functools import cache
from typing import Final

from aiohttp import hdrs, web

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from monitor.web.call import Call
from monitor.web.problem import Problem, machine, plain
from monitor.web.public import status
from monitor.web.public.render import TEMPLATES, announcement_page, render, status_page
from monitor.web.public.schema import PublicAnnouncement, StatusPage
from monitor.web.public.snapshot import SNAPSHOTS
from monitor.web.public.words import choose, words

SHORTLY: Final = "public, max-age=1"
"""What is read by many may be kept for as long as we keep it ourselves, by whoever stands in front of us."""

_ASSETS: Final = {"style.css": "text/css", "favicon.svg": "image/svg+xml"}


def language_of(call: Call) -> str:
    """Return the language a reader gets."""
    request = call.request
    accept = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
    return choose(call.daemon.config.plan.site.languages, request.query.get("lang"), accept)


async def front(call: Call) -> web.Response:
    """The status page."""
    language = language_of(call)
    snapshots = call.request.app[SNAPSHOTS]
    text = await snapshots.rendered(("status", language), lambda page: status_page(page, language))
    return _html(text, language)


async def incident(call: Call) -> web.Response:
    """The page of one published announcement."""
    language = language_of(call)
    page, one = await find(call)
    return _html(announcement_page(page, one, language), language)


async def find(call: Call) -> tuple[StatusPage, PublicAnnouncement]:
    """Return the announcement the path names. One that was never published is not there: Problem 404."""
    page = await call.request.app[SNAPSHOTS].page()
    found = page.announcement(call.id)
    if found is None and (record := await _recorded(call)) is not None:
        plan = call.daemon.config.plan
        found = status.announcement(plan, record) if status.shown(plan, record) else None
    if found is None:
        raise Problem(404)
    return page, found


async def _recorded(call: Call) -> Announcement | None:
    """Look for an announcement older than those on the page, by its number or its incident's."""
    store, key = call.daemon.store, call.id[:40]
    if key.startswith("INC-"):
        about = await store.get(Incident, key)
        return await store.get(Announcement, about.announcement) if about and about.announcement else None
    return await store.get(Announcement, key) if key.startswith("A-") else None


async def asset(call: Call) -> web.Response:
    """A file that belongs to the pages."""
    name = call.request.path.removeprefix("/")
    return web.Response(
        body=_read(name),
        content_type=_ASSETS[name],
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "public, max-age=3600"},
    )


@cache
def _read(name: str) -> bytes:
    return (TEMPLATES / name).read_bytes()


def misfit(request: web.Request, problem: Problem) -> web.StreamResponse:
    """Answer a problem: to machines as JSON, to people as a page where it is one they may run into."""
    path = request.rel_url.raw_path
    if path.startswith("/api/"):
        return machine(problem)
    if problem.status != 404 or path.endswith((".svg", ".atom", ".rss", ".css")):
        return plain(problem)
    from monitor.web.guard import DAEMON

    site = request.app[DAEMON].config.plan.site
    language = choose(
        site.languages, request.query.get("lang"), request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
    )
    w = words(language)
    text = render(
        "message.html", language, site.zone, title=w["not_found"], text=w["not_found_text"], back=True
    )
    return web.Response(
        status=404,
        text=text,
        content_type="text/html",
        headers={hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_LANGUAGE: language, **problem.headers},
    )


def _html(text: str, language: str) -> web.Response:
    return web.Response(
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={
            hdrs.CACHE_CONTROL: SHORTLY,
            hdrs.CONTENT_LANGUAGE: language,
            hdrs.VARY: hdrs.ACCEPT_LANGUAGE,
        },
    )
