"""Tickets: opened with their incident, assigned, reminded of, and never left to rot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.incidents.incident import IncidentState
from alerting.inputs import OpenTicket, Refusal, Refused, Resolve, TicketAction, WorkTicket
from alerting.notification import Kind
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket, TicketState
from lab.desk_plans import above, check, level, plan, service, step
from lab.desk_world import START, World

DISK = level("used", warning=above(0.8), critical=above(0.9))


def calm(*checks, **fields) -> World:
    """Return a world whose pages are not what the story is about: the policy pages nobody again for a week."""
    usual = {"steps": (step("han"), step("boss", minutes=60 * 24 * 6)), "repeat": 60 * 24 * 7}
    return World(plan(*(checks or (check("web"),)), **{**usual, **fields}))


def act(world: World, action: TicketAction, *, by: str | None = "li", ticket: str = "T-1", **fields) -> None:
    world.submit(WorkTicket(ticket=ticket, action=action, by=by, **fields))
    world.deliver()


def test_an_urgent_ticket_reminds_after_30_minutes_lapses_after_1_hour_and_warns_at_80_percent_of_4():
    world = calm()
    world.fails("web")
    world.expects_page("han")
    assert world.ticket.assignee == "li"
    assert world.ticket.ticket_class is TicketClass.URGENT
    world.nobody_hears_for(minutes=29, seconds=59)
    world.pass_(seconds=1)
    world.expects(Kind.REMINDER, "li", says="still waits for a first response")
    world.nobody_hears_for(minutes=29, seconds=59)
    world.pass_(seconds=1)
    world.expects(Kind.REMINDER, "li", says="had no response by")
    world.expects(Kind.REMINDER, "boss", says="had no response by")
    world.nobody_hears_for(minutes=131)
    world.pass_(minutes=1)
    world.expects(Kind.REMINDER, "li", says="80 %")
    world.nobody_hears_for(minutes=47)
    world.pass_(minutes=1)
    world.expects(Kind.REMINDER, "li", says="was not resolved by")
    world.expects(Kind.REMINDER, "boss", says="was not resolved by")
    world.nobody_hears_for(minutes=60)
    assert world.ticket.breached == ("respond", "resolve")


def test_a_general_ticket_reminds_by_the_quietest_channel_only():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    world.deliver()
    world.expects(Kind.TICKET, "li", by="mail", says="T-1 general")
    world.nobody_hears_for(minutes=179, step=5)
    world.pass_(minutes=2)
    world.expects(Kind.TICKET, "li", by="mail", says="still waits")
    world.pass_(hours=3)
    world.expects(Kind.TICKET, "li", by="mail", says="had no response")
    world.expects(Kind.TICKET, "boss", by="mail", says="had no response")
    world.nothing_more()


def test_an_answered_ticket_is_not_reminded_of_a_first_response():
    world = calm()
    world.fails("web")
    world.ignore_messages()
    world.acknowledge("han", minutes=60 * 24)
    world.nobody_hears_for(hours=3, step=5)
    assert world.ticket.responded_at == START + timedelta(seconds=10)


def test_the_class_rises_with_the_severity_and_never_loosens_by_itself():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    assert world.ticket.ticket_class is TicketClass.GENERAL
    world.sample("disk", used=0.95)
    assert world.ticket.ticket_class is TicketClass.URGENT
    world.sample("disk", used=0.85)
    assert world.ticket.ticket_class is TicketClass.URGENT


def test_tighter_clocks_count_from_the_rise_but_put_nothing_off():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    world.pass_(hours=5, minutes=30, step=10)
    assert world.ticket.respond_by == START + timedelta(hours=6)
    world.sample("disk", used=0.95)
    assert world.ticket.respond_by == START + timedelta(hours=6)
    assert world.ticket.resolve_by == START + timedelta(hours=9, minutes=30)


def test_a_ticket_people_resolved_is_taken_up_again_when_it_gets_worse():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    act(world, TicketAction.RESOLVE)
    world.sample("disk", used=0.95)
    assert world.ticket.state is TicketState.ACCEPTED
    assert world.ticket.ticket_class is TicketClass.URGENT


def test_an_incident_whose_ticket_was_closed_gets_a_new_one_when_it_gets_worse():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    act(world, TicketAction.RESOLVE)
    act(world, TicketAction.CLOSE)
    world.sample("disk", used=0.95)
    assert world.incident.ticket == "T-2"
    assert world.find(Ticket, "T-2").ticket_class is TicketClass.URGENT


def test_recovery_resolves_the_ticket_unless_somebody_works_on_it():
    world = calm()
    world.fails("web")
    act(world, TicketAction.START)
    world.works("web")
    assert world.ticket.state is TicketState.IN_PROGRESS


def test_a_ticket_still_worked_on_after_the_incident_has_closed_is_reminded_of_all_the_same():
    world = calm()
    world.fails("web")
    act(world, TicketAction.START)
    world.works("web")
    world.pass_(minutes=20)
    assert world.incident.state is IncidentState.CLOSED
    world.ignore_messages()
    world.pass_(hours=3, step=5)
    world.expects(Kind.REMINDER, "li", says="80 %")
    world.pass_(hours=1, step=5)
    world.expects(Kind.REMINDER, "li", says="was not resolved by")
    world.expects(Kind.REMINDER, "boss", says="was not resolved by")


def test_a_resolved_ticket_closes_itself_after_72_hours():
    world = calm()
    world.fails("web")
    world.works("web")
    world.pass_(hours=71, minutes=59, step=60)
    assert world.ticket.state is TicketState.RESOLVED
    world.pass_(minutes=2)
    assert world.ticket.state is TicketState.CLOSED
    assert world.all(Ticket) == []


def test_a_relapse_reopens_the_ticket_with_the_deadlines_it_had():
    world = calm()
    world.fails("web")
    before = world.ticket
    world.works("web")
    world.pass_(minutes=5)
    world.fails("web")
    assert world.ticket.state is TicketState.NEW
    assert (world.ticket.respond_by, world.ticket.resolve_by) == (before.respond_by, before.resolve_by)


def test_a_ticket_with_nobody_to_own_it_is_reminded_to_who_is_on_duty():
    world = calm(rotas={}, fallback=("boss",))
    world.fails("web")
    assert world.ticket.assignee == "boss"
    world.ignore_messages()
    world.reload(plan(check("web"), people=[one for one in world.plan.people.values() if one.id != "boss"]))
    world.ignore_messages()
    world.pass_(minutes=30)
    assert [letter.row.to for letter in world.inbox if letter.row.kind is Kind.REMINDER] == ["li"]


def test_a_ticket_opened_by_hand_for_a_service_goes_to_who_is_on_shift_who_hears_of_it():
    world = calm(services=[service("shop", "web")])
    number = world.submit(
        OpenTicket(title="slow", ticket_class=TicketClass.URGENT, by="boss", service="shop")
    )
    world.deliver()
    assert number == "T-1"
    assert world.ticket.assignee == "li"
    world.expects(Kind.TICKET, "li", by="mail", says="T-1 urgent: slow")
    world.nothing_more()


def test_a_ticket_opened_by_hand_for_nothing_in_particular_is_the_openers_own():
    world = calm()
    world.submit(OpenTicket(title="order disks", ticket_class=TicketClass.GENERAL, by="wu"))
    world.deliver()
    assert world.ticket.assignee == "wu"
    world.nothing_more()


def test_a_ticket_opened_by_hand_has_clocks_that_are_heard():
    world = calm()
    world.submit(OpenTicket(title="order disks", ticket_class=TicketClass.URGENT, by="wu"))
    world.nobody_hears_for(minutes=29)
    world.pass_(minutes=1)
    reminder = world.expects(Kind.REMINDER, "wu", says="order disks")
    assert (reminder.row.incident, reminder.row.ticket) == (None, "T-1")
    world.pass_(minutes=30)
    world.expects(Kind.REMINDER, "wu", says="had no response")
    world.expects(Kind.REMINDER, "boss", says="had no response")


def test_a_ticket_titled_like_one_of_our_words_keeps_its_title():
    world = calm()
    world.submit(OpenTicket(title="page", ticket_class=TicketClass.URGENT, by="wu"))
    world.pass_(minutes=30)
    letter = world.expects(Kind.REMINDER, "wu")
    assert letter.row.text.endswith(": page")


def test_whoever_is_assigned_by_somebody_else_hears_of_it():
    world = calm()
    world.fails("web")
    world.ignore_messages()
    act(world, TicketAction.ASSIGN, assignee="wu")
    world.expects(Kind.TICKET, "wu", says="T-1 urgent")
    act(world, TicketAction.ASSIGN, by="li", assignee="li")
    world.nothing_more()


def test_a_person_loosens_a_class_only_with_a_reason():
    world = calm()
    world.fails("web")
    with pytest.raises(Refused, match="give the reason as a note"):
        act(world, TicketAction.CLASSIFY, ticket_class=TicketClass.COMPLEX)
    act(world, TicketAction.CLASSIFY, ticket_class=TicketClass.COMPLEX, note="needs new hardware")
    assert world.ticket.ticket_class is TicketClass.COMPLEX
    assert world.ticket.resolve_by == world.now + timedelta(hours=72)


def test_a_person_who_tightens_a_class_puts_nothing_off():
    world = calm(check("disk", DISK))
    world.sample("disk", used=0.85)
    world.pass_(hours=5, minutes=30, step=10)
    act(world, TicketAction.CLASSIFY, ticket_class=TicketClass.URGENT)
    assert world.ticket.respond_by == START + timedelta(hours=6)


@pytest.mark.parametrize(
    ("action", "after", "fields"),
    [
        pytest.param(TicketAction.ACCEPT, TicketState.ACCEPTED, {}, id="accept"),
        pytest.param(TicketAction.START, TicketState.IN_PROGRESS, {}, id="start"),
        pytest.param(TicketAction.ASSIGN, TicketState.NEW, {"assignee": "wu"}, id="assign"),
        pytest.param(TicketAction.RESOLVE, TicketState.RESOLVED, {}, id="resolve"),
    ],
)
def test_what_people_do_with_a_new_ticket(action, after, fields):
    world = calm()
    world.fails("web")
    act(world, action, **fields)
    assert world.ticket.state is after


@pytest.mark.parametrize("action", [TicketAction.CONFIRM, TicketAction.REOPEN, TicketAction.CLOSE])
def test_a_new_ticket_can_be_neither_confirmed_nor_reopened_nor_closed(action):
    world = calm()
    world.fails("web")
    with pytest.raises(Refused) as no:
        act(world, action)
    assert no.value.refusal is Refusal.CONFLICT


def test_a_ticket_is_confirmed_reopened_and_closed_after_its_resolution():
    world = calm()
    world.fails("web")
    world.works("web")
    act(world, TicketAction.REOPEN)
    assert world.ticket.state is TicketState.NEW
    act(world, TicketAction.RESOLVE)
    act(world, TicketAction.CONFIRM)
    assert world.ticket.state is TicketState.CONFIRMED
    act(world, TicketAction.CLOSE)
    assert world.ticket.state is TicketState.CLOSED


def test_working_on_the_ticket_renews_the_acknowledgement():
    world = calm()
    world.fails("web")
    world.ignore_messages()
    world.acknowledge("li")
    world.pass_(minutes=20)
    act(world, TicketAction.START)
    world.nobody_hears_for(minutes=29)
    assert world.incident.acknowledgement.until == world.now + timedelta(minutes=1)


def test_acting_by_a_token_keeps_the_assignee():
    world = calm()
    world.fails("web")
    world.acknowledge(None)
    assert world.ticket.assignee == "li"
    assert world.ticket.state is TicketState.ACCEPTED
    act(world, TicketAction.START, by=None)
    assert world.ticket.assignee == "li"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(OpenTicket(title=" ", ticket_class=TicketClass.GENERAL, by="li"), id="no title"),
        pytest.param(
            OpenTicket(title="x", ticket_class=TicketClass.GENERAL, by="li", service="gone"),
            id="no such service",
        ),
        pytest.param(WorkTicket(ticket="T-9", action=TicketAction.START, by="li"), id="no such ticket"),
        pytest.param(
            WorkTicket(ticket="T-1", action=TicketAction.ASSIGN, by="li", assignee="x"), id="nobody"
        ),
        pytest.param(WorkTicket(ticket="T-1", action=TicketAction.CLASSIFY, by="li"), id="no class"),
        pytest.param(Resolve(incident="INC-9", by="li"), id="no such incident"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(given):
    world = calm()
    world.fails("web")
    before = len(world.log)
    with pytest.raises(Refused):
        world.submit(given)
    assert len(world.log) == before
