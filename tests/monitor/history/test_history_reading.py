"""The history: what was seen is found again, by itself and rolled up, and the same whichever way it is asked for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.past import DAY, START, Past
from monitor.history.block import VALUES, unpack
from monitor.history.rollup import RollUp
from monitor.history.words import HistoryError, Level, Point
from probes.sample import ErrorClass, Outcome

UP, DOWN, UNKNOWN = Outcome.UP, Outcome.DOWN, Outcome.UNKNOWN


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_samples_come_back_in_their_order_with_values_phases_parts_and_errors(past: Past) -> None:
    given_ = [
        past.sample("home", values={"status_code": 200.0, "age": 1 / 3}, phases={"connect": 0.5}),
        past.sample("disks", parts={"/": {"used_ratio": 0.1}, "/boot": {"used_ratio": 0.9, "free": 1e13}}),
    ]
    past.saw(*given_)
    past.pass_(10)
    last = past.sample("home", outcome=DOWN, duration=5.0)
    past.saw(last)
    past.pass_(10)

    assert past.samples() == [*given_, last]
    assert past.samples(until=START + timedelta(seconds=5)) == given_


def test_a_point_counts_outcomes_and_error_classes_and_bounds_the_values(past: Past) -> None:
    for outcome, value in ((UP, 1.0), (UP, 4.0), (DOWN, None), (UNKNOWN, None)):
        past.clock.at += timedelta(seconds=1)
        past.saw(past.sample(outcome=outcome, values={"age": value} if value else {}))

    (point,) = past.read(metric="age", step=60, since=START).points

    assert point == Point(
        at=START, up=2, down=1, unknown=1, errors={"timeout": 1}, low=1.0, mean=2.5, high=4.0
    )


def test_what_is_not_on_the_disk_yet_is_read_all_the_same(past: Past) -> None:
    past.saw(past.sample())

    assert past.read().points[0].up == 1
    assert past.samples() == []


def test_a_part_has_a_history_of_its_own(past: Past) -> None:
    past.saw(past.sample("disks", parts={"/": {"used": 0.25}, "/var": {"used": 0.75}}))
    past.pass_(10)

    assert past.read("disks", "used", part="/var").points[0].mean == 0.75
    assert past.read("disks", "used", part="/").points[0].mean == 0.25
    assert past.read("disks", "used", part="/srv").points == ()
    assert past.read("disks", "used").points[0].mean is None


def test_of_a_check_or_metric_never_seen_there_is_nothing(past: Past) -> None:
    past.saw(past.sample())

    assert past.read("nope").points == ()
    assert past.read(metric="nope").points[0].mean is None


def test_what_is_no_finite_number_is_left_out_and_the_rest_kept(past: Past) -> None:
    past.saw(past.sample(values={"good": 1.0, "bad": float("nan"), "worse": float("inf")}))

    assert past.read(metric="good").points[0].mean == 1.0
    assert past.read(metric="bad").points[0].mean is None
    assert past.read(metric="bad").points[0].up == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((3, 47, 611, 4000)), st.sampled_from((UP, DOWN, UNKNOWN)), st.integers(-999, 999)
        ),
        min_size=1,
        max_size=60,
    )
)
def test_rolled_up_it_says_what_single_samples_say(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, Outcome, int]]
) -> None:
    """Whatever was rolled up by then, and however often the process began anew: no run counts twice or not at all."""
    past = Past(tmp_path_factory.mktemp("past"))
    alone: dict[int, list[float]] = {}
    counts: dict[int, list[int]] = {}
    for number, (wait, outcome, value) in enumerate(runs):
        past.pass_(wait)
        sample = past.sample(outcome=outcome, values={"x": float(value)})
        past.saw(sample)
        hour = int(sample.at.timestamp()) // 3600
        alone.setdefault(hour, []).append(float(value))
        counts.setdefault(hour, [0, 0, 0])[(UP, DOWN, UNKNOWN).index(outcome)] += 1
        if number % 7 == 6:
            past.keeper.close()
            past.fresh()
    for rest in (0, 10, 400, 5000, 2 * 86400):
        past.pass_(rest)
        found = {int(one.at.timestamp()) // 3600: one for one in past.read(metric="x").points}

        assert {hour: [one.up, one.down, one.unknown] for hour, one in found.items()} == counts
        for hour, values in alone.items():
            one = found[hour]
            assert (one.low, one.high) == (min(values), max(values))
            assert one.mean == pytest.approx(sum(values) / len(values), abs=1e-3)


def test_days_are_made_of_hours_and_those_of_minutes(past: Past) -> None:
    for _ in range(50):
        past.saw(past.sample(values={"x": 1.0}))
        past.pass_(3600)
    past.pass_(2 * 86400)
    file = past.keeper.file()

    blocks = {level: file.fresh(level, 0, 0, 2**62, 1000) for level in Level}
    assert all(blocks.values())
    days = [one for _, data in blocks[Level.DAYS] for one in unpack(data) if one.kind == VALUES]
    assert sum(sum(one.columns[2]) for one in days) == 50


def test_a_step_longer_than_asked_for_where_it_is_too_long_ago(past: Past) -> None:
    past.saw(past.sample(values={"x": 1.0}))
    for _ in range(4):
        past.pass_(DAY.total_seconds())

    assert past.samples() == []
    assert past.read(step=1, since=past.clock.at - timedelta(hours=1), until=past.clock.at).step == 1
    assert past.read(step=1, since=START - timedelta(hours=1), until=START + timedelta(hours=1)).step == 60
    assert past.read(step=60).points[0].up == 1


def test_more_points_than_anybody_reads_are_refused(past: Past) -> None:
    with pytest.raises(HistoryError, match="cannot read the history of home: that is more than 10000 points"):
        past.read(step=1, since=START - DAY)


def test_a_roll_up_of_nothing_is_nothing() -> None:
    assert list(RollUp(60).sections()) == []


def test_errors_are_those_that_probes_know(past: Past) -> None:
    for error in ErrorClass:
        past.saw(past.sample(outcome=DOWN, error=error))

    assert past.read().points[0].errors == {error.value: 1 for error in ErrorClass}
