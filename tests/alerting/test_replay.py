"""A replay tells what the desk would have decided: it decides by itself, and nothing of it is kept anywhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from alerting.incidents.incident import IncidentState
from alerting.notification import Kind
from alerting.replay import Replay, foresee
from lab.desk_plans import check, person, plan, shop
from lab.desk_world import World
from probes.sample import ErrorClass, Outcome, Sample

MONDAY = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _sample(at: datetime, outcome: Outcome, name: str = "web") -> Sample:
    down = outcome is Outcome.DOWN
    return Sample(
        check=name,
        at=at,
        duration=0.1,
        outcome=outcome,
        error=ErrorClass.CONNECT if down else None,
        message="connection refused" if down else "",
    )


def _replay(letters: str, *, every: int = 60) -> Replay:
    replay = Replay(plan(check("web"), people=(person("li", "sms"),)), MONDAY)
    replay.begin()
    for turn, letter in enumerate(letters):
        outcome = Outcome.DOWN if letter == "d" else Outcome.UP
        replay.sample(_sample(MONDAY + timedelta(seconds=every * turn), outcome))
    return replay


def test_who_is_told_when_is_what_the_world_itself_comes_to() -> None:
    name = next(iter(shop().checks))
    foreseen = foresee(shop(), name, MONDAY, HOUR)
    world = World(shop())
    world.fails(name, every=0)
    world.pass_(hours=1, step=10)
    came = Counter((one.at, one.row.kind, one.row.to, one.row.channel) for one in world.sent)
    assert Counter((one.at, one.row.kind, one.row.to, one.row.channel) for one in foreseen.told) == came
    assert foreseen.told[0].row.kind is Kind.PAGE


def test_whoever_is_on_shift_then_is_told_and_nobody_else() -> None:
    name = next(iter(shop().checks))
    first = {
        hour: next(
            one.row.to
            for one in foresee(shop(), name, MONDAY + timedelta(hours=hour), HOUR).told
            if one.row.to
        )
        for hour in (0, 8, 16)
    }
    assert len(set(first.values())) > 1


def test_samples_make_incidents_tickets_and_pages() -> None:
    replay = _replay("uudddduuuudddduu" + "u" * 60)
    assert [one.state for one in replay.incidents.values()] == [IncidentState.CLOSED]
    assert next(iter(replay.incidents.values())).opening == 2
    pages = [one for one in replay.told if one.row.kind is Kind.PAGE]
    assert {one.row.to for one in pages} == {"li"}
    assert len(replay.tickets) == 1


def test_good_samples_of_a_year_make_nothing_and_take_no_time() -> None:
    replay = _replay("u" * 365, every=86400)
    assert (replay.incidents, replay.told, replay.timeline) == ({}, [], [])
