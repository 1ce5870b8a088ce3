"""The history of a check: its last runs in a small ring, and the account of its last failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.history import KEPT, Track
from probes.sample import ErrorClass, Outcome, Sample

START = datetime(2027, 1, 4, 3, 0, tzinfo=UTC)


def sample(number: int, outcome: Outcome = Outcome.UP) -> Sample:
    error = None if outcome is Outcome.UP else ErrorClass.CONNECT
    return Sample(
        check="home",
        at=START + timedelta(seconds=10 * number),
        duration=number / 4,
        outcome=outcome,
        error=error,
    )


@given(st.lists(st.sampled_from(Outcome), max_size=3 * KEPT))
def test_a_track_holds_the_last_runs_in_their_order(outcomes: list[Outcome]) -> None:
    track = Track()
    given = [sample(number, outcome) for number, outcome in enumerate(outcomes)]
    for one in given:
        track.add(one)

    last = given[-KEPT:]
    assert len(track) == len(last)
    assert [(past.at, past.outcome, past.duration) for past in track] == [
        (one.at, one.outcome, one.duration) for one in last
    ]
    failures = [one for one in given if one.outcome is not Outcome.UP]
    assert track.failure is (failures[-1] if failures else None)
