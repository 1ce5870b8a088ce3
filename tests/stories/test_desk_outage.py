"""The desk's first promise: an outage reaches people, step by step, until somebody is on it, and then its end does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Acknowledge, Escalate, Refusal, Refused, Resolve
from alerting.notification import Kind, Notification
from alerting.oncall.escalation import Escalation
from alerting.severity import Severity
from alerting.tickets.ticket import Ticket, TicketState
from lab.desk_plans import above, check, down, level, person, plan, shop, step
from lab.desk_world import DOWN, START, UNKNOWN, UP, Manner, World


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


def test_a_severity_that_rises_voids_the_acknowledgement_and_pages_and_says_so():
    disk = level("used", warning=above(0.8), critical=above(0.9))
    world = World(plan(check("disk", disk)))
    world.sample("disk", used=0.85)
    world.deliver()
    world.expects(Kind.TICKET, "li", by="mail")
    world.acknowledge("li")
    world.nobody_hears_for(minutes=5)
    world.sample("disk", used=0.95)
    world.deliver()
    world.expects_page("li", says="It has become worse since it was acknowledged")
    world.nothing_more()
    assert world.incident.acknowledgement is None
    assert world.incident.severity is Severity.CRITICAL


def test_a_severity_that_falls_stops_paging_and_one_that_rises_again_pages():
    disk = level("used", warning=above(0.8), critical=above(0.9))
    world = World(plan(check("disk", disk)))
    world.sample("disk", used=0.95)
    world.deliver()
    world.expects_page("li")
    world.sample("disk", used=0.85)
    assert world.incident.severity is Severity.WARNING
    world.nobody_hears_for(minutes=20)
    world.sample("disk", used=0.95)
    world.deliver()
    world.expects_page("li")


def test_what_is_left_of_an_outage_is_a_warning_and_wakes_nobody():
    certificate = level("days", warning=above(0.5))
    world = World(plan(check("web", certificate)))
    world.sample("web", days=0.6)
    world.fails("web")
    world.ignore_messages()
    world.works("web", 1)
    world.sample("web", days=0.6)
    world.pass_(seconds=10)
    world.sample("web", days=0.6)
    world.deliver()
    assert world.incident.severity is Severity.WARNING
    assert world.incident.state is IncidentState.OPEN
    world.nobody_hears_for(minutes=29)


def test_a_warning_after_an_outage_reopens_its_number_but_wakes_nobody():
    world = World(plan(check("web", level("days", warning=above(0.5)))))
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    world.sample("web", days=0.6)
    world.deliver()
    world.expects(Kind.TICKET, "li", by="mail")
    world.nobody_hears_for(minutes=20)


def test_an_info_alert_that_turns_into_a_warning_is_told_to_who_is_on_shift():
    thresholds = (down(severity=Severity.INFO), level("used", warning=above(0.8)))
    world = World(plan(check("disk", thresholds=thresholds)))
    world.fails("disk")
    assert world.incident.ticket is None
    world.nothing_more()
    world.sample("disk", DOWN, used=0.9)
    world.deliver()
    assert world.incident.ticket == "T-1"
    world.expects(Kind.TICKET, "li", by="mail", says="T-1")
    world.nothing_more()


def test_an_acknowledged_warning_does_not_nag():
    world = World(plan(check("disk", level("used", warning=above(0.8)))))
    world.sample("disk", used=0.85)
    world.deliver()
    world.expects(Kind.TICKET, "li", by="mail")
    world.acknowledge("li")
    world.nobody_hears_for(minutes=60)
    assert world.incident.acknowledgement is not None


def test_an_unknown_outcome_never_pages_as_down():
    world = internal_world()
    for _ in range(10):
        world.sample("web", UNKNOWN)
        world.pass_(seconds=10)
    assert world.incident.severity is Severity.WARNING
    assert world.incident.cause.alert == "web/unknown"
    world.expects(Kind.TICKET, "li", by="mail")
    world.nothing_more()


def test_an_unknown_outcome_ends_no_outage():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    for _ in range(2):
        world.sample("web", UNKNOWN)
        world.nobody_hears_for(seconds=5)
    assert world.incident.state is IncidentState.OPEN


def test_a_check_that_never_worked_is_a_warning_that_says_so():
    world = World(shop(), proven=False)
    world.fails("web")
    world.expects(Kind.TICKET, "li", by="mail", says="never worked yet: connection refused")
    world.nobody_hears_for(minutes=30)
    assert world.incident.severity is Severity.WARNING
    assert world.ticket.ticket_class.value == "general"


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


def test_a_warning_that_was_ended_by_hand_pages_when_it_becomes_critical():
    world = World(plan(check("disk", level("used", warning=above(0.8), critical=above(0.9)))))
    world.sample("disk", used=0.85)
    world.submit(Resolve(incident="INC-1", by="li", note="known"))
    world.deliver()
    world.ignore_messages()
    world.pass_(minutes=20)
    world.sample("disk", used=0.85)
    world.nobody_hears_for(minutes=5)
    world.sample("disk", used=0.95)
    world.deliver()
    world.expects_page("li", says="INC-2")


def test_an_escalation_by_hand_pages_the_next_step_at_once():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")


def test_who_has_acknowledged_can_still_call_the_next_one():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=20)


def test_calling_the_next_one_renews_the_acknowledgement():
    world = internal_world()
    world.fails("web")
    world.acknowledge("li")
    world.pass_(minutes=20)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.ignore_messages()
    world.nobody_hears_for(minutes=29)


def test_a_warning_can_be_escalated_by_hand_one_step_at_a_time():
    world = World(plan(check("disk", level("used", warning=above(0.8)))))
    world.sample("disk", used=0.85)
    world.deliver()
    world.ignore_messages()
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("li")
    world.nobody_hears_for(minutes=20)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=20)


def test_an_escalation_while_recovering_pages_and_keeps_the_clock_held():
    world = World(plan(check("web", level("load", critical=above(1), keep=30))))
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.sample("web", load=0.5)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=10)
    world.sample("web", load=2.0)
    world.deliver()
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")


def test_a_step_that_names_only_people_told_already_costs_no_time():
    steps = (step("li"), step("li", minutes=5), step("wu", minutes=30))
    world = internal_world(steps=steps)
    world.fails("web")
    world.expects_page("li")
    world.pass_(minutes=5)
    world.expects_page("wu")
    world.nothing_more()


def test_a_step_with_nobody_goes_to_the_next_at_once():
    world = internal_world(steps=(step(rota="gone"), step("han", minutes=5)))
    world.fails("web")
    world.expects_page("han")
    world.nothing_more()


def test_a_policy_that_reaches_nobody_pages_the_fallback_and_again_with_every_repeat():
    world = internal_world(steps=(step(rota="gone"), step("nobody", minutes=5)))
    world.fails("web")
    world.expects_page("boss")
    world.nobody_hears_for(minutes=14)
    world.pass_(minutes=1)
    world.expects_page("boss")


def test_without_any_policy_the_fallback_is_paged():
    world = internal_world(steps=())
    world.fails("web")
    world.expects_page("boss")
    world.nobody_hears_for(minutes=14)
    world.pass_(minutes=1)
    world.expects_page("boss")


def test_an_incident_nobody_could_be_paged_for_pages_once_a_reload_brings_people():
    bare = plan(check("web"), steps=(), people=(), fallback=(), rotas={})
    world = World(bare)
    world.fails("web")
    world.nobody_hears_for(minutes=20)
    world.reload(plan(check("web")))
    world.expects_page("li")


def test_two_languages_each_person_reads_their_own():
    people = (person("li", "sms", language="zh-CN"), person("han", "sms"), person("wu", "sms", language="fr"))
    world = internal_world(people=people, steps=(step("li", "han", "wu"),), fallback=())
    world.fails("web")
    world.expects_page("li", says="故障现象")
    world.expects_page("han", says="What is wrong")
    world.expects_page("wu", says="What is wrong")
    world.works("web")
    world.expects(Kind.RECOVERY, "li", says="故障已解除")


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
