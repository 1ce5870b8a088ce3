"""Windows say what the same made anew from all of their values would say, whatever the values, gaps and clocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.thresholds.window import SLACK, WINDOWS, Function, UntilFull, Window

OVER = 100.0
Pair = tuple[float, float]


def _rate(pairs: Sequence[Pair]) -> float:
    grown = sum(after - before if after >= before else after for (_, before), (_, after) in pairwise(pairs))
    return max(0.0, grown) / (pairs[-1][0] - pairs[0][0])


def _until_full(pairs: Sequence[Pair]) -> float:
    if pairs[-1][1] >= 1:
        return 0.0
    mean_t = sum(at for at, _ in pairs) / len(pairs)
    mean_v = sum(value for _, value in pairs) / len(pairs)
    spread = sum((at - mean_t) ** 2 for at, _ in pairs)
    slope = sum((at - mean_t) * (value - mean_v) for at, value in pairs) / spread if spread else 0.0
    return (1 - pairs[-1][1]) / slope if slope > 1e-12 else math.inf


NAIVE: dict[Function, Callable[[Sequence[Pair]], float]] = {
    Function.AVG: lambda pairs: sum(value for _, value in pairs) / len(pairs),
    Function.MIN: lambda pairs: min(value for _, value in pairs),
    Function.MAX: lambda pairs: max(value for _, value in pairs),
    Function.P95: lambda pairs: sorted(value for _, value in pairs)[math.ceil(0.95 * len(pairs)) - 1],
    Function.RATE: _rate,
    Function.DELTA: lambda pairs: pairs[-1][1] - pairs[0][1],
}
VALUES = st.integers(0, 1000).map(lambda value: value / 8)  # exact in binary: sums drift by nothing
STEPS = st.one_of(st.integers(1, 30), st.integers(90, 130), st.integers(-40, -1))


def _pairs(steps: Sequence[tuple[int, float]]) -> list[Pair]:
    at, pairs = 1000.0, []
    for step, value in steps:
        at += step
        pairs.append((at, value))
    return pairs


def _left(pairs: Sequence[Pair]) -> list[Pair]:
    """Return what a window holds after all of them: nothing of a future that was set back, nothing too old."""
    kept: list[Pair] = []
    for at, value in pairs:
        kept = [pair for pair in kept if pair[0] < at]
        kept.append((at, value))
        kept = [pair for pair in kept if pair[0] > at - OVER]
    return kept


def _same(said: float | None, pairs: Sequence[Pair], naive: Callable[[Sequence[Pair]], float]) -> bool:
    if pairs[-1][0] - pairs[0][0] < OVER / 2:
        return said is None
    return said is not None and said == pytest.approx(naive(pairs), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("function", list(Function))
@given(steps=st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=60))
def test_a_window_says_what_all_of_its_values_say(function: Function, steps: list[tuple[int, float]]) -> None:
    window, pairs = WINDOWS[function](OVER), _pairs(steps)
    for number, (at, value) in enumerate(pairs, start=1):
        said, held = window.push(at, value), _left(pairs[:number])
        assert len(window) == len(held)
        assert _same(said, held, NAIVE[function])


@given(steps=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 100)), min_size=1, max_size=60))
def test_the_time_until_it_is_full_is_that_of_the_straight_line(steps: list[tuple[int, int]]) -> None:
    window = UntilFull(OVER)
    pairs = _pairs([(step, share / 100) for step, share in steps])
    for number, (at, value) in enumerate(pairs, start=1):
        said, held = window.push(at, value), _left(pairs[:number])
        if said is not None:
            truth = _until_full(held)
            # Next to no growth is a matter of rounding: an hour's window tells nothing of a century.
            assert said == pytest.approx(truth, rel=1e-3) or min(said, truth) > 1e7


@pytest.mark.parametrize("function", list(Function))
def test_a_window_holds_no_more_than_its_time_and_some_slack(function: Function) -> None:
    window: Window = WINDOWS[function](OVER)
    for second in range(10_000):
        window.push(float(second), float(second % 17))
    assert len(window) == OVER
    assert len(window._times) <= 2 * (OVER + SLACK)


def test_what_was_added_up_for_a_year_is_no_further_from_the_truth_than_after_an_hour() -> None:
    window = WINDOWS[Function.AVG](OVER)
    values = [1e9 if number % 7 == 0 else 0.1 for number in range(50_000)]
    for second, value in enumerate(values):
        said = window.push(float(second), value)
    assert said == pytest.approx(sum(values[-100:]) / 100, rel=1e-9)


def test_a_counter_that_was_set_to_nothing_goes_on_growing() -> None:
    window = WINDOWS[Function.RATE](OVER)
    said = [window.push(10.0 * turn, value) for turn, value in enumerate([0, 50, 100, 150, 200, 10, 60])]
    assert said[-1] == pytest.approx((200 + 10 + 50) / 60)
