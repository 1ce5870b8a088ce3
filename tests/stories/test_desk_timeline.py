"""What a timeline says of people and channels is what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerting.inputs import Acknowledge
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


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        pytest.param(("customers", "colleagues"), "goes to the customers' channels", id="customers have one"),
        pytest.param(("colleagues",), "goes to no channel", id="only colleagues have one"),
    ],
)
def test_the_timeline_says_whether_any_channel_reaches_customers(
    channels: tuple[str, ...], words: str
) -> None:
    world = World(replace(shop(), announce_on=channels))
    world.fails("web")

    [said] = [entry.text for entry in world.timeline if entry.event == "pushed"]

    assert words in said
