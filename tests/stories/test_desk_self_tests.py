"""The monitor looks after itself: it gives signs of life, and proves by a message that each channel still delivers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.inputs import Beat, SelfTest, TicketAction, WorkTicket
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.plan import Audience
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from lab.desk_channels import Manner
from lab.desk_plans import channel, check, person, plan
from lab.desk_world import START, World

BEAT = channel("heartbeat", needs_address=False)
CHANNELS = (
    channel("sms"),
    channel("mail"),
    channel("desk", needs_address=False),
    channel("customers", audience=Audience.EVERYONE),
    channel("colleagues", audience=Audience.INTERNAL),
)


def world_of(**fields) -> World:
    """Return a quiet world; li is on shift, reached by sms and mail."""
    return World(plan(check("web"), **{"channels": CHANNELS, **fields}))


def probed(world: World, name: str) -> str:
    """Let it be time to test a channel."""
    number = world.submit(SelfTest(channel=name))
    world.deliver()
    return number


def test_a_beat_is_one_row_that_lives_until_the_next():
    world = world_of(channels=(BEAT,), heartbeat=timedelta(minutes=1))
    number = world.submit(Beat())
    row = world.find(Notification, number)
    assert number == f"H-{int(START.timestamp())}"
    assert (row.kind, row.channel, row.to) == (Kind.HEARTBEAT, "heartbeat", None)
    assert row.not_after - row.created_at == timedelta(minutes=1)
    world.deliver()
    world.expects(Kind.HEARTBEAT, by="heartbeat")
    assert world.all(Notification) == []


def test_a_beat_that_has_not_left_gives_way_to_the_next():
    world = world_of(channels=(BEAT,), heartbeat=timedelta(minutes=1))
    world.channels["heartbeat"] = Manner.FULL
    first = world.submit(Beat())
    world.pass_(seconds=60)
    second = world.submit(Beat())
    assert world.rows[first].reason is Reason.REPLACED
    assert [row.id for row in world.all(Notification)] == [second]


def test_two_beats_in_one_second_are_one():
    world = world_of(channels=(BEAT,), heartbeat=timedelta(minutes=1))
    world.submit(Beat())
    world.now += timedelta(milliseconds=300)
    world.submit(Beat())
    assert len(world.rows) == 1


def test_without_a_heartbeat_configured_there_is_no_beat():
    world = world_of()
    assert world.submit(Beat()) == ""
    assert world.rows == {}


def test_a_self_test_goes_to_who_is_on_duty_and_says_that_nothing_is_wrong():
    world = world_of()
    probed(world, "sms")
    letter = world.expects(Kind.REMINDER, "li", by="sms", says="Self-test of sms: nothing is wrong")
    assert letter.row.step == "self-test"
    world.nobody_hears_for(minutes=20)
    assert world.all(Ticket) == []


def test_a_self_test_speaks_its_readers_language():
    world = world_of(people=(person("li", "sms", language="zh-CN"),))
    probed(world, "sms")
    world.expects(Kind.REMINDER, "li", says="通道自检")


def test_a_self_test_goes_to_somebody_else_where_nobody_on_duty_has_an_address():
    world = world_of(people=(person("li", "sms"), person("han", "mail"), person("wu", "mail")))
    probed(world, "mail")
    world.expects(Kind.REMINDER, "han", by="mail")


def test_a_channel_that_needs_no_address_is_tested_itself():
    world = world_of()
    probed(world, "desk")
    world.expects(Kind.REMINDER, None, by="desk")


@pytest.mark.parametrize("name", ["customers", "colleagues", "gone"])
def test_customers_and_colleagues_never_read_a_self_test(name):
    world = world_of()
    assert probed(world, name) == ""
    assert world.rows == {}


def test_a_channel_on_which_nobody_has_an_address_is_not_tested():
    world = world_of(people=(person("li", "sms"),))
    assert probed(world, "mail") == ""


@pytest.mark.parametrize("manner", [Manner.REFUSE, Manner.LATER, Manner.LOST, Manner.FULL])
def test_a_test_that_fails_opens_one_ticket_and_tells_who_is_on_duty_by_other_ways(manner):
    world = world_of()
    world.channels["sms"] = manner
    probed(world, "sms")
    world.pass_(minutes=12)
    assert world.ticket.ticket_class is TicketClass.GENERAL
    assert world.ticket.title.startswith("channel sms failed its self-test: ")
    assert world.ticket.assignee == "li"
    world.expects(Kind.TICKET, "li", by="mail", says="channel sms failed its self-test")
    world.nobody_hears_for(minutes=20)
    assert not world.all(Notification)


def test_a_channel_that_fails_every_day_has_one_ticket_until_somebody_has_done_it():
    world = world_of()
    world.channels["sms"] = Manner.REFUSE
    probed(world, "sms")
    probed(world, "sms")
    assert len(world.all(Ticket)) == 1
    world.submit(WorkTicket(ticket="T-1", action=TicketAction.RESOLVE, by="li"))
    probed(world, "sms")
    assert [ticket.id for ticket in world.all(Ticket)] == ["T-1", "T-2"]


def test_a_test_that_is_under_way_is_not_begun_again():
    world = world_of()
    world.channels["sms"] = Manner.LATER
    assert probed(world, "sms") == probed(world, "sms")
    assert len(world.rows) == 1


def test_a_test_is_not_tried_for_ever():
    world = world_of()
    world.channels["sms"] = Manner.LATER
    number = probed(world, "sms")
    world.pass_(minutes=11)
    assert world.rows[number].state is NotificationState.EXPIRED


def test_a_test_delivered_at_the_second_try_is_passed():
    world = world_of()
    world.channels["sms"] = Manner.LATER
    probed(world, "sms")
    world.channels.clear()
    world.pass_(minutes=1)
    world.expects(Kind.REMINDER, "li", by="sms")
    assert world.all(Ticket) == []


def test_a_self_test_makes_no_reminder_wait():
    world = world_of(bundle=timedelta(minutes=1))
    world.fails("web")
    world.pass_(minutes=29, seconds=45)
    world.ignore_messages()
    probed(world, "sms")
    world.pass_(seconds=15)
    reminders = [letter for letter in world.inbox if letter.row.step != "self-test"]
    assert reminders
    assert not reminders[0].row.bundle
