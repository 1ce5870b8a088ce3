"""A pace: nobody waits where little happens, and nobody for long where much does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.pace import CALM, GATHER, WINDOW, Pace

GAPS = st.lists(st.floats(0, 2 * WINDOW / CALM), min_size=1, max_size=200)


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
    assert all(came == went for came, went in passes([0.0] + [WINDOW / CALM / 2] * (CALM - 1)))


def test_what_comes_slowly_never_waits() -> None:
    assert all(came == went for came, went in passes([1.01 * WINDOW / CALM] * 100))


def test_after_a_quiet_moment_nobody_waits_again() -> None:
    *_, (came, went) = passes([0.01] * 300 + [2 * WINDOW])
    assert came == went


@given(GAPS)
def test_nobody_waits_for_long(gaps: list[float]) -> None:
    assert all(0 <= went - came <= GATHER + 1e-9 for came, went in passes(gaps))


@given(GAPS)
def test_in_no_second_more_pass_than_the_first_few_and_one_each_tenth(gaps: list[float]) -> None:
    times = [went for _, went in passes(gaps)]
    for first in times:
        within = sum(first <= one < first + WINDOW for one in times)
        assert within <= CALM + WINDOW / GATHER + 1
