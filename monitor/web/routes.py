"""Everything that can be asked for, on both listeners. What is not in these tables is not there.

Each route says whom it is for; nothing is reachable by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import BaseModel

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.incidents.maintenance import Maintenance
from alerting.incidents.silence import Silence
from alerting.inputs import TicketAction
from alerting.notification import Notification
from alerting.state import Record
from alerting.tickets.ticket import Ticket
from monitor.web.api import actions, bodies, explain, history, lists, oncall, openapi, plain, tokens
from monitor.web.auth import Audience
from monitor.web.call import Handler, Route
from monitor.web.public import ack, badge, feeds, page, statuspage

V1: Final = "/api/v1"
V2: Final = "/api/v2"

PAGING: Final = {
    "limit": "How many at most, up to 1000; 100 where nothing is said.",
    "cursor": "Where the page begins: `next` of the page before.",
}
_STATE: Final = {"state": "Only those in this state."}
_INCIDENT: Final = {"incident": "Only those of this incident."}
_SERVICE: Final = {"service": "Only those of this service."}
_KIND: Final = {"kind": "Only those of this kind."}

LISTS: Final[Mapping[str, tuple[type[Record], Mapping[str, str]]]] = {
    "incidents": (Incident, _STATE | _SERVICE),
    "tickets": (Ticket, _STATE | _INCIDENT | _SERVICE),
    "announcements": (Announcement, _STATE | _INCIDENT | _SERVICE),
    "notifications": (Notification, _STATE | _KIND | _INCIDENT | _SERVICE),
    "silences": (Silence, {}),
    "maintenances": (Maintenance, {}),
}
"""Lists that come from the store, with the filters each has."""


def _recorded() -> Iterator[Route]:
    for noun, (kind, filters) in LISTS.items():
        what = kind.__name__
        yield Route(
            method="GET",
            path=f"{V1}/{noun}",
            handler=lists.many(kind),
            audience=Audience.VIEWER,
            summary=f"List {noun}, newest first.",
            answer=f"{what}List",
            query={**filters, **PAGING},
        )
        yield Route(
            method="GET",
            path=f"{V1}/{noun}/{{id}}",
            handler=lists.one(kind),
            audience=Audience.VIEWER,
            summary=f"Get one {what.lower()}.",
            answer=what,
        )


def _read(path: str, handler: Handler, summary: str, answer: str, **query: str) -> Route:
    return Route(
        method="GET",
        path=V1 + path,
        handler=handler,
        audience=Audience.VIEWER,
        summary=summary,
        answer=answer,
        query=query,
    )


def _post(
    path: str,
    handler: Handler,
    body: type[BaseModel],
    summary: str,
    answer: str,
    *,
    audience: Audience = Audience.OPERATOR,
    status: int = 200,
) -> Route:
    return Route(
        method="POST",
        path=V1 + path,
        handler=handler,
        audience=audience,
        summary=summary,
        body=body,
        answer=answer,
        status=status,
    )


def _delete(path: str, handler: Handler, summary: str, answer: str, audience: Audience) -> Route:
    return Route(
        method="DELETE", path=V1 + path, handler=handler, audience=audience, summary=summary, answer=answer
    )


def _open(path: str, handler: Handler, summary: str) -> Route:
    return Route(method="GET", path=path, handler=handler, audience=Audience.OPEN, summary=summary)


def _work(action: TicketAction) -> Route:
    word = action.value
    return _post(
        f"/tickets/{{id}}/{word}",
        actions.work(action),
        actions.WORK_BODIES[action],
        f"{word.capitalize()} a ticket.",
        "Ticket",
    )


_CHECK_QUERY: Final = {**_STATE, **_SERVICE, **PAGING}
_HISTORY_QUERY: Final = {
    "metric": "A value by its name, `duration`, or a phase like `phases.connect`; duration where nothing is said.",
    "part": "The part (mount point, interface); the target as a whole where nothing is said.",
    "since": "From when on, RFC 3339 with its zone; a day before `until` where nothing is said.",
    "until": "Until before when; now where nothing is said.",
    "step": "Seconds between two points; the answer's may be longer where it is long ago. At most 2000 points.",
}
_ONCALL_QUERY: Final = {
    "rota": "The rota; not needed where there is only one.",
    "at": "The instant, RFC 3339 with its zone; now where nothing is said.",
}

INTERNAL: Final[tuple[Route, ...]] = (
    _open("/", plain.root, "Say where everything is."),
    _open("/metrics", plain.metrics, "Metrics, as text or OpenMetrics."),
    _open("/healthz", plain.healthz, "Whether the daemon is well."),
    _open("/readyz", plain.readyz, "Whether the daemon is ready."),
    *_recorded(),
    _read(
        "/checks",
        lists.checks,
        "List checks by name, each with its last sample.",
        "CheckList",
        **_CHECK_QUERY,
    ),
    _read("/checks/{id}", lists.check, "Get one check with its last runs.", "CheckDetail"),
    _read(
        "/checks/{id}/explain",
        explain.check,
        "Why a check is alerting or is not, and who would be told were it down.",
        "Explanation",
        at="The instant from which it would be down, RFC 3339 with its zone; now where nothing is said.",
    ),
    _read(
        "/checks/{id}/history", history.history, "What a check saw over time.", "History", **_HISTORY_QUERY
    ),
    _read("/services", lists.services, "List services.", "ServiceList"),
    _read("/oncall", oncall.oncall, "Who is on call.", "OnCall", **_ONCALL_QUERY),
    _read("/openapi.json", openapi.description, "This description.", ""),
    _post(
        "/incidents/{id}/ack",
        actions.acknowledge,
        bodies.Acknowledgement,
        "Acknowledge an incident.",
        "Incident",
    ),
    _post("/incidents/{id}/resolve", actions.resolve, bodies.Resolution, "End an incident.", "Incident"),
    _post("/incidents/{id}/escalate", actions.escalate, bodies.Plain, "Tell the next step now.", "Incident"),
    _post(
        "/incidents/{id}/merge",
        actions.merge,
        bodies.Merging,
        "Make it part of another incident.",
        "Incident",
    ),
    _post(
        "/incidents/{id}/split",
        actions.split,
        bodies.Splitting,
        "Take alerts out into a new one.",
        "Incident",
    ),
    _post("/tickets", actions.open_ticket, bodies.NewTicket, "Open a ticket.", "Ticket", status=201),
    *(_work(action) for action in TicketAction),
    _post("/silences", actions.add_silence, bodies.NewSilence, "Mute what fits.", "Silence", status=201),
    _post("/silences/{id}/end", actions.end_silence, bodies.Plain, "End a silence now.", "Silence"),
    _delete("/silences/{id}", actions.end_silence, "End a silence now.", "Silence", Audience.OPERATOR),
    _post(
        "/silences/{id}/change", actions.change_silence, bodies.SilenceChange, "Change a silence.", "Silence"
    ),
    _post(
        "/silences/preview",
        actions.preview_silence,
        bodies.SilencePreview,
        "Say what a silence would hit.",
        "Preview",
    ),
    _post(
        "/maintenances",
        actions.add_maintenance,
        bodies.NewMaintenance,
        "Plan work.",
        "Maintenance",
        status=201,
    ),
    _post(
        "/maintenances/{id}/end",
        actions.end_maintenance,
        bodies.MaintenanceEnd,
        "End the window that goes on, or all of it.",
        "Maintenance",
    ),
    _delete(
        "/maintenances/{id}", actions.end_maintenance, "End a maintenance.", "Maintenance", Audience.OPERATOR
    ),
    _post(
        "/maintenances/{id}/extend",
        actions.extend_maintenance,
        bodies.MaintenanceExtension,
        "Let a window end at another time.",
        "Maintenance",
    ),
    _post(
        "/announcements/{id}/publish",
        actions.publish,
        bodies.Plain,
        "Publish an announcement.",
        "Announcement",
    ),
    _post("/announcements/{id}/update", actions.say, bodies.Words, "Tell customers more.", "Announcement"),
    _post("/channels/{id}/test", actions.test_channel, bodies.ChannelTest, "Send a test message.", "Receipt"),
    Route(
        method="GET",
        path=f"{V1}/tokens",
        handler=tokens.tokens,
        audience=Audience.ADMIN,
        summary="List tokens, without their text.",
        answer="TokenList",
    ),
    _post(
        "/tokens",
        tokens.add,
        bodies.NewToken,
        "Make a token; its text is told this once.",
        "NewTokenAnswer",
        audience=Audience.ADMIN,
        status=201,
    ),
    _post(
        "/tokens/{id}/revoke",
        tokens.revoke,
        bodies.Plain,
        "Revoke a token.",
        "Revoked",
        audience=Audience.ADMIN,
    ),
    _delete("/tokens/{id}", tokens.revoke, "Revoke a token.", "Revoked", Audience.ADMIN),
)


def _public(path: str, handler: Handler, summary: str, method: str = "GET") -> Route:
    return Route(method=method, path=path, handler=handler, audience=Audience.PUBLIC, summary=summary)


PUBLIC: Final[tuple[Route, ...]] = (
    _public("/", page.front, "The status page."),
    _public("/style.css", page.asset, "What the pages look like."),
    _public("/favicon.svg", page.asset, "The bell."),
    _public("/incidents/{id}", page.incident, "One published announcement."),
    _public("/feed.atom", feeds.atom, "Announcements as Atom."),
    _public("/feed.rss", feeds.rss, "Announcements as RSS."),
    *(
        _public(f"{V2}/{which}.json", statuspage.document(which), "The status as Statuspage would say it.")
        for which in statuspage.DOCUMENTS
    ),
    _public("/badge/{id}.svg", badge.badge, "The state of a service as a picture."),
    _public("/ack/{id}", ack.look, "Show an incident to the person who was paged."),
    _public("/ack/{id}", ack.act, "Acknowledge it.", "POST"),
)
