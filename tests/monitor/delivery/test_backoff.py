"""When a failed send is tried again."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from monitor.delivery.backoff import FIRST, LONGEST, LONGEST_WISH, wait

ATTEMPTS = st.integers(min_value=1, max_value=10_000)
WISHES = st.none() | st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=4000))


@given(ATTEMPTS, st.integers())
def test_a_wait_is_never_longer_than_a_minute_nor_than_its_ceiling(attempt: int, seed: int) -> None:
    seconds = wait(attempt, None, Random(seed)).total_seconds()
    assert 0 < seconds <= min(LONGEST, FIRST * 2 ** min(attempt - 1, 60))


@given(ATTEMPTS, WISHES, st.integers())
def test_a_provider_s_wish_is_honoured_within_bounds(attempt: int, wish: timedelta | None, seed: int) -> None:
    given = wait(attempt, wish, Random(seed))
    assert timedelta(0) < given <= max(timedelta(seconds=LONGEST), LONGEST_WISH)
    if wish is not None:
        assert given >= min(wish, LONGEST_WISH)


def test_many_failures_at_once_do_not_come_back_at_once() -> None:
    dice = Random(1)
    waits = sorted(wait(7, None, dice).total_seconds() for _ in range(1000))
    assert waits[0] < 5
    assert waits[-1] > 55
    thirds = [sum(low <= one < low + 20 for one in waits) for low in (0, 20, 40)]
    assert min(thirds) > 250
