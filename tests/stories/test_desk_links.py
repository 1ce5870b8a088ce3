"""A link to acknowledge stands for the outage its page told of, not for one that came later under the same number."""

from __future__ import annotations

import pytest

from alerting.inputs import Acknowledge, Escalate, Refused
from alerting.notification import Kind
from lab.desk_plans import check, plan
from lab.desk_world import World


def follow(world: World, step: str, by: str = "li") -> None:
    """Let somebody follow the link of a page."""
    world.submit(Acknowledge(incident="INC-1", by=by, via="link", step=step))
    world.deliver()


def down() -> tuple[World, str]:
    """Return a world in which `web` is down, and the step of the page that li got."""
    world = World(plan(check("web")))
    world.fails("web")
    return world, world.expects_page("li").row.step


def back(world: World) -> None:
    """Let `web` recover and fail again."""
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.fails("web")


def test_a_link_from_before_a_relapse_does_not_acknowledge_the_relapse():
    world, step = down()
    back(world)
    world.expects_page("li")
    with pytest.raises(Refused, match="cannot acknowledge INC-1: this link is from before it came back"):
        follow(world, step)
    assert world.incident.acknowledgement is None


def test_the_link_of_the_relapse_acknowledges_it():
    world, _ = down()
    back(world)
    follow(world, world.expects_page("li").row.step)
    assert world.incident.acknowledgement is not None


def test_a_link_of_an_earlier_step_of_the_same_outage_works():
    world, step = down()
    world.pass_(minutes=20)
    follow(world, step)
    assert world.incident.acknowledgement is not None


def test_a_link_from_before_an_acknowledgement_ran_out_works():
    world, step = down()
    world.acknowledge("li", minutes=5)
    world.pass_(minutes=16)
    assert world.incident.acknowledgement is None
    follow(world, step)
    assert world.incident.acknowledgement is not None


def test_who_acknowledges_without_a_link_acknowledges_what_is_there_now():
    world, _ = down()
    back(world)
    world.acknowledge("li")
    assert world.incident.acknowledgement is not None


def test_a_page_asked_for_by_hand_after_a_relapse_that_is_muted_carries_a_link_that_works():
    world, _ = down()
    world.works("web")
    world.silence(check="web")
    world.fails("web")
    world.ignore_messages()
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    letter = world.inbox[0]
    follow(world, letter.row.step, letter.row.to or "")
    assert world.incident.acknowledgement is not None


def test_a_relapse_that_was_forgotten_in_a_crash_leaves_its_keys_to_no_later_one():
    """What was paged from memory and never recorded did arrive: a provider that keeps keys must not drop the next."""
    keys = []
    for minutes in (1, 3):
        world = World(plan(check("web")))
        world.fails("web")
        world.works("web")
        world.pass_(minutes=minutes)
        world.ignore_messages()
        world.fails("web")
        letter = world.expects_page("li", by="sms")
        assert (world.incident.id, letter.row.step) == ("INC-1", "2.0")
        keys.append(letter.row.dedup_key)

    assert keys[0] != keys[1]
