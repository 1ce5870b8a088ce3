"""A worker ends by itself where it is of no use: nobody reads what it says, or its turns have stopped."""

from __future__ import annotations

import itertools

from lab.lone_worker import lone_worker, order, reports
from probes.network.tcp import Tcp

CLOSED = Tcp(target="127.0.0.1:9")


def test_a_worker_ends_when_nobody_reads_what_it_says() -> None:
    orders = [order(number, CLOSED, every=0.02) for number in range(20)]
    with lone_worker(*orders, unread=20_000, room=4096) as (process, line):
        for _ in itertools.takewhile(lambda report: not report.samples, reports(line)):
            pass  # it is at work; from now on nobody reads
        assert process.wait(10) == 0


def test_a_worker_whose_words_are_read_goes_on_however_many_they_are() -> None:
    orders = [order(number, CLOSED, every=0.02) for number in range(20)]
    with lone_worker(*orders, unread=20_000, room=4096) as (process, line):
        told = itertools.accumulate(len(report.samples) for report in reports(line))
        assert next(count for count in told if count > 1500) > 1500
        assert process.poll() is None


def test_a_worker_whose_turns_have_stopped_says_so_and_ends() -> None:
    """Its one check is due every 100 ms, but comes up first in an hour: as if the scheduler had lost it."""
    with lone_worker(order(1, CLOSED, wait=3600.0), stopped=1.0) as (process, line):
        said = list(itertools.islice(reports(line), 20))
        assert process.wait(10) == 0
    assert not any(report.samples for report in said)
    [note] = [note for report in said for note in report.notes]
    assert note.text == "the turns of this worker process have stopped: it ends"


def test_a_worker_that_waits_for_a_turn_which_is_not_due_yet_or_has_none_stays() -> None:
    slow = order(1, CLOSED, every=3600.0, wait=3600.0)
    with lone_worker(slow, stopped=0.0) as (one, its_line), lone_worker(stopped=0.0) as (other, other_line):
        for process, line in ((one, its_line), (other, other_line)):
            assert len(list(itertools.islice(reports(line), 3))) == 3, "it shows that it lives"
            assert process.poll() is None
