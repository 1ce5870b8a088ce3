"""The clock is set back: what waits for a time does not wait for as long again, and what is over is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Kind, Notification
from lab.desk_channels import Manner
from lab.desk_plans import BY_CHECK, above, check, level, person, plan
from lab.desk_world import World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NAMES = ("c0", "c1", "c2")


def world_of(**fields) -> World:
    checks = (check(name, group_by=BY_CHECK) for name in NAMES)
    return World(plan(*checks, **{"bundle": MINUTE, **fields}))


def measured(world: World, minutes: int, value: float) -> None:
    """Let a minute pass, with a measurement, so many times."""
    for _ in range(minutes):
        world.pass_(minutes=1, step=10)
        seen(world, value)


def seen(world: World, value: float) -> None:
    world.sample("web", load=value)
    world.deliver()


def test_what_must_last_five_minutes_lasts_five_minutes_from_then():
    world = World(plan(check("web", level("load", critical=above(1, minutes=5)))))
    seen(world, 2)
    measured(world, 2, 2)
    world.now -= HOUR
    seen(world, 2)
    measured(world, 4, 2)
    world.nothing_more()
    measured(world, 1, 2)
    world.expects_page("li")
    incident = world.state.records[Incident]["INC-1"]
    assert isinstance(incident, Incident)
    assert incident.since <= incident.opened_at


def test_what_must_be_good_for_five_minutes_is_good_five_minutes_from_then():
    world = World(plan(check("web", level("load", critical=above(1), keep=5))))
    seen(world, 2)
    world.expects_page("li")
    measured(world, 2, 0)
    world.now -= HOUR
    seen(world, 0)
    measured(world, 4, 0)
    assert world.incident.state.active
    measured(world, 1, 0)
    world.expects(Kind.RECOVERY, "li")


def test_who_heard_of_the_first_opening_hears_the_end_of_the_second():
    world = World(plan(check("web")))
    world.fails("web")
    world.expects_page("li")
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.now -= HOUR
    world.fails("web")
    assert world.incident.opening == 2
    world.expects_page("li")
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.nothing_more()


def test_who_heard_of_the_first_opening_alone_is_not_told_the_end_of_the_second():
    world = World(plan(check("web"), people=(person("li", "sms"), person("han", "mail"))))
    world.fails("web")
    world.expects_page("li")
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.now -= HOUR
    world.channels["sms"] = Manner.FULL
    world.fails("web")
    world.works("web")
    world.channels.clear()
    world.nobody_hears_for(minutes=10)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_page_after_a_long_quiet_leaves_at_once(restarts):
    world = world_of()
    world.fails("c0")
    world.expects_page("li")
    world.acknowledge()
    world.pass_(minutes=15, step=10)
    world.now -= HOUR
    if restarts:
        world.restart()
    world.pass_(minutes=20, step=10)
    world.fails("c1")
    world.expects_page("li")


def test_the_next_storm_after_that_is_collected_again():
    world = world_of()
    world.fails("c0")
    world.expects_page("li")
    world.acknowledge()
    world.now -= HOUR
    world.fails("c1")
    world.expects_page("li")
    world.restart()
    world.fails("c2")
    world.nobody_hears_for(seconds=40)
    world.pass_(seconds=20)
    world.expects_bundle(Kind.PAGE, "li", "INC-3")


@pytest.mark.parametrize("back", [timedelta(minutes=14), timedelta(days=1)])
def test_what_waits_for_others_leaves_when_it_would_wait_for_longer_than_a_window(back):
    world = world_of()
    for _ in range(3):
        world.fails("c0", 1)
        world.fails("c1", 1)
        world.fails("c2", 1)
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.now -= back
    world.pass_(seconds=1)
    world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3")


def test_what_gathers_for_the_next_channel_leaves_then_too():
    world = world_of()
    for _ in range(3):
        world.fails("c0", 1)
        world.fails("c1", 1)
        world.fails("c2", 1)
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.channels["sms"] = Manner.REFUSE
    world.pass_(minutes=1)
    assert [row.channel for row in world.rows.values() if row.state.alive] == ["mail", "mail"]
    world.now -= timedelta(minutes=14)
    world.pass_(seconds=1)
    world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3")


def test_what_a_provider_asked_to_wait_for_is_not_hastened():
    world = world_of(people=(person("li", "sms"), person("han", "mail")))
    world.channels["sms"] = Manner.LATER
    world.fails("c0")
    (row,) = (row for row in world.rows.values() if isinstance(row, Notification) and row.to == "li")
    world.now -= timedelta(minutes=14)
    world.pass_(seconds=1)
    assert world.rows[row.id].not_before == row.not_before
