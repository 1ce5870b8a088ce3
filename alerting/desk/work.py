"""Tickets: opened with their incident, assigned to whoever is on shift, driven by people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from alerting.altered import altered
from alerting.desk import acknowledgement, duty, messages
from alerting.desk.facts import language_of, name_of
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.inputs import OpenTicket, Refusal, Refused, TicketAction, WorkTicket
from alerting.notification import Kind
from alerting.severity import Severity
from alerting.tickets.clocks import deadlines, tighter
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket, TicketState
from alerting.wording.staff import reminder

CLASS_OF: Final[Mapping[Severity, TicketClass]] = {
    Severity.CRITICAL: TicketClass.URGENT,
    Severity.WARNING: TicketClass.GENERAL,
}
TITLE: Final = 200
TEXT: Final = 10_000


def open_for(draft: Draft, incident: Incident) -> Incident:
    """Open the incident's ticket, once; an incident of severity info has none."""
    wanted = CLASS_OF.get(incident.severity)
    if wanted is None or incident.ticket is not None:
        return incident
    on_duty = duty.on_duty(draft, incident.owner)
    ticket = new(draft, incident.title, wanted, incident=incident.id, assignee=next(iter(on_duty), None))
    who = name_of(draft, ticket.assignee) or "nobody"
    draft.note(
        incident.id,
        "ticket",
        f"{ticket.id} opened, {wanted.value}, assigned to {who}",
        data={"ticket": ticket.id},
    )
    return draft.put(altered(incident, ticket=ticket.id))


def new(
    draft: Draft,
    title: str,
    ticket_class: TicketClass,
    *,
    incident: str | None = None,
    service: str | None = None,
    text: str = "",
    assignee: str | None = None,
) -> Ticket:
    """Open a ticket with the clocks of its class."""
    remind_at, respond_by, resolve_by = deadlines(draft.plan.terms[ticket_class], draft.now)
    return draft.put(
        Ticket(
            id=draft.number("T"),
            title=title[:TITLE],
            ticket_class=ticket_class,
            state=TicketState.NEW,
            opened_at=draft.now,
            changed_at=draft.now,
            remind_at=remind_at,
            respond_by=respond_by,
            resolve_by=resolve_by,
            incident=incident,
            service=service,
            text=text[:TEXT],
            assignee=assignee,
        )
    )


def tell_assignee(draft: Draft, incident: Incident) -> None:
    """Tell the assignee of a ticket that pages nobody, by the quietest of their channels."""
    ticket = draft.get(Ticket, incident.ticket)
    if ticket is None or ticket.assignee is None:
        return
    _tell_of(draft, ticket, ticket.assignee, incident)


def _tell_of(draft: Draft, ticket: Ticket, person: str, about: Incident | Ticket) -> None:
    """Tell a person of a ticket that is theirs now, without hurry."""
    text = reminder(
        "new_ticket",
        language_of(draft, person),
        ticket=ticket.id,
        cls=ticket.ticket_class.value,
        title=ticket.title,
    )
    messages.remind(draft, about, person, f"{ticket.id}.new.{draft.now.isoformat()}", text, kind=Kind.TICKET)


def take_up(draft: Draft, incident: Incident) -> Incident:
    """Have an incident that got worse, or came back, answered by a ticket people work on, of its class at least.

    Its deadlines stay as they were recorded, unless a tighter class brings sooner ones.
    """
    wanted = CLASS_OF.get(incident.severity)
    if wanted is None:
        return incident
    ticket = draft.get(Ticket, incident.ticket)
    if ticket is None or ticket.state is TicketState.CLOSED:
        return open_for(draft, replace(incident, ticket=None))
    if not ticket.state.active:
        state = TicketState.NEW if ticket.responded_at is None else TicketState.ACCEPTED
        ticket = draft.put(replace(ticket, state=state, resolved_at=None, changed_at=draft.now))
    if tighter(ticket.ticket_class, wanted) is not ticket.ticket_class:
        draft.put(_tighten(draft, ticket, wanted))
    return incident


