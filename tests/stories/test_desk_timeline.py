"""What a timeline says of people and channels is what happened."""

from __future__ import annotations

from alerting.inputs import Acknowledge
from alerting.plan import Audience
from lab.desk_plans import shop
from lab.desk_world import World


def test_an_acknowledgement_by_somebody_else_is_told_as_taken_over() -> None:
    world = World(shop())
    world.fails("web")
    for who in ("li", "li", "han"):
        world.submit(Acknowledge(incident="INC-1", by=who, via="link"))

    said = [entry.text for entry in world.timeline if entry.event == "acknowledged"]

    assert len(said) == 3
    assert said[1].endswith("(renewed)")
    assert "(taken over from " in said[2]


def test_no_channel_for_customers_is_said_as_such() -> None:
    world = World(shop())
    world.fails("web")

    said = [entry.text for entry in world.timeline if entry.event == "pushed"]

    reached = any(channel.audience is Audience.EVERYONE for channel in world.plan.channels.values())
    assert said
    assert all(("none has customers" in text) != reached for text in said)
