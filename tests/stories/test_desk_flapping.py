"""An outage that comes and goes behind a channel that does not deliver: somebody is told all the same."""

from __future__ import annotations

import pytest

from alerting.notification import Kind
from alerting.plan import Flapping
from lab.desk_channels import Manner
from lab.desk_plans import check, person, plan
from lab.desk_world import World

NEVER = Flapping(changes=1000)
"""It is the pages of each return that these stories are about."""
DEAD = [Manner.FULL, Manner.HANG, Manner.LATER, Manner.LOST]


def world_of(manner: Manner | None = None) -> World:
    """Return a world in which li is reached by SMS, which behaves like that, then by mail."""
    world = World(
        plan(check("web"), people=(person("li", "sms", "mail"), person("han", "mail")), flapping=NEVER)
    )
    if manner is not None:
        world.channels["sms"] = manner
    return world


def flaps(world: World, *, down: float = 12, up: float = 10) -> None:
    """Let it fail for that many seconds, and work for as long until the next time."""
    world.fails("web")
    world.pass_(seconds=down)
    world.works("web")
    world.pass_(seconds=up)


@pytest.mark.parametrize("manner", DEAD)
def test_what_was_called_off_counts_towards_the_half_minute_until_the_next_channel(manner):
    world = world_of(manner)
    for _ in range(4):
        flaps(world)
    assert world.incident.opening == 4
    world.expects_page("li", by="mail")


@pytest.mark.parametrize("manner", DEAD)
def test_that_is_remembered_over_a_restart(manner):
    world = world_of(manner)
    for _ in range(2):
        flaps(world)
        world.restart(down_seconds=1)
    flaps(world)
    world.expects_page("li", by="mail")


def test_a_page_that_has_waited_long_enough_before_goes_to_both_at_once_until_one_arrives():
    world = world_of(Manner.FULL)
    flaps(world, down=40)
    world.ignore_messages()
    world.fails("web")
    world.pass_(seconds=1)
    world.expects_page("li", by="mail")
    world.channels.clear()
    world.deliver()
    world.expects_page("li", by="sms")
    world.works("web")
    world.ignore_messages()
    world.channels["sms"] = Manner.FULL
    world.fails("web")
    world.nobody_hears_for(seconds=29)
    world.pass_(seconds=1)
    world.expects_page("li", by="mail")


def test_while_it_works_is_no_time_of_trying():
    world = world_of(Manner.FULL)
    flaps(world, down=0, up=600)
    world.fails("web")
    world.nobody_hears_for(seconds=15)
    world.pass_(seconds=15)
    world.expects_page("li", by="mail")


def test_a_channel_that_delivers_is_not_joined_by_another_however_often_it_comes_back():
    world = world_of()
    for _ in range(5):
        flaps(world, down=5)
    pages = [letter.row.channel for letter in world.sent if letter.row.kind is Kind.PAGE]
    assert pages == ["sms"] * 5