def _tighten(draft: Draft, ticket: Ticket, ticket_class: TicketClass) -> Ticket:
    """Give a ticket tighter clocks, from now; what was due sooner stays due."""
    fresh = _classify(draft, ticket, ticket_class)
    return replace(
        fresh,
        remind_at=min(fresh.remind_at, ticket.remind_at),
        respond_by=min(fresh.respond_by, ticket.respond_by),
        resolve_by=min(fresh.resolve_by, ticket.resolve_by),
        reminded_at=ticket.reminded_at,
    )


def _classify(draft: Draft, ticket: Ticket, ticket_class: TicketClass) -> Ticket:
    remind_at, respond_by, resolve_by = deadlines(draft.plan.terms[ticket_class], draft.now)
    return replace(
        ticket,
        ticket_class=ticket_class,
        remind_at=remind_at,
        respond_by=respond_by,
        resolve_by=resolve_by,
        reminded_at=None,
        warned_at=None,
        changed_at=draft.now,
    )


def respond(draft: Draft, incident: Incident, by: str | None) -> None:
    """Count an acknowledgement as the ticket's first response and, by a person, as its acceptance."""
    ticket = draft.get(Ticket, incident.ticket)
    if ticket is not None and ticket.state.active:
        _accept(draft, ticket, by)


def _accept(draft: Draft, ticket: Ticket, by: str | None) -> Ticket:
    return draft.put(
        replace(
            ticket,
            state=TicketState.ACCEPTED if ticket.state is TicketState.NEW else ticket.state,
            assignee=by or ticket.assignee,
            responded_at=ticket.responded_at or draft.now,
            changed_at=draft.now,
        )
    )


def resolve_for(draft: Draft, incident: Incident) -> None:
    """Resolve the ticket of an incident that is over, unless somebody is working on it."""
    ticket = draft.get(Ticket, incident.ticket)
    if ticket is not None and ticket.state in (TicketState.NEW, TicketState.ACCEPTED):
        draft.put(replace(ticket, state=TicketState.RESOLVED, resolved_at=draft.now, changed_at=draft.now))


def merged(draft: Draft, incident: Incident) -> None:
    """Close the ticket of an incident that was merged into another, unless somebody is working on it."""
    ticket = draft.get(Ticket, incident.ticket)
    if ticket is None or ticket.state in (TicketState.CLOSED, TicketState.IN_PROGRESS):
        return
    draft.put(replace(ticket, state=TicketState.CLOSED, closed_at=draft.now, changed_at=draft.now))
    into = draft.get(Incident, incident.merged_into)
    instead = f"{into.ticket} goes on in its place" if into and into.ticket else "its incident was merged"
    draft.note(incident.id, "ticket_close", f"{ticket.id}: closed, {instead}", data={"ticket": ticket.id})


def open_by_hand(draft: Draft, given: OpenTicket) -> str:
    """A person opens a ticket without an incident: of a service it goes to who answers for it now, else to them."""
    if not given.title.strip():
        raise Refused(Refusal.INVALID, "cannot open a ticket: it needs a title")
    if given.service is not None and given.service not in draft.plan.services:
        raise Refused(Refusal.INVALID, f"cannot open a ticket: there is no service {given.service!r}")
    people = on_duty_for(draft, given.service) if given.service or given.by is None else ()
    assignee = next(iter(people), given.by)
    ticket = new(
        draft, given.title, given.ticket_class, service=given.service, text=given.text, assignee=assignee
    )
    if assignee is not None and assignee != given.by:
        _tell_of(draft, ticket, assignee, ticket)
    return ticket.id


def on_duty_for(draft: Draft, service: str | None) -> tuple[str, ...]:
    """Return who answers now for a service, or for what belongs to none."""
    known = draft.plan.services.get(service or "")
    return duty.on_duty(draft, known.owner if known else None)


