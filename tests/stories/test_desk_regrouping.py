"""Merging and splitting by hand."""

from __future__ import annotations

import pytest

from alerting.alert import Alert
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Merge, Refused, Split
from alerting.notification import Kind
from alerting.severity import Severity
from alerting.tickets.ticket import Ticket, TicketState
from lab.desk_plans import BY_HOST, above, check, level, plan, service
from lab.desk_world import World


def two() -> World:
    """Return a world in which two services are down, each under its own number."""
    world = World(
        plan(check("web"), check("mail"), services=[service("shop", "web"), service("post", "mail")])
    )
    world.fails("web")
    world.fails("mail")
    world.ignore_messages()
    return world


def one() -> World:
    """Return a world in which two checks of one host are down under one number."""
    world = World(plan(check("web", host="a", group_by=BY_HOST), check("mail", host="a", group_by=BY_HOST)))
    world.fails("web")
    world.fails("mail")
    world.ignore_messages()
    return world


def test_what_is_merged_by_hand_goes_on_under_the_other_without_a_page():
    world = two()
    assert world.submit(Merge(incident="INC-2", into="INC-1", by="li", reason="the same switch")) == "INC-1"
    world.deliver()
    merged = world.find(Incident, "INC-2")
    assert (merged.state, merged.reason) == (IncidentState.RESOLVED, EndReason.MERGED)
    assert world.find(Ticket, "T-2").state is TicketState.CLOSED
    assert world.find(Alert, "mail/down").incident == "INC-1"
    assert world.incident.services == ("post", "shop")
    said = [entry for entry in world.timeline if entry.event in ("merged", "resolved")]
    assert [(entry.incident, entry.who) for entry in said] == [("INC-1", "Li"), ("INC-2", "Li")]
    assert all("the same switch" in entry.text for entry in said)
    assert [letter for letter in world.inbox if letter.row.kind in (Kind.PAGE, Kind.RECOVERY)] == []
    world.works("web")
    assert world.incident.state is IncidentState.OPEN
    world.works("mail")
    assert world.incident.reason is EndReason.RECOVERED


def test_a_merge_that_makes_it_more_severe_escalates_without_a_second_page_to_who_was_paged():
    world = World(plan(check("web"), check("mail", level("lag", warning=above(0.5)))))
    world.sample("mail", lag=0.6)
    world.fails("web")
    world.ignore_messages()
    world.submit(Merge(incident="INC-2", into="INC-1", by="li", reason="one"))
    world.deliver()
    world.nothing_more()
    assert world.incident.severity is Severity.CRITICAL
    assert "page_spared" in world.events()
    world.pass_(minutes=5)
    world.expects_page("han")


@pytest.mark.parametrize(
    ("incident", "into", "reason"),
    [("INC-1", "INC-1", "x"), ("INC-1", "INC-9", "x"), ("INC-9", "INC-1", "x"), ("INC-2", "INC-1", " ")],
)
def test_a_merge_that_makes_no_sense_is_refused(incident, into, reason):
    world = two()
    with pytest.raises(Refused):
        world.submit(Merge(incident=incident, into=into, by="li", reason=reason))


@pytest.mark.parametrize("chosen", [{"alerts": ("mail/down",)}, {"checks": ("mail",)}])
def test_what_is_split_gets_a_number_of_its_own_and_pages(chosen):
    world = one()
    world.acknowledge("han")
    assert world.submit(Split(incident="INC-1", by="li", reason="a bad release", **chosen)) == "INC-2"
    world.deliver()
    world.expects_page("li", says="mail")
    world.nothing_more()
    assert world.incident.acknowledgement is not None
    assert world.find(Alert, "mail/down").incident == "INC-2"
    assert "split" in world.events("INC-1")
    assert "split" in world.events("INC-2")
    world.works("web")
    assert world.incident.reason is EndReason.RECOVERED
    assert world.find(Incident, "INC-2").state is IncidentState.OPEN


@pytest.mark.parametrize(
    "chosen", [{}, {"checks": ("web", "mail")}, {"alerts": ("nothing",)}, {"checks": ("mail",), "reason": ""}]
)
def test_a_split_that_makes_no_sense_is_refused(chosen):
    world = one()
    with pytest.raises(Refused):
        world.submit(Split(**{"incident": "INC-1", "by": "li", "reason": "x", **chosen}))
