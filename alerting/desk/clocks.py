"""The clocks of tickets, as they strike: who is reminded, who is told of a lapse, what closes itself."""

from __future__ import annotations

from dataclasses import replace

from alerting.desk import duty, messages
from alerting.desk.facts import language_of
from alerting.desk.work import on_duty_for
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.notification import Kind
from alerting.tickets.clocks import Due, due
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket, TicketState
from alerting.wording.staff import reminder
from alerting.wording.times import clock_time


def strike(draft: Draft) -> None:
    """Do what the tickets' clocks ask for now."""
    for ticket in list(draft.all(Ticket)):
        for what in list(due(ticket, draft.now)):
            ticket = _strike(draft, ticket, what)  # noqa: PLW2901 - each stroke changes the same ticket


def _strike(draft: Draft, ticket: Ticket, what: Due) -> Ticket:
    if what is Due.CLOSE:
        return draft.put(replace(ticket, state=TicketState.CLOSED, closed_at=draft.now, changed_at=draft.now))
    incident = draft.get(Incident, ticket.incident)
    if incident is None or not incident.quiet:
        _say(draft, ticket, incident, what)
    draft.note(ticket.incident, what.value, f"{ticket.id}: {what.value.replace('_', ' ')}")
    match what:
        case Due.REMIND_RESPOND:
            return draft.put(replace(ticket, reminded_at=draft.now))
        case Due.WARN_RESOLVE:
            return draft.put(replace(ticket, warned_at=draft.now))
        case _:
            clock = "respond" if what is Due.LATE_RESPOND else "resolve"
            return draft.put(replace(ticket, breached=(*ticket.breached, clock)))


def _say(draft: Draft, ticket: Ticket, incident: Incident | None, what: Due) -> None:
    """Urgent: the assignee by the first channel, a lapse the leads too. Other classes: the quietest channel.

    What is nobody's goes to who is on duty.
    """
    urgent = ticket.ticket_class is TicketClass.URGENT
    lapsed = what in (Due.LATE_RESPOND, Due.LATE_RESOLVE)
    if ticket.assignee is not None and ticket.assignee in draft.plan.people:
        people: tuple[str, ...] = (ticket.assignee,)
    else:
        people = duty.on_duty(draft, incident.owner) if incident else on_duty_for(draft, ticket.service)
    for person in dict.fromkeys((*people, *(duty.leads(draft, incident) if lapsed else ()))):
        text = reminder(
            what.value,
            language_of(draft, person),
            ticket=ticket.id,
            title=ticket.title,
            respond=clock_time(ticket.respond_by, draft.plan.site.zone),
            resolve=clock_time(ticket.resolve_by, draft.plan.site.zone),
        )
        key = f"{ticket.id}.{what.value}.{draft.now.isoformat()}"
        kind = Kind.REMINDER if urgent else Kind.TICKET
        messages.remind(draft, incident or ticket, person, key, text, kind=kind)