_FROM: Final[Mapping[TicketAction, tuple[TicketState, ...]]] = {
    TicketAction.ACCEPT: (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS),
    TicketAction.START: (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS),
    TicketAction.ASSIGN: (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS),
    TicketAction.CLASSIFY: (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS),
    TicketAction.RESOLVE: (TicketState.NEW, TicketState.ACCEPTED, TicketState.IN_PROGRESS),
    TicketAction.CONFIRM: (TicketState.RESOLVED,),
    TicketAction.REOPEN: (TicketState.RESOLVED, TicketState.CONFIRMED),
    TicketAction.CLOSE: (TicketState.RESOLVED, TicketState.CONFIRMED),
}


def act(draft: Draft, given: WorkTicket) -> str:
    """Carry out one action of a person on a ticket."""
    ticket = draft.get(Ticket, given.ticket)
    verb = given.action.value
    if ticket is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {given.ticket}: there is no such open ticket")
    if ticket.state not in _FROM[given.action]:
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {ticket.id}: it is {ticket.state.value}")
    done = draft.put(replace(_ACTIONS[given.action](draft, ticket, given), changed_at=draft.now))
    draft.note(
        ticket.incident,
        f"ticket_{verb}",
        f"{ticket.id}: {verb}" + (f" ({given.note})" if given.note else ""),
        who=name_of(draft, given.by) or "api",
        data={"ticket": ticket.id, "state": done.state.value},
    )
    if done.assignee is not None and done.assignee not in (ticket.assignee, given.by):
        _tell_of(draft, done, done.assignee, draft.get(Incident, done.incident) or done)
    acknowledgement.renew(draft, ticket.incident)
    return ticket.id


def _assign(draft: Draft, ticket: Ticket, given: WorkTicket) -> Ticket:
    if given.assignee is None or given.assignee not in draft.plan.people:
        raise Refused(Refusal.INVALID, f"cannot assign {ticket.id}: there is no person {given.assignee!r}")
    return replace(ticket, assignee=given.assignee)


def _reclassify(draft: Draft, ticket: Ticket, given: WorkTicket) -> Ticket:
    if given.ticket_class is None:
        raise Refused(Refusal.INVALID, f"cannot classify {ticket.id}: name a class")
    loosened = tighter(ticket.ticket_class, given.ticket_class) is not given.ticket_class
    if loosened and not given.note.strip():
        raise Refused(Refusal.INVALID, f"cannot loosen {ticket.id}: give the reason as a note")
    change = _classify if loosened else _tighten
    return change(draft, ticket, given.ticket_class)


def _resolve(draft: Draft, ticket: Ticket, given: WorkTicket) -> Ticket:
    return replace(_accept(draft, ticket, given.by), state=TicketState.RESOLVED, resolved_at=draft.now)


_ACTIONS: Final[Mapping[TicketAction, Callable[[Draft, Ticket, WorkTicket], Ticket]]] = {
    TicketAction.ACCEPT: lambda draft, ticket, given: _accept(draft, ticket, given.by),
    TicketAction.START: lambda draft, ticket, given: replace(
        _accept(draft, ticket, given.by), state=TicketState.IN_PROGRESS
    ),
    TicketAction.ASSIGN: _assign,
    TicketAction.CLASSIFY: _reclassify,
    TicketAction.RESOLVE: _resolve,
    TicketAction.CONFIRM: lambda _draft, ticket, _given: replace(ticket, state=TicketState.CONFIRMED),
    TicketAction.REOPEN: lambda _draft, ticket, _given: replace(
        ticket,
        state=TicketState.NEW if ticket.responded_at is None else TicketState.ACCEPTED,
        resolved_at=None,
    ),
    TicketAction.CLOSE: lambda draft, ticket, _given: replace(
        ticket, state=TicketState.CLOSED, closed_at=draft.now
    ),
}
