"""Who is on call while clocks change: in every zone, somebody and only one, at every instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerting.oncall.rota import Day, Shift, Turn
from alerting.oncall.shifts import LOOK_AHEAD, gaps, on_call, timeline
from lab.rotas import rota, round_the_clock, shift

SECOND = timedelta(seconds=1)

ODD_ZONES = [
    "America/Havana",  # goes back at 01:00 to midnight, jumps over midnight
    "Asia/Beirut",  # jumps over midnight, goes back from midnight to 23:00
    "Asia/Gaza",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Asuncion",
    "America/St_Johns",  # until 2011 at 00:01, so that the repeated hour spans midnight
    "Australia/Lord_Howe",  # half an hour
    "Europe/Dublin",  # winter is the exception
    "Africa/Casablanca",  # twice more a year, around Ramadan
    "Antarctica/Troll",  # two hours
    "Pacific/Apia",  # 2011-12-30 did not happen
    "Pacific/Kwajalein",  # nor did 1993-08-21
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "America/Caracas",
    "Europe/Volgograd",
]
ZONES = sorted(available_timezones() - {"localtime"})  # which is this machine's, not the world's


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("Europe/Berlin", "2027-03-28", 7, id="spring"),
        pytest.param("Europe/Berlin", "2027-10-31", 9, id="autumn"),
        pytest.param("Europe/Berlin", "2027-06-01", 8, id="any other day"),
        pytest.param("America/Havana", "2027-03-14", 7, id="midnight itself is skipped"),
        pytest.param("America/Havana", "2027-11-07", 9, id="midnight comes twice"),
        pytest.param("Australia/Lord_Howe", "2027-10-03", 7.5, id="half an hour"),
        pytest.param("Asia/Shanghai", "2027-03-28", 8, id="a zone without changes"),
    ],
)
def test_a_night_is_as_long_as_the_wall_makes_it(zone, day, hours):
    entries = timeline(
        round_the_clock(zone),
        datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)) - timedelta(days=1),
        datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)),
    )
    night = next(entry for entry in entries if entry.shift == "night")

    assert night.until - night.at == timedelta(hours=hours)


def test_a_shift_that_begins_in_a_skipped_hour_begins_at_the_jump():
    zone = ZoneInfo("Europe/Berlin")
    ops = rota(zone.key, shift("duty", "02:30", "02:30", "li", "han", turn=Turn.DAILY))
    jump = datetime(2027, 3, 28, 1, tzinfo=UTC)

    assert on_call(ops, jump - SECOND).until == jump
    assert on_call(ops, jump).until == datetime(2027, 3, 29, 2, 30, tzinfo=zone)


def test_a_shift_that_begins_in_a_repeated_hour_begins_in_its_first_pass():
    ops = rota("Europe/Berlin", shift("duty", "02:30", "02:30", "li", "han", turn=Turn.DAILY))

    assert on_call(ops, datetime(2027, 10, 30, 12, tzinfo=UTC)).until == datetime(
        2027, 10, 31, 0, 30, tzinfo=UTC
    )


def test_a_shift_within_a_skipped_hour_does_not_take_place_that_day():
    zone = ZoneInfo("Europe/Berlin")
    ops = rota(zone.key, shift("backup-watch", "02:10", "02:50", "li"))
    start = datetime(2027, 3, 27, 12, tzinfo=UTC)

    assert on_call(ops, start).until == datetime(2027, 3, 29, 2, 10, tzinfo=zone)


def test_a_day_that_never_happened_has_no_shifts():
    apia = ZoneInfo("Pacific/Apia")
    entries = timeline(
        round_the_clock(apia.key),
        datetime(2011, 12, 29, 16, tzinfo=apia),
        datetime(2011, 12, 31, 16, tzinfo=apia),
    )

    assert [entry.shift for entry in entries] == ["mid", "night", "early"]
    assert entries[1].at == datetime(2011, 12, 31, 0, tzinfo=apia)
    assert all(entry.until - entry.at == timedelta(hours=8) for entry in entries)


def test_an_hour_repeated_across_midnight_belongs_to_the_day_that_had_begun():
    """In St John's the clock once went back at 00:01 to 23:01 of the day before."""
    zone = ZoneInfo("America/St_Johns")
    night = datetime(2010, 11, 7, 0, 0, 30, tzinfo=zone)
    again = datetime(2010, 11, 6, 23, 30, tzinfo=zone, fold=1)

    assert again.astimezone(UTC) > night.astimezone(UTC)
    assert on_call(round_the_clock(zone.key), night).shift == "night"
    assert on_call(round_the_clock(zone.key), again).shift == "night"


def days_of_change(zone, years):
    """Return the instants of midnight (UTC) around which the offset of `zone` changes."""
    found = []
    for year in years:
        at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        while at < end:
            after = at + timedelta(days=1)
            if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                found.append(at)
            at = after
    return found


