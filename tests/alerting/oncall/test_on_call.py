"""Who is on call: turns, nights, gaps and overlaps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.oncall.rota import EVERY_DAY, Day, Turn
from alerting.oncall.shifts import LOOK_AHEAD, gaps, on_call, people_on, timeline
from lab.rotas import rota, round_the_clock, shift

SHANGHAI = ZoneInfo("Asia/Shanghai")


def shanghai(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "name", "people", "until"),
    [
        pytest.param("2027-01-04T08:00", "early", ("li",), "2027-01-04T16:00", id="the first second"),
        pytest.param("2027-01-04T15:59:59", "early", ("li",), "2027-01-04T16:00", id="the last second"),
        pytest.param("2027-01-04T16:00", "mid", ("han",), "2027-01-05T00:00", id="to midnight"),
        pytest.param("2027-01-05T00:00", "night", ("wu",), "2027-01-05T08:00", id="from midnight"),
    ],
)
def test_the_shift_that_runs_is_on(at, name, people, until):
    found = on_call(round_the_clock("Asia/Shanghai"), shanghai(at))

    assert (found.shift, found.people, found.until) == (name, people, shanghai(until))
    assert people_on(round_the_clock("Asia/Shanghai"), shanghai(at)) == people
    assert found.rota == "ops"
    assert found.at.tzinfo is found.until.tzinfo is UTC


def test_the_backup_is_named_beside_who_is_on():
    ops = rota("Asia/Shanghai", shift("all", "00:00", "00:00", "li"), backup=("han", "wu"))

    assert on_call(ops, shanghai("2027-01-04T08:00")).backup == ("han", "wu")


def test_a_night_belongs_to_the_day_it_begins():
    ops = rota("Asia/Shanghai", shift("night", "20:00", "08:00", "li", days=(Day.FRI,)))

    assert on_call(ops, shanghai("2027-01-08T20:00")).people == ("li",)  # a Friday
    assert on_call(ops, shanghai("2027-01-09T07:59")).people == ("li",)  # its Saturday morning
    assert on_call(ops, shanghai("2027-01-08T07:59")).people == ()  # Friday morning is Thursday's night


def test_from_equal_to_is_a_whole_day():
    ops = rota("Asia/Shanghai", shift("duty", "09:00", "09:00", "li", days=(Day.MON,)))
    found = on_call(ops, shanghai("2027-01-04T09:00"))

    assert (found.people, found.until) == (("li",), shanghai("2027-01-05T09:00"))
    assert on_call(ops, found.until).people == ()


@pytest.mark.parametrize(
    ("day", "person"),
    [
        pytest.param("2027-01-04", "li", id="the anchor"),
        pytest.param("2027-01-05", "han", id="the day after"),
        pytest.param("2027-01-07", "li", id="round again"),
        pytest.param("2027-01-03", "wu", id="the day before the anchor counts backwards"),
        pytest.param("2027-01-02", "han", id="further back"),
    ],
)
def test_a_daily_turn_counts_days_from_its_anchor(day, person):
    ops = rota(
        "Asia/Shanghai",
        shift("duty", "09:00", "09:00", "li", "han", "wu", turn=Turn.DAILY, start=date(2027, 1, 4)),
    )

    assert on_call(ops, shanghai(f"{day}T10:00")).people == (person,)


@pytest.mark.parametrize(
    ("at", "person"),
    [
        pytest.param("2027-01-06T18:00", "li", id="the anchor, a Wednesday"),
        pytest.param("2027-01-13T17:59", "li", id="a week later until the shift begins"),
        pytest.param("2027-01-13T18:00", "han", id="hand-over at the shift's begin"),
        pytest.param("2027-01-20T18:00", "li", id="round again"),
        pytest.param("2027-01-06T17:59", "han", id="before the anchor counts backwards"),
    ],
)
def test_a_weekly_turn_runs_from_the_anchors_weekday_at_the_shifts_begin(at, person):
    ops = rota(
        "Asia/Shanghai",
        shift("duty", "18:00", "18:00", "li", "han", turn=Turn.WEEKLY, start=date(2027, 1, 6)),
    )

    assert on_call(ops, shanghai(at)).people == (person,)


def test_a_turn_without_an_anchor_changes_on_mondays():
    ops = rota("Asia/Shanghai", shift("duty", "00:00", "00:00", "li", "han", turn=Turn.WEEKLY))
    found = on_call(ops, shanghai("2027-01-06T12:00"))

    assert found.until == shanghai("2027-01-11T00:00")
    assert on_call(ops, found.until).people != found.people


def test_until_passes_over_hand_overs_that_change_nothing():
    ops = rota(
        "Asia/Shanghai",
        shift("duty", "08:00", "08:00", "li", "han", turn=Turn.WEEKLY, start=date(2027, 1, 4)),
    )
    found = on_call(ops, shanghai("2027-01-05T12:00"))

    assert found.until == shanghai("2027-01-11T08:00")


def test_where_nothing_ever_changes_until_is_as_far_as_one_looks():
    ops = rota("Asia/Shanghai", shift("duty", "08:00", "08:00", "li"))
    found = on_call(ops, shanghai("2027-01-05T12:00"))

    assert found.until == shanghai("2027-01-05T12:00") + LOOK_AHEAD


def test_overlapping_shifts_put_everybody_on_in_the_order_of_the_rota():
    ops = rota(
        "Asia/Shanghai",
        shift("office", "09:00", "17:00", "wu", "li"),
        shift("duty", "00:00", "00:00", "li"),
        shift("late", "16:00", "20:00", "han"),
    )

    at_four = on_call(ops, shanghai("2027-01-04T16:30"))
    assert (at_four.shift, at_four.people) == ("office+duty+late", ("wu", "li", "han"))
    assert at_four.until == shanghai("2027-01-04T17:00")
    assert on_call(ops, shanghai("2027-01-04T03:00")).shift == "duty"


def test_in_a_gap_nobody_is_on_until_the_next_shift():
    ops = rota("Asia/Shanghai", shift("office", "09:00", "17:00", "li", days=EVERY_DAY[:5]))
    found = on_call(ops, shanghai("2027-01-08T17:00"))  # a Friday

    assert (found.shift, found.people) == (None, ())
    assert found.until == shanghai("2027-01-11T09:00")


def test_a_shift_of_nobody_is_a_gap():
    ops = rota(
        "Asia/Shanghai", shift("duty", "00:00", "00:00"), shift("turn", "08:00", "09:00", turn=Turn.DAILY)
    )

    assert on_call(ops, shanghai("2027-01-04T08:30")).shift is None


def test_gaps_are_told_within_the_window_and_joined():
    ops = rota("Asia/Shanghai", shift("office", "09:00", "17:00", "li", days=EVERY_DAY[:5]))

    assert gaps(ops, shanghai("2027-01-07T12:00"), shanghai("2027-01-10T12:00")) == [
        (shanghai("2027-01-07T17:00"), shanghai("2027-01-08T09:00")),
        (shanghai("2027-01-08T17:00"), shanghai("2027-01-10T12:00")),
    ]


def test_a_rota_without_shifts_is_one_gap_however_long():
    start, end = shanghai("2027-01-01T00:00"), shanghai("2027-12-01T00:00")

    assert gaps(rota("Asia/Shanghai"), start, end) == [(start, end)]
    assert gaps(round_the_clock("Asia/Shanghai"), start, end) == []


def test_the_timeline_of_a_fortnight_has_one_line_per_change():
    entries = timeline(
        round_the_clock("Asia/Shanghai"), shanghai("2027-01-04T12:00"), shanghai("2027-01-18T12:00")
    )

    assert len(entries) == 14 * 3 + 1
    assert [entry.shift for entry in entries[:4]] == ["early", "mid", "night", "early"]
    assert all(entry.until == after.at for entry, after in pairwise(entries))


def test_an_empty_window_has_no_timeline():
    ops = round_the_clock("Asia/Shanghai")

    assert timeline(ops, shanghai("2027-01-04T12:00"), shanghai("2027-01-04T12:00")) == []


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None), id="no zone"),
        pytest.param(datetime(9999, 12, 31, tzinfo=UTC), id="beyond the calendar"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), id="before it"),
    ],
)
def test_a_time_that_cannot_be_placed_is_refused(instant):
    with pytest.raises(ValueError, match="cannot tell who is on call"):
        on_call(round_the_clock("Asia/Shanghai"), instant)


@given(
    weeks=st.integers(0, 3000),
    people=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True),
)
def test_before_and_after_its_anchor_everybody_has_the_same_number_of_weeks(weeks, people):
    ops = rota(
        "UTC",
        shift("duty", "00:00", "00:00", *people, turn=Turn.WEEKLY, start=date(2020, 1, 6)),
    )

    at = datetime(1971, 1, 1, tzinfo=UTC) + timedelta(weeks=weeks)
    turns = [on_call(ops, at + timedelta(weeks=week)).people[0] for week in range(2 * len(people))]

    assert all(turns.count(person) == 2 for person in people)
