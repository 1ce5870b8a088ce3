"""Whether the monitor is blind: the pure part, in tables and for every input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert import Alert, AlertState, step
from alerting.sight import (
    ALERT,
    ENOUGH,
    LATE,
    OPENS_AFTER,
    OVER_AFTER,
    THRESHOLD,
    Sight,
    Tally,
    agreed,
    all_fail,
    blind_since,
    ended,
    sight,
    tally,
    told,
    unseen,
)
from alerting.state import Changes, State
from lab.desk_world import START
from probes.sample import ErrorClass, Outcome, Sample

UP, DOWN, UNKNOWN = Outcome.UP, Outcome.DOWN, Outcome.UNKNOWN
Canaries = Mapping[str, Outcome | None]

canaries = st.dictionaries(st.text(max_size=3), st.sampled_from((UP, DOWN, UNKNOWN, None)), max_size=5)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    remote = draw(st.integers(0, 12))
    fresh = draw(st.integers(0, remote))
    return Tally(remote=remote, fresh=fresh, failing=draw(st.integers(0, fresh)))


@pytest.mark.parametrize(
    ("outcomes", "fail"),
    [
        ([], False),
        ([DOWN], True),
        ([DOWN, DOWN], True),
        ([DOWN, UP], False),
        ([UP, None], False),
        ([DOWN, None], None),
        ([None], None),
        ([UNKNOWN], False),
        ([UNKNOWN, DOWN], True),
        ([UNKNOWN, None], None),
        ([UNKNOWN, UP], False),
    ],
)
def test_all_canaries_fail(outcomes: list[Outcome | None], fail: bool | None) -> None:
    assert all_fail(dict(zip("abcd", outcomes, strict=False))) is fail


@pytest.mark.parametrize(
    ("remote", "fresh", "failing", "seen"),
    [
        (50, 50, 50, Sight.BLIND),
        (50, 50, 26, Sight.BLIND),
        (50, 50, 25, Sight.SEES),
        (50, 3, 2, Sight.BLIND),
        (50, 3, 1, Sight.SEES),
        (50, ENOUGH - 1, ENOUGH - 1, Sight.UNSURE),
        (50, 0, 0, Sight.UNSURE),
        (1, 1, 1, Sight.BLIND),
        (1, 0, 0, Sight.UNSURE),
        (2, 2, 1, Sight.SEES),
        (0, 0, 0, Sight.SEES),
    ],
)
def test_with_all_canaries_gone_it_is_more_than_half_of_the_remote_checks_that_decides(
    remote: int, fresh: int, failing: int, seen: Sight
) -> None:
    assert sight({"a": DOWN, "b": DOWN}, Tally(remote=remote, fresh=fresh, failing=failing)) is seen


@given(canaries, tallies())
def test_nobody_is_blind_without_every_canary_and_most_remote_checks_failing(
    given_canaries: Canaries, counts: Tally
) -> None:
    seen = sight(given_canaries, counts)
    if seen is Sight.BLIND:
        heard = [one for one in given_canaries.values() if one is not UNKNOWN]
        assert heard
        assert set(heard) == {DOWN}
        assert 2 * counts.failing > counts.fresh
    if UP in given_canaries.values():
        assert seen is Sight.SEES


@given(canaries, tallies())
def test_one_more_that_answers_never_makes_anybody_blind(given_canaries: Canaries, counts: Tally) -> None:
    if sight(given_canaries, counts) is Sight.BLIND:
        return
    assert sight({**given_canaries, "one more": UP}, counts) is not Sight.BLIND
    better = replace(counts, failing=max(0, counts.failing - 1))
    assert sight(given_canaries, better) is not Sight.BLIND


@given(st.dictionaries(st.text(max_size=2), st.sampled_from(Sight), max_size=5))
def test_of_several_locations_a_strict_majority_decides(locations: dict[str, Sight]) -> None:
    seen = agreed(locations)
    count = sum(one is seen for one in locations.values())
    if seen is not Sight.UNSURE:
        assert 2 * count > len(locations)
    if len(locations) == 1:
        assert {seen} == set(locations.values())


def sample(outcome: Outcome, *, ago: float, took: float = 0.0) -> Sample:
    return Sample(check="a", at=START - timedelta(seconds=ago), duration=took, outcome=outcome)


def test_only_what_was_seen_since_we_doubt_and_in_the_pace_of_its_check_counts() -> None:
    late = LATE.total_seconds()
    since = START - timedelta(seconds=30)
    seen = [
        (sample(DOWN, ago=5), 15.0),
        (sample(UP, ago=5), 15.0),
        (sample(UNKNOWN, ago=5), 15.0),
        (None, 15.0),
        (sample(DOWN, ago=32, took=2), 40.0),  # ended at the moment we began to doubt
        (sample(DOWN, ago=32, took=1), 40.0),  # ended before
        (sample(DOWN, ago=10 + late, took=0), 10.0),
        (sample(DOWN, ago=10.1 + late, took=0), 10.0),  # it should have run again by now
    ]
    assert tally(seen, since=since, now=START) == Tally(remote=8, fresh=4, failing=3)


def blind(alert: Alert | None, after: float) -> Alert | None:
    return advance(alert, Sight.BLIND, after)


def advance(alert: Alert | None, seen: Sight, after: float) -> Alert | None:
    at = START + timedelta(seconds=after)
    (verdict,) = told(seen, at, {"canary:a": "timed out"}).verdicts
    return step(alert, verdict, THRESHOLD)


def test_nobody_is_paged_before_it_has_lasted_and_it_is_over_when_canaries_go_on_answering() -> None:
    opens, over = OPENS_AFTER.total_seconds(), OVER_AFTER.total_seconds()
    alert = blind(None, 0)
    assert alert is not None
    assert alert.state is AlertState.PENDING
    assert "canary:a: timed out" in alert.message
    alert = blind(alert, opens - 1)
    assert alert is not None
    assert alert.state is AlertState.PENDING
    alert = blind(alert, opens)
    assert alert is not None
    assert alert.state is AlertState.FIRING
    alert = advance(alert, Sight.SEES, opens + 1)
    alert = advance(alert, Sight.SEES, opens + over)
    assert alert is not None
    assert alert.state is AlertState.RECOVERING
    alert = blind(alert, opens + over + 0.5)
    assert alert is not None
    assert alert.state is AlertState.FIRING, "it is gone again: the time counts anew"
    alert = advance(alert, Sight.SEES, 100)
    alert = advance(alert, Sight.SEES, 100 + over)
    assert alert is not None
    assert alert.state is AlertState.RESOLVED


def test_a_moment_of_blindness_is_over_with_the_first_answer() -> None:
    alert = advance(blind(None, 0), Sight.SEES, 3)
    assert alert is not None
    assert alert.state is AlertState.OK


@given(st.lists(st.tuples(st.sampled_from((Sight.SEES, Sight.BLIND)), st.floats(0.1, 20)), max_size=40))
def test_we_are_blind_from_the_first_verdict_on_until_canaries_answer(
    verdicts: list[tuple[Sight, float]],
) -> None:
    state, now = State(), 0.0
    for seen, wait in verdicts:
        now += wait
        known = state.records[Alert].get(ALERT)
        alert = advance(known if isinstance(known, Alert) else None, seen, now)
        if alert is not None:
            state.apply(Changes(records=(alert,)))
        if seen is Sight.BLIND:
            assert blind_since(state) is not None
            assert blind_since(state) <= START + timedelta(seconds=now)  # type: ignore[operator]
        elif known is None:
            assert blind_since(state) is None


def test_a_sample_of_a_blind_monitor_is_our_own_trouble_and_keeps_what_its_run_saw() -> None:
    seen = unseen(replace(sample(DOWN, ago=1, took=0.5), error=ErrorClass.CONNECT, message="refused"))
    assert (seen.outcome, seen.error) == (UNKNOWN, ErrorClass.SELF)
    assert "down refused" in seen.message
    assert ended(seen) == START - timedelta(seconds=0.5)
