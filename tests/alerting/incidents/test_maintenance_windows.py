"""When planned work takes place: by the wall clock, through every change of it, in every zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting.incidents.maintenance import PlannedWork, next_beginning, occurrences

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",  # its clock jumped at midnight
    "Asia/Beirut",
    "Africa/Casablanca",  # its clock changes round a moving month
    "Africa/Cairo",
    "Australia/Lord_Howe",  # by half an hour
    "Antarctica/Troll",  # by two hours
    "Pacific/Apia",  # left out a whole day in 2011
    "Asia/Kathmandu",
)


def recurring(zone: str, wall: datetime, *, days: int = 1, length: float = 1) -> PlannedWork:
    """Return work that first begins when a wall reads so, of so many hours."""
    return PlannedWork(
        reason="backup",
        author="li",
        starts_at=wall.replace(tzinfo=ZoneInfo(zone)),
        length=timedelta(hours=length),
        every=days * DAY,
        zone=zone,
    )


def at(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("wall", "night", "begins"),
    [
        # Berlin, 2027: 02:00 → 03:00 on 28 March, 03:00 → 02:00 on 31 October
        pytest.param("2027-03-01T02:30", "2027-03-27", "2027-03-27T01:30Z", id="the night before"),
        pytest.param("2027-03-01T02:30", "2027-03-28", "2027-03-28T01:00Z", id="skipped: at the jump"),
        pytest.param("2027-03-01T02:30", "2027-03-29", "2027-03-29T00:30Z", id="the night after"),
        pytest.param("2027-10-01T02:30", "2027-10-31", "2027-10-31T00:30Z", id="twice: its first pass"),
        pytest.param("2027-10-01T02:30", "2027-11-01", "2027-11-01T01:30Z", id="after it came twice"),
        pytest.param("2027-10-01T01:30", "2027-10-31", "2027-10-30T23:30Z", id="before the change"),
    ],
)
def test_a_window_begins_when_the_wall_says_so(wall, night, begins):
    work = recurring("Europe/Berlin", datetime.fromisoformat(wall))
    day = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    found = [window for window in occurrences(work, day, day + DAY) if window[0] >= day]
    assert found == [(at(begins), at(begins) + timedelta(hours=1))]


def test_a_window_lasts_as_long_as_it_says_also_over_the_change_of_the_clock():
    work = recurring("Europe/Berlin", datetime(2027, 10, 1, 1, 0), length=4)  # noqa: DTZ001
    begins = at("2027-10-30T23:00Z")
    assert occurrences(work, begins, begins + SECOND) == [(begins, at("2027-10-31T03:00Z"))]


def test_work_that_does_not_recur_takes_place_once():
    once = PlannedWork(
        reason="x", author="li", starts_at=at("2027-01-04T12:00+08:00"), length=timedelta(hours=2)
    )
    window = (at("2027-01-04T04:00Z"), at("2027-01-04T06:00Z"))
    assert occurrences(once, at("2020-01-01T00:00Z"), at("2040-01-01T00:00Z")) == [window]
    assert occurrences(once, window[1] - SECOND, window[1]) == [window]
    assert occurrences(once, window[1], window[1] + DAY) == []
    assert occurrences(once, window[0] - DAY, window[0]) == []
    assert next_beginning(once, window[0] - SECOND) == window[0]
    assert next_beginning(once, window[0]) is None


def test_a_day_that_a_zone_left_out_has_no_window_of_its_own():
    # Apia went from the 29th to the 31st of December 2011 at midnight.
    work = recurring("Pacific/Apia", datetime(2011, 12, 1, 0, 0))  # noqa: DTZ001
    found = occurrences(work, at("2011-12-29T10:00Z"), at("2012-01-02T10:00Z"))
    assert [begins for begins, _ in found] == [
        at("2011-12-29T10:00Z"),  # the 29th
        at("2011-12-30T10:00Z"),  # the 31st, and what would have been the 30th
        at("2011-12-31T10:00Z"),
        at("2012-01-01T10:00Z"),
    ]


def test_a_time_without_zone_is_refused():
    work = recurring("UTC", datetime(2027, 1, 1, 0, 0))  # noqa: DTZ001
    with pytest.raises(ValueError, match="no zone"):
        occurrences(work, datetime(2027, 1, 1), at("2027-01-02T00:00Z"))  # noqa: DTZ001


works = st.builds(
    recurring,
    st.sampled_from(ZONES),
    st.datetimes(datetime(2005, 1, 1), datetime(2037, 1, 1)).map(lambda wall: wall.replace(microsecond=0)),  # noqa: DTZ001
    days=st.sampled_from([1, 1, 2, 7, 14]),
    length=st.sampled_from([0.25, 1, 6, 20]),
)
spans = st.tuples(st.integers(0, 800 * 24), st.integers(1, 40 * 24))


@settings(max_examples=300, deadline=None)
@given(works, spans)
@example(recurring("America/Sao_Paulo", datetime(2018, 10, 1, 0, 30)), (20 * 24, 24 * 30))  # noqa: DTZ001
@example(recurring("Pacific/Apia", datetime(2011, 12, 1, 12, 0)), (20 * 24, 24 * 30))  # noqa: DTZ001
def test_every_window_begins_at_the_wall_time_or_at_the_jump_that_skips_it(work, span):
    zone, first = ZoneInfo(work.zone), work.starts_at.astimezone(UTC)
    wall = first.astimezone(zone).replace(tzinfo=None)
    since = first + timedelta(hours=span[0])
    found = occurrences(work, since, since + timedelta(hours=span[1]))
    for begins, ends in found:
        assert ends - begins == work.length
        local = begins.astimezone(zone).replace(tzinfo=None)
        on_time = local.time() == wall.time() and (local.date() - wall.date()) % work.every == timedelta(0)
        before = (begins - SECOND).astimezone(zone).replace(tzinfo=None)
        jumped = local - before > SECOND and _passes(before, local, wall, work.every)
        assert begins == first or on_time or jumped, (begins, local, wall)
        assert begins >= first
    starts = [begins for begins, _ in found]
    assert starts == sorted(set(starts))


def _passes(before: datetime, after: datetime, wall: datetime, every: timedelta) -> bool:
    """Tell whether a jump of the wall passes over one of the times it should read."""
    days = [before.date() + count * DAY for count in range((after.date() - before.date()).days + 1)]
    return any(
        before < datetime.combine(day, wall.time()) <= after and (day - wall.date()) % every == timedelta(0)
        for day in days
    )


@settings(max_examples=200, deadline=None)
@given(works, spans)
def test_no_turn_is_left_out(work, span):
    zone, first = ZoneInfo(work.zone), work.starts_at.astimezone(UTC)
    wall = first.astimezone(zone).replace(tzinfo=None)
    since = first + timedelta(hours=span[0])
    until = since + timedelta(hours=span[1])
    starts = {begins for begins, _ in occurrences(work, since, until)}
    day = wall.date()
    while day < until.date() + 2 * DAY:
        local = datetime.combine(day, wall.time(), zone)
        exists = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        instant = local.astimezone(UTC)
        if exists and first <= instant and since <= instant < until:
            assert instant in starts or instant - first < DAY
        day += work.every


@settings(max_examples=200, deadline=None)
@given(works, spans, st.floats(0, 1))
def test_a_time_cut_in_two_has_the_same_windows(work, span, share):
    since = work.starts_at.astimezone(UTC) + timedelta(hours=span[0])
    until = since + timedelta(hours=span[1])
    middle = since + (until - since) * share
    halves = [*occurrences(work, since, middle), *occurrences(work, middle, until)]
    assert sorted(set(halves)) == occurrences(work, since, until)


@settings(max_examples=200, deadline=None)
@given(works, st.integers(-100, 800 * 24))
def test_the_next_beginning_is_the_first_of_all_that_follow(work, hours):
    after = work.starts_at.astimezone(UTC) + timedelta(hours=hours)
    following = next_beginning(work, after)
    assert following is not None
    assert following > after
    between = [begins for begins, _ in occurrences(work, after + SECOND, following) if begins > after]
    assert between == []
    assert occurrences(work, following, following + SECOND)[-1][0] == following


def test_a_series_ends_with_the_calendar_instead_of_failing():
    work = recurring("UTC", datetime(9980, 1, 1))  # noqa: DTZ001
    assert occurrences(work, datetime(9989, 12, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC))
    assert next_beginning(work, datetime(9995, 1, 1, tzinfo=UTC)) is None
