"""An outage that comes and goes for hours: its incident stays open, and only what comes of it is told."""

from __future__ import annotations

from collections import Counter

import pytest

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import EndReason, IncidentState
from alerting.notification import Kind
from lab.desk_plans import above, check, down, level, plan, service
from lab.desk_world import DOWN, UP, World


def quick() -> World:
    """Return a world in which one failure is an outage and one good run its end."""
    return World(
        plan(check("web", thresholds=(down(failures=1, recover=1),)), services=[service("shop", "web")])
    )


def flaps(world: World, turns: int, *, every: float = 10) -> None:
    """Let it be bad and good in turn, beginning with bad."""
    for turn in range(turns):
        world.sample("web", DOWN if turn % 2 == 0 else UP)
        world.deliver()
        world.pass_(seconds=every, step=every)


def told(world: World) -> Counter[Kind]:
    return Counter(letter.row.kind for letter in world.sent)


@pytest.mark.parametrize(("recover", "every"), [(1, 20), (2, 60)])
def test_a_day_of_flapping_is_at_most_four_pages(recover, every):
    world = World(
        plan(check("web", thresholds=(down(failures=1, recover=recover),)), services=[service("shop", "web")])
    )
    flaps(world, 24 * 3600 // every, every=every)
    assert told(world)[Kind.PAGE] <= 4
    assert told(world)[Kind.ANNOUNCEMENT] <= 12
    assert world.incident.state.active
    assert world.incident.flapping is not None
    world.works("web")
    world.pass_(minutes=6)
    assert told(world)[Kind.PAGE] <= 4
    assert world.incident.reason is EndReason.RECOVERED


def test_what_is_good_in_the_end_is_told_to_whoever_was_paged():
    world = quick()
    flaps(world, 20)
    assert world.incident.flapping is not None
    world.ignore_messages()
    world.pass_(minutes=5)
    world.expects(Kind.RECOVERY, "li")
    assert world.incident.state is IncidentState.RESOLVED


def test_what_is_still_bad_in_the_end_pages():
    world = quick()
    flaps(world, 21)
    world.ignore_messages()
    world.pass_(minutes=5)
    world.expects_page("li")
    assert world.incident.state is IncidentState.OPEN
    assert world.incident.flapping is None
    world.pass_(minutes=5)
    world.expects_page("han")


def test_four_changes_are_no_flapping():
    world = quick()
    flaps(world, 4)
    assert world.incident.flapping is None
    assert world.incident.state is IncidentState.RESOLVED


def test_five_changes_in_more_than_five_minutes_are_no_flapping():
    world = quick()
    flaps(world, 9, every=80)
    assert world.incident.flapping is None


def test_a_restart_in_the_midst_changes_nothing():
    world = quick()
    flaps(world, 3)
    world.restart(down_seconds=1)
    flaps(world, 8)
    world.restart(down_seconds=1)
    world.ignore_messages()
    flaps(world, 8)
    world.inbox = [one for one in world.inbox if one.row.kind is Kind.PAGE]
    world.nothing_more()
    assert world.incident.flapping is not None


def test_what_nobody_was_told_of_is_paged_on():
    world = World(
        plan(
            check("web", thresholds=(down(failures=1, recover=1),)),
            services=[service("shop", "web")],
            people=(),
        )
    )
    flaps(world, 20)
    assert world.incident.flapping is None


def test_after_ten_minutes_customers_read_once_that_it_comes_and_goes():
    world = quick()
    flaps(world, 60)
    world.ignore_messages()
    flaps(world, 20)
    words = [one.row for one in world.sent if one.row.kind is Kind.ANNOUNCEMENT and one.row.to is None]
    assert len([row for row in words if "comes and goes" in row.text and row.channel == "customers"]) == 1
    assert world.announcement.impact == "degraded"
    assert len(world.all(Announcement)) == 1


def test_worse_than_anybody_was_told_is_paged_at_once():
    world = World(
        plan(
            check("web", level("lag", warning=above(0.5), critical=above(0.9))),
            services=[service("shop", "web")],
        )
    )
    for _ in range(6):
        world.sample("web", lag=0.6)
        world.pass_(seconds=10)
        world.sample("web", lag=0.1)
        world.pass_(seconds=10)
    assert world.incident.flapping is not None
    world.ignore_messages()
    world.sample("web", lag=0.95)
    world.deliver()
    world.expects_page("li")


def test_a_person_may_end_what_flaps():
    world = quick()
    flaps(world, 9)
    world.acknowledge()
    world.pass_(minutes=6)
    assert world.incident.acknowledgement is not None
    assert world.incident.flapping is None
