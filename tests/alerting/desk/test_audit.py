"""The auditor finds each kind of hole punched into the state by hand, says which incident has it, and mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.alert import Alert, AlertState
from alerting.desk.audit import Hole, audit
from alerting.incidents.incident import Acknowledgement, EndReason, Incident, IncidentState
from alerting.inputs import Audit, Resolve
from alerting.notification import Notification
from alerting.oncall.escalation import Escalation
from alerting.plan import Plan
from alerting.severity import Severity
from alerting.state import Changes
from lab.desk_channels import Manner
from lab.desk_plans import above, check, level, person, plan
from lab.desk_world import World

HOUR = timedelta(hours=1)


def world_of(**fields) -> World:
    """Return a world in which `web` is down and li has read the page."""
    world = World(plan(check("web"), **fields))
    world.fails("web")
    world.ignore_messages()
    return world


def punch(world: World, kind: Any, key: str, **fields: Any) -> None:
    """Change a record behind the desk's back."""
    world.state.apply(Changes(records=(replace(world.state.records[kind][key], **fields),)))


def no_escalation(world: World) -> None:
    del world.state.records[Escalation]["INC-1"]


def no_due(world: World) -> None:
    punch(world, Escalation, "INC-1", due_at=None)


def paused(world: World) -> None:
    punch(world, Escalation, "INC-1", paused_at=world.now)


def due_in_a_year(world: World) -> None:
    punch(world, Escalation, "INC-1", due_at=world.now + timedelta(days=365))


def due_long_ago(world: World) -> None:
    punch(world, Escalation, "INC-1", due_at=world.now - timedelta(minutes=3))


def for_ever(world: World) -> None:
    said = Acknowledgement(by="li", at=world.now, until=world.now + timedelta(days=365))
    punch(world, Incident, "INC-1", acknowledgement=said)


def not_reminded(world: World) -> None:
    said = Acknowledgement(by="li", at=world.now - HOUR, until=world.now - timedelta(minutes=3))
    punch(world, Incident, "INC-1", acknowledgement=said)


def not_lapsed(world: World) -> None:
    said = Acknowledgement(
        by="li", at=world.now - HOUR, until=world.now - HOUR, reminded_at=world.now - timedelta(minutes=13)
    )
    punch(world, Incident, "INC-1", acknowledgement=said)


def no_alert(world: World) -> None:
    world.state.apply(Changes(records=(replace(world.find(Alert, "web/down"), state=AlertState.RESOLVED),)))


def no_alert_while_recovering(world: World) -> None:
    world.works("web", 1)
    no_alert(world)


def unwatched(world: World) -> None:
    world.plan = plan(check("other"))


def recovering_while_it_fires(world: World) -> None:
    punch(world, Incident, "INC-1", state=IncidentState.RECOVERING)


def open_while_nothing_fires(world: World) -> None:
    world.works("web", 1)
    punch(world, Incident, "INC-1", state=IncidentState.OPEN)
    punch(world, Escalation, "INC-1", paused_at=None)


def orphan(world: World) -> None:
    world.fails("mail")
    punch(world, Alert, "mail/down", incident=None)
    world.state.apply(Changes(records=(replace(world.find(Incident, "INC-2"), state=IncidentState.CLOSED),)))


HOLES = [
    pytest.param(no_escalation, Hole.NO_STEP, id="no escalation"),
    pytest.param(no_due, Hole.NO_STEP, id="no step due"),
    pytest.param(paused, Hole.NO_STEP, id="paused for ever"),
    pytest.param(due_in_a_year, Hole.NO_STEP, id="due in a year"),
    pytest.param(due_long_ago, Hole.LATE_STEP, id="due long ago"),
    pytest.param(for_ever, Hole.NO_END, id="acknowledged for ever"),
    pytest.param(not_reminded, Hole.NO_LAPSE, id="nobody was reminded"),
    pytest.param(not_lapsed, Hole.NO_LAPSE, id="nothing followed the reminder"),
    pytest.param(no_alert, Hole.NO_ALERT, id="no alert"),
    pytest.param(no_alert_while_recovering, Hole.NO_ALERT, id="recovering without an alert"),
    pytest.param(unwatched, Hole.NO_WATCH, id="not watched any more"),
    pytest.param(recovering_while_it_fires, Hole.WRONG_STATE, id="recovering while it fires"),
    pytest.param(open_while_nothing_fires, Hole.WRONG_STATE, id="open while nothing fires"),
    pytest.param(orphan, Hole.NO_INCIDENT, id="an alert without an incident"),
]


def found(world: World) -> list[Hole]:
    return [finding.hole for finding in audit(world.state, world.plan, world.now)]