def assert_tiled(ops, start, end):
    """Hold every promise of the timeline between two instants; return its entries."""
    entries = timeline(ops, start, end)
    assert entries[0].at == start
    assert entries[-1].until >= end
    for entry, after in pairwise(entries):
        assert entry.at < entry.until == after.at
        assert (entry.shift, entry.people) != (after.shift, after.people)
    for entry in entries:
        assert len(entry.people) == 1, f"{entry.people} at {entry.at}"
        for instant in (entry.at + (entry.until - entry.at) / 2, entry.until - SECOND):
            inside = on_call(ops, instant)
            assert (inside.shift, inside.people, inside.until) == (entry.shift, entry.people, entry.until)
    return entries


@pytest.mark.parametrize("name", ODD_ZONES)
def test_somebody_and_only_one_is_on_at_every_instant_of_odd_zones(name):
    ops = round_the_clock(name)

    entries = assert_tiled(ops, datetime(2010, 9, 1, tzinfo=UTC), datetime(2012, 2, 1, tzinfo=UTC))

    assert {entry.shift for entry in entries} == {"early", "mid", "night"}


def test_somebody_and_only_one_is_on_around_every_change_of_every_zone():
    """One offset history stands for all names that share it; three days around each change are walked."""
    seen = set()
    for name in ZONES:
        zone = ZoneInfo(name)
        changes = days_of_change(zone, range(2023, 2030))
        history = tuple(
            (at, at.astimezone(zone).utcoffset(), (at + timedelta(days=1)).astimezone(zone).utcoffset())
            for at in changes
        )
        if not history or history in seen:
            continue
        seen.add(history)
        for at in changes:
            assert_tiled(round_the_clock(zone.key), at - timedelta(days=1), at + timedelta(days=2))
    assert len(seen) > 20


zones = st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES)).map(ZoneInfo)
instants = st.integers(0, 66 * 366 * 86400).map(
    lambda seconds: datetime(1971, 1, 1, tzinfo=UTC) + seconds * SECOND
)
minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@given(zone=zones, at=instants)
def test_who_is_on_is_who_the_wall_clock_says_outside_repeated_hours(zone, at):
    local = at.astimezone(zone)
    assume(not local.fold and local.replace(fold=1).astimezone(UTC) == at)
    # Nor where the clock has just gone back across midnight: the table above has that case.
    assume(all((at - timedelta(hours=back)).astimezone(zone).date() <= local.date() for back in (1, 2, 3)))
    expected = {0: "night", 1: "early", 2: "mid"}[local.hour // 8]

    assert on_call(round_the_clock(zone.key), at).shift == expected


@given(zone=zones, at=instants, cuts=st.lists(minutes, min_size=2, max_size=6, unique=True))
def test_shifts_that_meet_on_the_wall_meet_in_time(zone, at, cuts):
    """Any division of the day into shifts tiles every day: no gap, no overlap."""
    cuts = sorted(cuts)
    ends = cuts[1:] + cuts[:1]
    ops = rota(
        zone.key,
        *(
            Shift(id=f"s{place}", begins=begins, ends=end, people=(f"p{place}",))
            for place, (begins, end) in enumerate(zip(cuts, ends, strict=True))
        ),
    )

    assert_tiled(ops, at, at + timedelta(days=2))


shifts = st.builds(
    lambda begins, ends, people, turn, start, days: (begins, ends, tuple(people), turn, start, tuple(days)),
    minutes,
    minutes,
    st.lists(st.sampled_from(["li", "han", "wu", "zhao"]), max_size=4, unique=True),
    st.sampled_from(Turn),
    st.none() | st.dates(date(2000, 1, 1), date(2040, 1, 1)),
    st.lists(st.sampled_from(Day), min_size=1, max_size=7, unique=True),
)


def build(zone, parts):
    return rota(
        zone.key,
        *(
            Shift(id=f"s{place}", begins=begins, ends=ends, people=people, turn=turn, start=start, days=days)
            for place, (begins, ends, people, turn, start, days) in enumerate(parts)
        ),
    )


@given(zone=zones, at=instants, parts=st.lists(shifts, max_size=4))
def test_any_rota_has_a_timeline_that_goes_forward_and_agrees_with_itself(zone, at, parts):
    ops = build(zone, parts)
    end = at + timedelta(days=3)
    entries = timeline(ops, at, end)

    assert entries[0].at == at
    assert entries[-1].until >= end
    for entry, after in pairwise(entries):
        assert entry.at < entry.until == after.at
        if entry.until - entry.at < LOOK_AHEAD:
            assert (entry.shift, entry.people) != (after.shift, after.people)
    for entry in entries:
        assert (entry.shift is None) == (entry.people == ())
        last = on_call(ops, entry.until - timedelta(microseconds=1))
        assert (last.shift, last.people) == (entry.shift, entry.people)


@given(zone=zones, at=instants, parts=st.lists(shifts, max_size=4))
def test_gaps_are_exactly_where_nobody_is_on(zone, at, parts):
    ops = build(zone, parts)
    end = at + timedelta(days=10)
    holes = gaps(ops, at, end)

    for begin, until in holes:
        assert at <= begin < until <= end
        assert not on_call(ops, begin).people
        assert until == end or on_call(ops, until).people
    covered = sum((until - begin for begin, until in holes), timedelta(0))
    manned = sum(
        (min(entry.until, end) - entry.at for entry in timeline(ops, at, end) if entry.people), timedelta(0)
    )
    assert covered + manned == end - at
