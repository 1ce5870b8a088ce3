"""How bad it is decides who hears of it: it rises, falls, and what nobody can tell pages nobody."""

from __future__ import annotations

from alerting.incidents.incident import IncidentState
from alerting.inputs import Resolve
from alerting.notification import Kind
from alerting.severity import Severity
from lab.desk_plans import above, check, down, level, plan, shop
from lab.desk_world import DOWN, UNKNOWN, World


def internal_world(**fields) -> World:
    """Return a world without customers: one check that belongs to no service."""
    return World(plan(check("web"), **fields))


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
