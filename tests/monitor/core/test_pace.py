"""A pace: nobody waits where little happens, and nobody for long where much does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.pace import GATHER, MANY, WINDOW, Pace

GAPS = st.lists(st.floats(0, 2 * WINDOW / MANY), min_size=1, max_size=200)


def passes(gaps: list[float]) -> list[tuple[float, float]]:
    """Let things come by and by; return when each came and passed. What comes meanwhile passes with it."""
    pace, now, free, passed = Pace(), 0.0, 0.0, []
    for gap in gaps:
        now += gap
        if now < free:
            continue  # it goes with the one that waits
        free = now + pace.wait(now)
        pace.passed(free)
        passed.append((now, free))
    return passed


def test_a_few_pass_at_once() -> None:
    assert all(came == went for came, went in passes([0.0] + [WINDOW / MANY / 2] * (MANY - 1)))


def test_what_comes_slowly_never_waits() -> None:
    assert all(came == went for came, went in passes([1.01 * WINDOW / MANY] * 100))


def test_after_a_quiet_moment_nobody_waits_again() -> None:
    *_, (came, went) = passes([0.01] * 300 + [2 * WINDOW])
    assert came == went


def test_where_it_stays_much_they_go_on_together() -> None:
    times = [went for _, went in passes([0.01] * 1000)]
    assert len(times) <= MANY + 10 / GATHER + 1


@given(GAPS)
def test_nobody_waits_for_long(gaps: list[float]) -> None:
    assert all(0 <= went - came <= GATHER + 1e-9 for came, went in passes(gaps))


@given(GAPS)
def test_in_no_second_more_pass_than_the_first_few_and_one_each_tenth(gaps: list[float]) -> None:
    times = [went for _, went in passes(gaps)]
    for first in times:
        within = sum(first <= one < first + WINDOW for one in times)
        assert within <= MANY + WINDOW / GATHER + 1
