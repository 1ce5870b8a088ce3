"""The status in the shape of Atlassian's Statuspage, for what already reads that.

That shape knows no "unknown": where we cannot tell, it says degraded, never operational.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import hdrs, web

from monitor.web.call import Call, Handler
from monitor.web.public.feeds import link
from monitor.web.public.page import SHORTLY, language_of
from monitor.web.public.render import headline, in_order, iso, name
from monitor.web.public.schema import (
    PublicAnnouncement,
    PublicService,
    PublicState,
    PublicUpdate,
    StatusPage,
    public_id,
)
from monitor.web.public.snapshot import SNAPSHOTS
from monitor.web.public.words import words

View = dict[str, Any]

_COMPONENT: Final[Mapping[PublicState, str]] = {
    PublicState.OPERATIONAL: "operational",
    PublicState.MAINTENANCE: "under_maintenance",
    PublicState.UNKNOWN: "degraded_performance",
    PublicState.DEGRADED: "degraded_performance",
    PublicState.DOWN: "major_outage",
}
_INDICATOR: Final[Mapping[PublicState, str]] = {
    PublicState.OPERATIONAL: "none",
    PublicState.MAINTENANCE: "none",
    PublicState.UNKNOWN: "minor",
    PublicState.DEGRADED: "minor",
    PublicState.DOWN: "major",
}
_IMPACT: Final = {"none": "none", "degraded": "minor", "down": "major", "maintenance": "maintenance"}
_DONE: Final = {"resolved": "completed"}
"""That shape has words of its own for maintenances."""


def _page(page: StatusPage) -> View:
    return {
        "id": public_id("page", page.url),
        "name": page.name,
        "url": page.url,
        "time_zone": page.zone.key,
        "updated_at": iso(page.as_of),
    }


def _status(page: StatusPage, language: str) -> View:
    everything = bool(page.services) and all(one.state is PublicState.DOWN for one in page.services)
    return {
        "indicator": "critical" if everything else _INDICATOR[page.state],
        "description": words(language)[f"all_{page.state.value}"],
    }


def _component(page: StatusPage, place: int, service: PublicService, language: str) -> View:
    return {
        "id": public_id("service", service.id),
        "name": name(service.title, language),
        "status": _COMPONENT[service.state],
        "created_at": None,
        "updated_at": iso(page.as_of),
        "position": place,
        "description": None,
        "showcase": True,
        "start_date": None,
        "group_id": None,
        "group": False,
        "only_show_if_degraded": False,
        "page_id": public_id("page", page.url),
    }


def _components(page: StatusPage, language: str) -> list[View]:
    return [_component(page, place, one, language) for place, one in enumerate(page.services, 1)]


def _incident(page: StatusPage, one: PublicAnnouncement, language: str) -> View:
    watched = [update.at for update in one.updates if update.state == "monitoring"]
    affected = [view for view, service in _listed(page, language) if service.id in one.services]
    return {
        "id": public_id("incident", one.id),
        "name": headline(page, one, language),
        "status": one.state,
        "impact": _IMPACT[one.impact],
        "created_at": iso(one.published_at),
        "updated_at": iso(one.changed_at),
        "started_at": iso(one.began_at),
        "monitoring_at": iso(watched[-1]) if watched else None,
        "resolved_at": iso(one.resolved_at) if one.resolved_at else None,
        "shortlink": link(page, one),
        "page_id": public_id("page", page.url),
        "incident_updates": [_update(one, update, language) for update in reversed(one.updates)],
        "components": affected,
    }


def _update(one: PublicAnnouncement, update: PublicUpdate, language: str) -> View:
    said = in_order(update.text, language)
    return {
        "id": public_id("update", one.id, iso(update.at), update.state),
        "incident_id": public_id("incident", one.id),
        "status": _DONE.get(update.state, update.state) if one.planned else update.state,
        "body": said[0][1] if said else "",
        "created_at": iso(update.at),
        "updated_at": iso(update.at),
        "display_at": iso(update.at),
    }


def _listed(page: StatusPage, language: str) -> list[tuple[View, PublicService]]:
    return list(zip(_components(page, language), page.services, strict=True))


def _summary(page: StatusPage, language: str) -> View:
    return {
        "components": _components(page, language),
        "incidents": [_incident(page, one, language) for one in page.current if not one.planned],
        "scheduled_maintenances": [_maintenance(page, one, language) for one in page.current if one.planned],
        "status": _status(page, language),
    }


def _incidents(page: StatusPage, language: str) -> View:
    known = (*page.current, *page.past)
    return {"incidents": [_incident(page, one, language) for one in known if not one.planned]}


def _unresolved(page: StatusPage, language: str) -> View:
    return {"incidents": [_incident(page, one, language) for one in page.current if not one.planned]}


def _maintenance(page: StatusPage, one: PublicAnnouncement, language: str) -> View:
    return {
        **_incident(page, one, language),
        "status": _DONE.get(one.state, one.state),
        "scheduled_for": iso(one.began_at),
        "scheduled_until": iso(one.expected_recovery_at or one.began_at),
    }


def _maintenances(*states: str) -> Callable[[StatusPage, str], View]:
    """Return the document of maintenances in these states, of all where none is named."""

    def document(page: StatusPage, language: str) -> View:
        known = [one for one in (*page.current, *page.past) if one.planned]
        wanted = [one for one in known if not states or one.state in states]
        return {"scheduled_maintenances": [_maintenance(page, one, language) for one in wanted]}

    return document


DOCUMENTS: Final[Mapping[str, Callable[[StatusPage, str], View]]] = {
    "summary": _summary,
    "status": lambda page, language: {"status": _status(page, language)},
    "components": lambda page, language: {"components": _components(page, language)},
    "incidents": _incidents,
    "incidents/unresolved": _unresolved,
    "scheduled-maintenances": _maintenances(),
    "scheduled-maintenances/upcoming": _maintenances("scheduled"),
    "scheduled-maintenances/active": _maintenances("in_progress"),
}
"""Every document by its path below `/api/v2/`, without `.json`."""


def document(which: str) -> Handler:
    """Return the handler of one document."""

    async def read(call: Call) -> web.Response:
        language = language_of(call)
        text = await call.request.app[SNAPSHOTS].rendered(
            ("v2", which, language),
            lambda page: json.dumps(
                {"page": _page(page), **DOCUMENTS[which](page, language)}, ensure_ascii=False
            ),
        )
        return web.Response(
            text=text + "\n",
            content_type="application/json",
            charset="utf-8",
            headers={hdrs.CACHE_CONTROL: SHORTLY, hdrs.VARY: hdrs.ACCEPT_LANGUAGE},
        )

    return read
