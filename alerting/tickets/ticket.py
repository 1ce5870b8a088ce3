"""A ticket: the work item of an incident, with class, assignee and clocks."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from alerting.tickets.terms import TicketClass


class TicketState(enum.Enum):
    """Its life. `CONFIRMED` is the reporter's word that it is really over."""

    NEW = "new"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CONFIRMED = "confirmed"
    CLOSED = "closed"

    @property
    def active(self) -> bool:
        """True while its resolution clock runs."""
        return self in (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Deadlines are absolute UTC instants, fixed at opening by the class's terms then in force.

    `responded_at` is the first human response; `breached` names the clocks that lapsed (`respond`, `resolve`).
    """

    id: str
    title: str
    ticket_class: TicketClass
    state: TicketState
    opened_at: datetime
    changed_at: datetime
    remind_at: datetime
    respond_by: datetime
    resolve_by: datetime
    incident: str | None = None
    service: str | None = None
    text: str = ""
    assignee: str | None = None
    responded_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reminded_at: datetime | None = None
    warned_at: datetime | None = None
    breached: tuple[str, ...] = ()
