"""A worker's seat: turns keep their place in the interval, and none is forgotten."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core_parts import check
from monitor.engine.scheduler import first_turn
from monitor.engine.workers.crew import how_many
from monitor.engine.workers.seat import Post, Seat

moments = st.floats(0, 1e7)


@given(moments, moments, st.floats(1, 86400))
def test_a_new_worker_takes_up_a_check_at_the_next_of_its_turns(
    first: float, later: float, every: float
) -> None:
    post = Post(1, check("x", every=every), first)
    now = first + later
    wait = post.order(now).wait
    assert -1e-3 <= wait <= every + 1e-3
    turns = (now + wait - first) / every
    assert turns == pytest.approx(round(turns), abs=1e-3), "the phase is that of the first turn"


def test_before_its_first_turn_a_check_waits_for_that() -> None:
    assert Post(1, check("x"), 100.0).order(95.0).wait == 5.0
    assert Post(1, check("x"), 100.0).turns(99.9) == 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(1, 50))
def test_every_turn_that_nobody_took_is_counted_once(steps: list[float], every: float) -> None:
    seat = Seat(0, 0.0)
    seat.watch({"x": check("x", every=every)}, itertools.count(), 0.0)
    moments = list(itertools.accumulate(steps))
    missed = sum(count for now in moments for _, count in seat.missed(now))
    assert missed == seat.posts["x"].turns(moments[-1])


def test_only_what_has_changed_gets_a_new_number_and_a_new_phase() -> None:
    seat, numbers = Seat(0, 0.0), itertools.count()
    one, two, three = (check(name) for name in ("one", "two", "three"))
    seat.watch({"one": one, "two": two}, numbers, 10.0)
    before = dict(seat.posts)
    again, other = check("one"), check("two", fingerprint="changed")
    seat.watch({"one": again, "two": other, "three": three}, numbers, 20.0)
    assert seat.posts["one"] is before["one"]
    assert seat.posts["one"].check is again
    assert seat.posts["one"].first == 10.0 + first_turn(one)
    assert seat.posts["two"].first == 20.0 + first_turn(other)
    assert {seat.name_of(number) for number in range(4)} == {"one", "two", "three", None}
    assert seat.name_of(before["two"].number) is None, "what still comes of it says nothing of the new one"
    seat.watch({}, numbers, 30.0)
    assert (seat.posts, seat.by_number) == ({}, {})


@pytest.mark.parametrize(("asked", "processes"), [(1, 0), (2, 2), (64, 64)])
def test_one_means_that_the_daemon_itself_probes(asked: int, processes: int) -> None:
    assert how_many(asked) == processes
