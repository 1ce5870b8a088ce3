"""The reference model's tickets: opened with an incident, driven by people, and what their clocks ask for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerting.inputs import OpenTicket, TicketAction, WorkTicket
from alerting.severity import Severity
from alerting.tickets.terms import TicketClass
from lab import model_mail
from lab.model_duty import leads, on_duty
from lab.model_records import Book, No, Outage, Work

CLASS: Final = {Severity.CRITICAL: "urgent", Severity.WARNING: "general"}
TIGHTER: Final = ("complex", "general", "urgent")
CLOSES: Final = timedelta(hours=72)
FROM: Final = {
    **dict.fromkeys(("accept", "start", "assign", "classify", "resolve"), ("new", "accepted", "in_progress")),
    "confirm": ("resolved",),
    "reopen": ("resolved", "confirmed"),
    "close": ("resolved", "confirmed"),
}


def open_for(book: Book, outage: Outage) -> None:
    """Open the ticket of an incident."""
    cls = CLASS.get(outage.severity)
    if cls is not None and outage.ticket is None:
        assignee = next(iter(on_duty(book.plan, outage.owner, book.now)), None)
        outage.ticket = _new(book, cls, incident=outage.id, service=None, assignee=assignee).id


def _new(book: Book, cls: str, *, incident: str | None, service: str | None, assignee: str | None) -> Work:
    terms = book.plan.terms[TicketClass(cls)]
    ticket = Work(
        id=book.number("T"),
        cls=cls,
        incident=incident,
        service=service,
        assignee=assignee,
        opened=book.now,
        remind_at=book.now + terms.remind,
        respond_by=book.now + terms.respond,
        resolve_by=book.now + terms.resolve,
    )
    book.tickets[ticket.id] = ticket
    book.touch(ticket)
    return ticket


def tell_assignee(book: Book, outage: Outage) -> None:
    """Tell whose ticket it is, without hurry."""
    ticket = book.tickets.get(outage.ticket or "")
    if ticket is not None and ticket.assignee is not None:
        model_mail.remind(book, "ticket", outage, ticket.assignee, f"{ticket.id}.new")


def take_up(book: Book, outage: Outage) -> None:
    """It is worse, or back: the ticket is to be worked on, and its class is not too mild."""
    cls = CLASS.get(outage.severity)
    if cls is None:
        return
    ticket = book.tickets.get(outage.ticket or "")
    if ticket is None:
        outage.ticket = None
        open_for(book, outage)
        return
    if not ticket.active:
        ticket.state, ticket.resolved = ("accepted" if ticket.responded else "new"), None
    if TIGHTER.index(cls) > TIGHTER.index(ticket.cls):
        _tighten(book, ticket, cls)
    book.touch(ticket)


def _classify(book: Book, ticket: Work, cls: str) -> None:
    terms = book.plan.terms[TicketClass(cls)]
    ticket.cls, ticket.warned, ticket.reminded = cls, False, False
    ticket.remind_at = book.now + terms.remind
    ticket.respond_by = book.now + terms.respond
    ticket.resolve_by = book.now + terms.resolve


def _tighten(book: Book, ticket: Work, cls: str) -> None:
    """Tighter clocks count from now; what was due sooner stays due."""
    sooner = (ticket.remind_at, ticket.respond_by, ticket.resolve_by)
    reminded = ticket.reminded
    _classify(book, ticket, cls)
    ticket.reminded = reminded
    ticket.remind_at = min(ticket.remind_at, sooner[0])
    ticket.respond_by = min(ticket.respond_by, sooner[1])
    ticket.resolve_by = min(ticket.resolve_by, sooner[2])


def accept(book: Book, ticket: Work, by: str | None) -> None:
    """Somebody answers: the first response, and by a person the assignment."""
    ticket.state = "accepted" if ticket.state == "new" else ticket.state
    ticket.assignee = by or ticket.assignee
    ticket.responded = ticket.responded or book.now
    book.touch(ticket)


def resolve_for(book: Book, outage: Outage) -> None:
    """The outage is over: so is its ticket, unless somebody works on it."""
    ticket = book.tickets.get(outage.ticket or "")
    if ticket is not None and ticket.state in ("new", "accepted"):
        ticket.state, ticket.resolved = "resolved", book.now
        book.touch(ticket)


def merged(book: Book, outage: Outage) -> None:
    """The outage is part of another: so is its ticket, unless somebody works on it."""
    ticket = book.tickets.get(outage.ticket or "")
    if ticket is not None and ticket.state != "in_progress":
        _close(book, ticket)
        book.touch(ticket)


def opened(book: Book, given: OpenTicket) -> None:
    """A person opens a ticket."""
    if given.service is not None and given.service not in book.plan.services:
        raise No("no such service")
    people = on_duty_for(book, given.service) if given.service or given.by is None else ()
    assignee = next(iter(people), given.by)
    ticket = _new(book, given.ticket_class.value, incident=None, service=given.service, assignee=assignee)
    if assignee is not None and assignee != given.by:
        model_mail.remind(book, "ticket", ticket, assignee, f"{ticket.id}.new")


def on_duty_for(book: Book, service: str | None) -> tuple[str, ...]:
    """Return who answers for a service."""
    known = book.plan.services.get(service or "")
    return on_duty(book.plan, known.owner if known else None, book.now)


def worked(book: Book, given: WorkTicket) -> Work:
    """A person does something with a ticket; refused where its state does not allow it."""
    ticket, action = book.tickets.get(given.ticket), given.action
    if ticket is None or ticket.state not in FROM[action.value]:
        raise No("not in this state")
    before = ticket.assignee
    match action:
        case TicketAction.ASSIGN:
            if given.assignee not in book.plan.people:
                raise No("no such person")
            ticket.assignee = given.assignee
        case TicketAction.CLASSIFY:
            _reclassify(book, ticket, given)
        case TicketAction.ACCEPT | TicketAction.START | TicketAction.RESOLVE:
            accept(book, ticket, given.by)
            if action is TicketAction.START:
                ticket.state = "in_progress"
            elif action is TicketAction.RESOLVE:
                ticket.state, ticket.resolved = "resolved", book.now
        case TicketAction.CONFIRM:
            ticket.state = "confirmed"
        case TicketAction.REOPEN:
            ticket.state, ticket.resolved = ("accepted" if ticket.responded else "new"), None
        case TicketAction.CLOSE:
            _close(book, ticket)
    book.touch(ticket)
    if ticket.assignee is not None and ticket.assignee not in (before, given.by):
        outage = book.outages.get(ticket.incident or "")
        model_mail.remind(book, "ticket", outage or ticket, ticket.assignee, f"{ticket.id}.new")
    return ticket


def _reclassify(book: Book, ticket: Work, given: WorkTicket) -> None:
    assert given.ticket_class is not None
    cls = given.ticket_class.value
    if TIGHTER.index(cls) < TIGHTER.index(ticket.cls):
        if not given.note:
            raise No("a reason is due")
        _classify(book, ticket, cls)
    else:
        _tighten(book, ticket, cls)


def _close(book: Book, ticket: Work) -> None:
    ticket.state = "closed"
    book.tickets.pop(ticket.id, None)


def strike(book: Book) -> None:
    """Do what the clocks ask for: half-way to the first response, at its lapse, at 80 % and the end of the work."""
    for ticket in list(book.tickets.values()):
        if ticket.state == "resolved":
            if ticket.resolved is not None and book.now - ticket.resolved >= CLOSES:
                _close(book, ticket)
                book.touch(ticket)
        elif ticket.active:
            for what in _due(book, ticket):
                _struck(book, ticket, what)


def _due(book: Book, ticket: Work) -> list[str]:
    due = []
    if ticket.responded is None and book.now >= ticket.respond_by:
        due += [] if "respond" in ticket.breached else ["late_respond"]
    elif ticket.responded is None and book.now >= ticket.remind_at and not ticket.reminded:
        due.append("remind_respond")
    if book.now >= ticket.resolve_by:
        due += [] if "resolve" in ticket.breached else ["late_resolve"]
    elif book.now >= warning_at(ticket) and not ticket.warned:
        due.append("warn_resolve")
    return due


def warning_at(ticket: Work) -> datetime:
    """Return when four fifths of the time are gone."""
    return ticket.opened + (ticket.resolve_by - ticket.opened) * 0.8


def _struck(book: Book, ticket: Work, what: str) -> None:
    book.touch(ticket)
    outage = book.outages.get(ticket.incident or "")
    if outage is None or not outage.quiet:
        _say(book, ticket, outage, what)
    match what:
        case "remind_respond":
            ticket.reminded = True
        case "warn_resolve":
            ticket.warned = True
        case _:
            ticket.breached = (*ticket.breached, what.removeprefix("late_"))


def _say(book: Book, ticket: Work, outage: Outage | None, what: str) -> None:
    """Whose it is hears it, else who is on duty; of a lapse the leads too."""
    if ticket.assignee in book.plan.people:
        people: tuple[str, ...] = (ticket.assignee or "",)
    elif outage is not None:
        people = on_duty(book.plan, outage.owner, book.now)
    else:
        people = on_duty_for(book, ticket.service)
    if what.startswith("late"):
        people += leads(book, outage)
    kind = "reminder" if ticket.cls == "urgent" else "ticket"
    for person in dict.fromkeys(people):
        model_mail.remind(book, kind, outage or ticket, person, f"{ticket.id}.{what}")
