"""The desk's first promise: an outage reaches people until somebody is on it, and then its end does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Acknowledge, Refusal, Refused, Resolve
from alerting.notification import Kind, Notification
from alerting.oncall.escalation import Escalation
from alerting.tickets.ticket import Ticket, TicketState
from lab.desk_channels import Manner
from lab.desk_plans import above, check, level, plan
from lab.desk_world import DOWN, START, UP, World


def internal_world(**fields) -> World:
    """Return a world without customers: one check that belongs to no service."""
    return World(plan(check("web"), **fields))


def test_two_failures_tell_nobody_and_the_third_pages_who_is_on_shift():
    world = internal_world()
    world.fails("web", 2)
    world.nothing_more()
    world.pass_(seconds=5)
    world.fails("web", 1)
    world.expects_page("li", "sms", says="web: connection refused (connect)")
    world.nothing_more()
    assert world.incident.since == START
    assert world.incident.opened_at == START + timedelta(seconds=10)


def test_a_success_between_failures_begins_the_count_again():
    world = internal_world()
    world.fails("web", 2)
    world.sample("web", UP)
    world.fails("web", 2)
    world.nothing_more()
    assert world.all(Incident) == []


@pytest.mark.parametrize(
    ("hour", "on_shift"),
    [
        pytest.param(10, "li", id="day"),
        pytest.param(17, "han", id="evening"),
        pytest.param(3, "wu", id="night"),
    ],
)
def test_the_page_goes_to_who_is_on_shift_by_the_wall_clock(hour, on_shift):
    world = World(plan(check("web")), at=datetime(2027, 1, 5, hour, tzinfo=UTC) - timedelta(hours=8))
    world.fails("web")
    world.expects_page(on_shift)
    world.nothing_more()


def test_without_an_answer_the_backup_is_paged_after_5_minutes_then_everybody_then_all_again():
    world = internal_world()
    world.fails("web")
    world.expects_page("li", says="web")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("han")
    world.nobody_hears_for(minutes=9, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("li")
    world.expects(Kind.REMINDER, "li", says="still waits for a first response")
    world.nothing_more()
    world.pass_(minutes=5)
    world.expects_page("han")
    world.nothing_more()


def test_an_acknowledgement_stops_paging_and_assigns_the_ticket():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("han")
    assert world.find(Escalation, "INC-1").due_at is None
    world.nobody_hears_for(minutes=29)
    assert world.ticket.state is TicketState.ACCEPTED
    assert world.ticket.assignee == "han"
    assert world.ticket.responded_at == START + timedelta(seconds=10)


def test_an_acknowledgement_that_runs_out_is_reminded_of_and_10_minutes_later_paging_goes_on_from_step_one():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("han")
    world.nobody_hears_for(minutes=29, seconds=59)
    world.pass_(seconds=1)
    world.expects(Kind.REMINDER, "han", says="escalation goes on in 10 min")
    world.nobody_hears_for(minutes=9, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("li")
    world.nothing_more()
    assert world.incident.acknowledgement is None
    world.pass_(minutes=5)
    world.expects_page("han")


def test_acknowledging_again_after_the_reminder_keeps_paging_stopped():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.pass_(minutes=31)
    world.expects(Kind.REMINDER, "li")
    world.acknowledge("li")
    world.nobody_hears_for(minutes=29)


def test_an_acknowledgement_lasts_as_long_as_was_said():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li", minutes=120)
    world.nobody_hears_for(minutes=119)
    world.pass_(minutes=1)
    world.expects(Kind.REMINDER, "li")


def test_a_link_followed_later_does_not_shorten_what_was_said():
    world = internal_world()
    world.fails("web")
    world.acknowledge("li", minutes=120)
    until = world.incident.acknowledgement.until
    world.pass_(minutes=1)
    world.acknowledge("li")
    assert world.incident.acknowledgement.until == until


def test_recovery_must_hold_and_is_told_to_exactly_those_who_were_paged():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.pass_(minutes=5)
    world.expects_page("han")
    world.sample("web", UP)
    assert world.incident.state is IncidentState.RECOVERING
    world.nobody_hears_for(seconds=10)
    world.sample("web", UP)
    world.deliver()
    assert world.incident.state is IncidentState.RESOLVED
    assert world.incident.reason is EndReason.RECOVERED
    world.expects(Kind.RECOVERY, "li", by="sms", says="It lasted 5 min 20 s")
    world.expects(Kind.RECOVERY, "han", by="sms")
    world.nobody_hears_for(minutes=30)
    assert world.incident.state is IncidentState.CLOSED
    assert world.ticket.state is TicketState.RESOLVED


def test_a_relapse_while_recovering_resumes_with_the_clock_that_was_held():
    world = World(plan(check("web", level("load", critical=above(1), keep=10))))
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.pass_(minutes=3)
    world.sample("web", load=0.5)
    world.nobody_hears_for(minutes=8)  # held: the backup would have been due after 2
    world.sample("web", load=2.0)
    world.deliver()
    world.nobody_hears_for(minutes=1, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("han")
    world.nobody_hears_for(minutes=9, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")


def test_a_return_within_15_minutes_reopens_the_same_number_and_pages_from_step_one():
    world = internal_world()
    world.fails("web")
    world.pass_(minutes=5)
    world.works("web")
    world.ignore_messages()
    world.pass_(minutes=10)
    world.fails("web")
    world.expects_page("li", says="relapse")
    world.nothing_more()
    assert world.incident.state is IncidentState.OPEN
    assert world.incident.opening == 2
    assert world.ticket.state is TicketState.NEW
    assert len(world.all(Incident)) == 1
    world.pass_(minutes=5)
    world.expects_page("han")
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.expects(Kind.RECOVERY, "han")
    world.nothing_more()


def test_a_return_after_15_minutes_is_a_new_incident_with_a_new_number():
    world = internal_world()
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    world.pass_(minutes=15)
    world.fails("web")
    world.expects_page("li", says="INC-2")
    assert world.incident.state is IncidentState.CLOSED
    assert world.find(Incident, "INC-2").ticket == "T-2"


def test_what_has_not_left_yet_is_called_off_at_the_end_and_its_notice_by_a_relapse():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.pass_(minutes=30, seconds=5)
    assert [row.kind for row in world.all(Notification) if row.state.alive] == [Kind.REMINDER]
    world.works("web")
    assert [row.kind for row in world.all(Notification) if row.state.alive] == [Kind.RECOVERY]
    assert world.find(Escalation, "INC-1").due_at is None
    world.fails("web")
    assert [row.kind for row in world.all(Notification) if row.state.alive] == [Kind.PAGE]


def test_a_relapse_voids_the_acknowledgement_of_the_former_opening():
    world = internal_world()
    world.fails("web")
    world.acknowledge("li")
    world.works("web")
    world.ignore_messages()
    world.fails("web")
    world.expects_page("li")
    assert world.incident.acknowledgement is None


def test_a_late_acknowledgement_is_refused_and_brings_nothing_back():
    world = internal_world()
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    with pytest.raises(Refused, match="cannot acknowledge INC-1: it is over") as late:
        world.submit(Acknowledge(incident="INC-1", by="li", via="link"))
    assert late.value.refusal is Refusal.CONFLICT
    assert world.incident.state is IncidentState.RESOLVED
    world.nothing_more()


def test_a_page_that_still_waits_when_somebody_acknowledges_never_leaves():
    world = internal_world()
    for minute in (0, 2):
        world.now = START + timedelta(minutes=minute)
        world.sample("web", DOWN)
    world.sample("web", DOWN)  # decided, not yet delivered
    world.submit(Acknowledge(incident="INC-1", by="han", via="console"))
    world.deliver()
    world.nobody_hears_for(minutes=10)


def test_a_person_ends_an_incident_and_everybody_who_was_paged_hears_it():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.submit(Resolve(incident="INC-1", by="li", note="planned work"))
    world.deliver()
    world.expects(Kind.RECOVERY, "li")
    world.sample("web", DOWN)
    world.nobody_hears_for(minutes=30)
    with pytest.raises(Refused):
        world.submit(Resolve(incident="INC-1", by="li"))


def test_a_false_alarm_is_not_called_a_recovery():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.submit(Resolve(incident="INC-1", by="li", false_alarm=True))
    world.deliver()
    world.expects(Kind.RECOVERY, "li", says="false alarm", lacks="recovered")
    assert world.incident.reason is EndReason.FALSE_ALARM


def test_numbers_are_never_given_twice():
    world = internal_world()
    for _ in range(3):
        world.fails("web")
        world.works("web")
        world.pass_(minutes=16)
    numbers = [entry.incident for entry in world.timeline if entry.event == "opened"]
    assert numbers == ["INC-1", "INC-2", "INC-3"]
    ids = [entry.id for entry in world.timeline]
    assert len(set(ids)) == len(ids)
    assert [one.id for one in world.all(Ticket)] == ["T-1", "T-2", "T-3"]
