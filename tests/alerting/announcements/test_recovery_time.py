"""When it is expected to be over: learned from enough past recoveries, else the configured figure."""

from __future__ import annotations

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alerting.announcements.recovery_time import expected

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("past", "seconds", "estimated"),
    [
        pytest.param([], 1800, True, id="nothing known"),
        pytest.param([60, 60, 60, 60], 1800, True, id="four are not enough"),
        pytest.param([60, 120, 180, 240, 300], 240, False, id="five: the fourth"),
        pytest.param([300, 60, 240, 120, 180], 240, False, id="in any order"),
        pytest.param([60, 60, 60, 60, 9000], 60, False, id="one long one does not frighten"),
        pytest.param([10, 20, 30, 40, 50, 60], 50, False, id="six: the fifth"),
        pytest.param([float(number) for number in range(1, 11)], 8, False, id="ten: the eighth"),
    ],
)
def test_the_80th_percentile_by_nearest_rank(past, seconds, estimated):
    assert expected(past, HALF_AN_HOUR) == (timedelta(seconds=seconds), estimated)


@given(st.lists(st.floats(0, 1e6), min_size=5))
def test_four_of_five_past_recoveries_took_no_longer(past):
    found, estimated = expected(past, HALF_AN_HOUR)
    shorter = sum(timedelta(seconds=one) <= found for one in past)
    assert not estimated
    assert shorter >= 0.8 * len(past)
