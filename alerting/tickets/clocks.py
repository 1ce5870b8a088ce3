"""A ticket's clocks: what is due now. A pure function of the ticket's recorded times."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from alerting.tickets.terms import Terms, TicketClass
from alerting.tickets.ticket import Ticket, TicketState

WARN_AT: Final = 0.8
"""Share of the resolution time after which the assignee is warned."""
CLOSES_ITSELF: Final = timedelta(hours=72)
"""A resolved ticket without a reporter closes itself after this time."""


class Due(enum.Enum):
    """What a clock asks for."""

    REMIND_RESPOND = "remind_respond"
    LATE_RESPOND = "late_respond"
    WARN_RESOLVE = "warn_resolve"
    LATE_RESOLVE = "late_resolve"
    CLOSE = "close"


def deadlines(terms: Terms, opened_at: datetime) -> tuple[datetime, datetime, datetime]:
    """Return (remind_at, respond_by, resolve_by) of a ticket opened at that instant."""
    return opened_at + terms.remind, opened_at + terms.respond, opened_at + terms.resolve


def due(ticket: Ticket, now: datetime) -> Iterator[Due]:
    """Yield what became due and has not been said yet."""
    if ticket.state is TicketState.RESOLVED:
        if ticket.resolved_at is not None and now - ticket.resolved_at >= CLOSES_ITSELF:
            yield Due.CLOSE
        return
    if not ticket.state.active:
        return
    if ticket.responded_at is None:
        if now >= ticket.respond_by:
            if "respond" not in ticket.breached:
                yield Due.LATE_RESPOND
        elif now >= ticket.remind_at and ticket.reminded_at is None:
            yield Due.REMIND_RESPOND
    if now >= ticket.resolve_by:
        if "resolve" not in ticket.breached:
            yield Due.LATE_RESOLVE
    elif now >= warning_at(ticket) and ticket.warned_at is None:
        yield Due.WARN_RESOLVE


def warning_at(ticket: Ticket) -> datetime:
    """Return when 80 % of the resolution time is used up."""
    return ticket.opened_at + (ticket.resolve_by - ticket.opened_at) * WARN_AT


_ORDER: Final = (TicketClass.COMPLEX, TicketClass.GENERAL, TicketClass.URGENT)


def tighter(one: TicketClass, other: TicketClass) -> TicketClass:
    """Return the class with the shorter clocks: a ticket never loosens by itself."""
    return max(one, other, key=_ORDER.index)
