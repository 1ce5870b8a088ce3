"""The shapes of answers, for the API's description only: what the views show, said once more as types.

Loaded when the description is asked for; a test holds the two together.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import Field

from monitor.web.api.shape import Moment, Shape
from monitor.web.api.shapes_checks import Check, CheckDetail, Explanation, History

__all__ = [
    "Check",
    "CheckDetail",
    "Explanation",
    "History",
]  # routes name the shapes of their answers in here

T = TypeVar("T")


class Fault(Shape):
    code: str
    message: str


class Error(Shape):
    """Why a request was not carried out."""

    error: Fault


class Cause(Shape):
    service: str | None
    check: str
    alert: str


class Alert(Shape):
    id: str
    check: str
    threshold: str
    part: str | None
    state: Literal["ok", "pending", "firing", "recovering", "resolved"] | None
    severity: Literal["info", "warning", "critical"] | None
    impact: Literal["none", "degraded", "down"] | None
    value: float | None
    message: str | None
    error: str | None
    since: Moment | None
    fired_at: Moment | None
    resolved_at: Moment | None
    suppressed: str | None


class Entry(Shape):
    id: str
    at: Moment
    event: str
    text: str
    who: str
    data: dict[str, str]


class Incident(Shape):
    """Alerts that people handle together."""

    id: str
    title: str
    state: Literal["open", "recovering", "resolved", "closed"]
    severity: Literal["info", "warning", "critical"]
    services: list[str]
    cause: Cause
    symptoms: list[str]
    host: str
    owner: str | None
    since: Moment
    opened_at: Moment
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    acknowledged_until: Moment | None
    acknowledged_via: str | None
    recovering_at: Moment | None
    resolved_at: Moment | None
    closed_at: Moment | None
    reason: Literal["recovered", "false_alarm", "merged", "unmonitored"] | None
    opening: int
    quiet: str | None
    flapping: bool
    merged_into: str | None
    ticket: str | None
    announcement: str | None
    alerts: list[Alert]
    timeline: list[Entry]


class Ticket(Shape):
    """The work item with class, assignee and clocks."""

    id: str
    title: str
    incident: str | None
    service: str | None
    ticket_class: Literal["urgent", "general", "complex"] = Field(alias="class")
    state: Literal["new", "accepted", "in_progress", "resolved", "confirmed", "closed"]
    assignee: str | None
    text: str
    opened_at: Moment
    respond_by: Moment
    responded_at: Moment | None
    resolve_by: Moment
    resolved_at: Moment | None
    closed_at: Moment | None
    breached: list[str]


class Update(Shape):
    at: Moment
    state: Literal["scheduled", "in_progress", "investigating", "identified", "monitoring", "resolved"]
    text: dict[str, str]


class Announcement(Shape):
    """The outward word to customers."""

    id: str
    incident: str | None
    maintenance: str | None
    services: list[str]
    waiting: list[str]
    state: Literal["scheduled", "in_progress", "investigating", "identified", "monitoring", "resolved"]
    impact: str
    text: dict[str, str]
    began_at: Moment
    created_at: Moment
    expected_recovery_at: Moment | None
    estimated: bool
    next_update_at: Moment | None
    page_at: Moment | None
    push_at: Moment | None
    published_at: Moment | None
    pushed_at: Moment | None
    recovered_at: Moment | None
    resolved_at: Moment | None
    withdrawn: bool
    approved_by: str | None
    updates: list[Update]


class Notification(Shape):
    """One message to one destination; its text is not shown, for it holds the link that acknowledges."""

    id: str
    kind: Literal["page", "recovery", "ticket", "announcement", "reminder", "handover", "followup"]
    incident: str | None
    ticket: str | None
    announcement: str | None
    to: str | None
    channel: str
    state: Literal["pending", "sending", "accepted", "failed", "ambiguous", "cancelled", "expired"]
    attempts: int
    dedup_key: str
    reason: str | None
    detail: str
    title: str
    severity: Literal["info", "warning", "critical"]
    services: list[str]
    step: str | None
    created_at: Moment
    not_before: Moment
    not_after: Moment


class Receipt(Shape):
    """What came of an attempt to deliver."""

    state: str
    reason: str | None
    detail: str
    provider_id: str | None
    attempt: int
    at: Moment


class Silence(Shape):
    """An operator's mute, with author, reason and end."""

    id: str
    state: Literal["pending", "active", "ended"]
    matchers: dict[str, str]
    author: str
    reason: str
    starts_at: Moment
    ends_at: Moment
    created_at: Moment
    warned_at: Moment | None
    configured: bool


class Preview(Shape):
    """What a silence would hit: alerts, incidents and checks by id; `muted` are the incidents that go quiet."""

    alerts: list[str]
    incidents: list[str]
    muted: list[str]
    checks: list[str]
    services: list[str]


class Window(Shape):
    """One window of planned work: `starts_at` and `ends_at` as planned, `began_at` and `ended_at` as it was."""

    id: str
    state: Literal["planned", "active", "ended", "cancelled"]
    services: list[str]
    checks: list[str]
    starts_at: Moment
    ends_at: Moment
    began_at: Moment | None
    ended_at: Moment | None
    announcement: str | None


class Maintenance(Shape):
    """Planned work, once or again and again; lengths of time in seconds. The newest windows come first."""

    id: str
    state: Literal["planned", "active", "over"]
    services: list[str]
    checks: list[str]
    dependents: bool
    reason: str
    author: str
    starts_at: Moment
    length: float
    every: float | None
    timezone: str
    announce: float | None
    next_at: Moment | None
    created_at: Moment
    configured: bool
    windows: list[Window]


class Service(Shape):
    """What a customer would name."""

    id: str
    title: dict[str, str]
    checks: list[str]
    depends_on: list[str]
    owner: str | None
    escalation: str | None
    public: bool
    public_state: Literal["operational", "maintenance", "unknown", "degraded", "down"] | None


class OnCall(Shape):
    """Who is on call; where several rotas are meant, the answer is a list of these."""

    rota: str
    at: Moment
    shift: str | None
    people: list[str]
    backup: list[str]
    until: Moment


class Token(Shape):
    name: str
    role: Literal["viewer", "operator", "admin"]
    created_at: Moment


class NewTokenAnswer(Shape):
    """A token just made: the only time its text is told."""

    name: str
    role: Literal["viewer", "operator", "admin"]
    token: str


class Revoked(Shape):
    name: str
    revoked: bool


class Listed(Shape, Generic[T]):
    """One page of a list; `next` is where the following one begins."""

    items: list[T]
    next: str | None


class IncidentList(Listed[Incident]):
    pass


class TicketList(Listed[Ticket]):
    pass


class AnnouncementList(Listed[Announcement]):
    pass


class NotificationList(Listed[Notification]):
    pass


class SilenceList(Listed[Silence]):
    pass


class MaintenanceList(Listed[Maintenance]):
    pass


class CheckList(Listed[Check]):
    pass


class ServiceList(Listed[Service]):
    pass


class TokenList(Listed[Token]):
    pass