def two_checks(**fields: Any) -> Plan:
    return plan(check("web"), check("mail"), **fields)


@pytest.mark.parametrize(("make", "hole"), HOLES)
def test_a_hole_is_found_and_mended(make: Callable[[World], None], hole: Hole) -> None:
    world = world_of()
    world.reload(two_checks())
    assert found(world) == []
    make(world)
    world.ignore_messages()
    first = audit(world.state, world.plan, world.now)
    assert [one.hole for one in first] == [hole]
    assert (first[0].incident or first[0].alert) in first[0].text
    entries = len(world.timeline)
    world.submit(Audit())
    assert found(world) == []
    assert [entry.text for entry in world.timeline[entries:] if entry.event == "audit"] == [first[0].text]


@pytest.mark.parametrize("make", [no_escalation, no_due, paused, due_in_a_year])
def test_mending_a_missing_step_pages_from_step_one(make: Callable[[World], None]) -> None:
    world = world_of()
    make(world)
    world.submit(Audit())
    world.deliver()
    world.expects_page("li")
    world.pass_(minutes=5)
    world.expects_page("han")


def test_an_incident_whose_alerts_are_lost_is_never_called_recovered() -> None:
    world = world_of()
    no_alert(world)
    world.submit(Audit())
    assert world.incident.reason is EndReason.UNMONITORED


def test_an_alert_without_an_incident_is_paged() -> None:
    world = World(two_checks())
    world.fails("web")
    world.ignore_messages()
    orphan(world)
    world.ignore_messages()
    world.submit(Audit())
    world.deliver()
    world.expects_page("li", says="INC-3")


def test_a_page_that_goes_nowhere_is_found_and_the_next_people_are_asked() -> None:
    world = World(plan(check("web"), people=(person("li", "sms"), person("han", "mail")), fallback=()))
    world.channels["sms"] = Manner.FULL
    world.plan = replace(
        world.plan, policies={"urgent": replace(world.plan.policies["urgent"], steps=slow_steps(world.plan))}
    )
    world.fails("web")
    world.pass_(minutes=5)
    assert found(world) == []
    world.pass_(seconds=1)
    assert found(world) == [Hole.STUCK_PAGE]
    world.submit(Audit())
    world.deliver()
    world.expects_page("han")


def test_a_page_that_waits_for_a_clock_that_was_set_back_is_found_and_the_next_people_are_asked() -> None:
    world = World(plan(check("web"), check("mail"), bundle=timedelta(minutes=1)))
    world.fails("web")
    world.fails("mail")
    world.ignore_messages()
    page = next(row for row in world.all(Notification) if row.bundle)
    world.now -= HOUR
    assert Hole.STUCK_PAGE in found(world)
    world.submit(Audit())
    world.pass_(minutes=1)
    assert "INC-2" in [letter.row.incident for letter in world.inbox]
    assert world.rows[page.id].not_before > world.now


def slow_steps(known: Plan) -> tuple[Any, ...]:
    first, second, *_ = known.policies["urgent"].steps
    return first, replace(second, after=timedelta(minutes=30))


def test_a_round_that_reached_nobody_is_tried_again_after_five_minutes() -> None:
    world = World(plan(check("web"), people=(person("li", "sms"), person("han", "sms")), fallback=()))
    world.channels["sms"] = Manner.REFUSE
    world.fails("web")
    world.pass_(minutes=4, seconds=59)
    assert found(world) == []
    world.pass_(seconds=1)
    assert found(world) == [Hole.NOBODY_REACHED]
    world.channels.clear()
    world.submit(Audit())
    world.deliver()
    world.expects_page("li")
    assert found(world) == []


def test_nothing_is_missing_where_nobody_is_configured() -> None:
    world = World(plan(check("web"), people=(), fallback=(), steps=()))
    world.fails("web")
    world.pass_(minutes=10)
    assert found(world) == []


def test_nothing_is_missing_of_a_warning_of_what_is_muted_and_of_what_a_person_is_on() -> None:
    world = World(plan(check("disk", level("used", warning=above(0.8))), check("web"), check("mail")))
    world.sample("disk", used=0.9)
    world.fails("web")
    world.silence(check="web")
    world.fails("mail")
    world.acknowledge("li", incident="INC-3")
    world.pass_(minutes=20)
    assert next(one.severity for one in world.all(Incident)) is Severity.WARNING
    assert found(world) == []


def test_what_a_person_ended_while_it_still_fires_is_not_missed() -> None:
    world = world_of()
    world.submit(Resolve(incident="INC-1", by="li"))
    world.deliver()
    world.pass_(minutes=20)
    assert found(world) == []
    rows = len(world.rows)
    world.submit(Audit())
    assert len(world.rows) == rows
    assert world.all(Notification) == []
