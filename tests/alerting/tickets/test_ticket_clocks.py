"""A ticket's clocks are a pure function of its recorded times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.tickets.clocks import Due, deadlines, due, tighter, warning_at
from alerting.tickets.terms import DEFAULT_TERMS, TicketClass
from alerting.tickets.ticket import Ticket, TicketState

OPENED = datetime(2027, 1, 4, tzinfo=UTC)
URGENT, GENERAL, COMPLEX = TicketClass.URGENT, TicketClass.GENERAL, TicketClass.COMPLEX


def ticket(ticket_class: TicketClass = URGENT, **fields) -> Ticket:
    """Return a ticket of that class, opened at `OPENED`."""
    remind_at, respond_by, resolve_by = deadlines(DEFAULT_TERMS[ticket_class], OPENED)
    usual = {
        "id": "T-1",
        "title": "x",
        "ticket_class": ticket_class,
        "state": TicketState.NEW,
        "opened_at": OPENED,
        "changed_at": OPENED,
        "remind_at": remind_at,
        "respond_by": respond_by,
        "resolve_by": resolve_by,
    }
    return Ticket(**{**usual, **fields})


def hours(number: float) -> datetime:
    """Return the instant so many hours after the opening."""
    return OPENED + timedelta(hours=number)


@pytest.mark.parametrize(
    ("ticket_class", "remind", "respond", "resolve"),
    [
        pytest.param(URGENT, 0.5, 1, 4, id="urgent"),
        pytest.param(GENERAL, 3, 6, 24, id="general"),
        pytest.param(COMPLEX, 12, 24, 72, id="complex"),
    ],
)
def test_the_clocks_of_each_class(ticket_class, remind, respond, resolve):
    one = ticket(ticket_class)
    assert (one.remind_at, one.respond_by, one.resolve_by) == (hours(remind), hours(respond), hours(resolve))


NEW = ticket()
ANSWERED = ticket(state=TicketState.ACCEPTED, responded_at=hours(0.1))
DONE = ticket(state=TicketState.RESOLVED, resolved_at=hours(2))


@pytest.mark.parametrize(
    ("one", "at", "what"),
    [
        pytest.param(NEW, 0.49, [], id="early"),
        pytest.param(NEW, 0.5, [Due.REMIND_RESPOND], id="reminder"),
        pytest.param(ticket(reminded_at=hours(0.5)), 0.6, [], id="reminded once"),
        pytest.param(NEW, 1, [Due.LATE_RESPOND], id="late: the reminder is no longer of use"),
        pytest.param(ticket(breached=("respond",)), 2, [], id="said once"),
        pytest.param(ANSWERED, 2, [], id="answered"),
        pytest.param(ANSWERED, 3.2, [Due.WARN_RESOLVE], id="80 %"),
        pytest.param(
            ticket(state=TicketState.IN_PROGRESS, responded_at=OPENED), 3.2, [Due.WARN_RESOLVE], id="work"
        ),
        pytest.param(ticket(responded_at=OPENED, warned_at=hours(3.2)), 3.9, [], id="warned once"),
        pytest.param(ANSWERED, 4, [Due.LATE_RESOLVE], id="lapsed"),
        pytest.param(NEW, 4, [Due.LATE_RESPOND, Due.LATE_RESOLVE], id="both at once"),
        pytest.param(ticket(breached=("respond", "resolve")), 99, [], id="nothing left to say"),
        pytest.param(DONE, 73.9, [], id="resolved"),
        pytest.param(DONE, 74, [Due.CLOSE], id="closes itself after 72 h"),
        pytest.param(ticket(state=TicketState.CONFIRMED), 99, [], id="confirmed"),
        pytest.param(ticket(state=TicketState.CLOSED), 99, [], id="closed"),
    ],
)
def test_what_is_due(one, at, what):
    assert list(due(one, hours(at))) == what


def test_80_percent_of_4_hours():
    assert warning_at(NEW) == hours(3.2)


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        (URGENT, GENERAL, URGENT),
        (GENERAL, URGENT, URGENT),
        (COMPLEX, GENERAL, GENERAL),
        (COMPLEX, COMPLEX, COMPLEX),
    ],
)
def test_the_tighter_class_wins(one, other, result):
    assert tighter(one, other) is result
