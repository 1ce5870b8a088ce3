"""Times as people write and read them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli import times

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2027, 1, 4, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("now", "2027-01-04T04:00:00Z", id="now"),
        pytest.param("03:00", "2027-01-03T19:00:00Z", id="today by the wall"),
        pytest.param("3:00", "2027-01-03T19:00:00Z", id="one digit"),
        pytest.param("23:30", "2027-01-04T15:30:00Z", id="later today"),
        pytest.param("2027-01-05 08:00", "2027-01-05T00:00:00Z", id="wall time"),
        pytest.param("2027-01-05T08:00", "2027-01-05T00:00:00Z", id="wall time with T"),
        pytest.param("2027-01-05", "2027-01-04T16:00:00Z", id="a day begins at midnight"),
        pytest.param("2027-01-05T08:00:00Z", "2027-01-05T08:00:00Z", id="UTC"),
        pytest.param("2027-01-05T08:00:00+02:00", "2027-01-05T06:00:00Z", id="offset"),
        pytest.param("+2h", "2027-01-04T06:00:00Z", id="ahead"),
        pytest.param("+1h30m", "2027-01-04T05:30:00Z", id="two units ahead"),
        pytest.param("-15m", "2027-01-04T03:45:00Z", id="ago"),
    ],
)
def test_a_time_is_read_by_the_walls_of_the_site(text: str, at: str) -> None:
    assert times.written(times.moment(text, SHANGHAI, NOW)) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2027-02-30", "12", "0001-01-01 00:00", "9999-12-31T23:59-12:00"]
)
def test_what_is_no_time_is_answered_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: write 2027-01-04 03:00"):
        times.moment(text, SHANGHAI, NOW)


@pytest.mark.parametrize("text", ["+5", "+", "+2 hours", "-x"])
def test_an_offset_needs_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match=r"a time like 10s, 5m or 1h30m|is no time"):
        times.moment(text, SHANGHAI, NOW)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    for read in (lambda: times.moment(text, SHANGHAI, NOW), lambda: times.duration(text)):
        with suppress(ValueError):
            read()
    times.instant(text)


def test_a_length_beyond_a_hundred_years_is_refused() -> None:
    for text in ("99999999999999w", "40000d"):
        with pytest.raises(ValueError, match="less than a hundred years"):
            times.duration(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"), (0.4, "just now"), (1, "1 s ago"), (59, "59 s ago"), (60, "1 min ago"),
        (3599, "59 min ago"), (3600, "1 h ago"), (8999, "2 h 29 min ago"), (37800, "10 h ago"),
        (129600, "1 d 12 h ago"), (259205, "3 d ago"), (-90, "in 1 min"), (-86400, "in 1 d"),
    ],
)  # fmt: skip
def test_distance_is_told_in_short(seconds: float, words: str) -> None:
    assert times.relative(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("at", "wall"),
    [
        pytest.param(datetime(2027, 1, 3, 23, 0, tzinfo=UTC), "07:00", id="today there, yesterday in UTC"),
        pytest.param(datetime(2027, 1, 3, 4, 0, tzinfo=UTC), "01-03 12:00", id="this year"),
        pytest.param(datetime(2026, 12, 31, 15, 59, tzinfo=UTC), "2026-12-31 23:59", id="last year"),
    ],
)
def test_wall_time_says_only_as_much_as_is_needed(at: datetime, wall: str) -> None:
    assert times.wall(at, SHANGHAI, NOW) == wall


def test_the_hour_that_is_skipped_is_read_as_some_instant_nearby() -> None:
    at = times.moment("2027-03-28 02:30", BERLIN, NOW)

    assert datetime(2027, 3, 28, 0, 30, tzinfo=UTC) <= at <= datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, 3, "soon", ["2027-01-04T04:00:00Z"]])
def test_what_is_no_instant_is_absent(value: object) -> None:
    assert times.instant(value) is None


def test_an_instant_without_a_zone_is_utc() -> None:
    assert times.instant("2027-01-04T04:00:00") == NOW
