"""The history in the daemon: an append for each sample, reading beside the loop, and no harm by a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from lab.past import LIMITS, START, Told
from lab.wait import until
from monitor.history import reading
from monitor.history.file import HistoryFile
from monitor.history.history import HELD, History
from monitor.history.words import HistoryError
from probes.sample import Outcome, Sample

WRITER = """
import asyncio, sys
from pathlib import Path
from datetime import timedelta
from lab.past import LIMITS, Told
from monitor.history.history import History
from probes.sample import Outcome, Sample

async def main():
    clock = Told()
    history = History(Path(sys.argv[1]), LIMITS, clock)
    history.start()
    number = 0
    while True:
        for check in range(20):
            history.add(Sample(check=f"c{check}", at=clock.now(), duration=0.0, outcome=Outcome.UP,
                               values={"number": float(number)}))
        number += 1
        print(number, history.figures.written, flush=True)
        clock.at += timedelta(seconds=1)
        await asyncio.sleep(0.02)

asyncio.run(main())
"""


def sample(number: int = 0) -> Sample:
    return Sample(
        check="home",
        at=START + timedelta(seconds=number),
        duration=0.5,
        outcome=Outcome.UP,
        values={"number": float(number)},
    )


def within(home: Path, story: Callable[[History, Told], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = Told()
        history = History(home, LIMITS, clock)
        history.start()
        try:
            await asyncio.wait_for(story(history, clock), 20)
        finally:
            await history.close()

    asyncio.run(run())


def test_what_was_added_is_read_at_once_and_is_in_the_file_after_the_end(tmp_path: Path) -> None:
    async def story(history: History, _clock: Told) -> None:
        for number in range(500):
            history.add(sample(number))
        found = await history.read(
            "home", metric="number", since=START, until=START + timedelta(hours=1), step=60
        )
        assert sum(point.up for point in found.points) == 500
        assert found.points[1].low == 60.0

    within(tmp_path, story)
    assert [
        one.values["number"] for one in reading.samples(tmp_path / "history.db", START, START + LIMITS.raw)
    ] == [float(number) for number in range(500)]


def test_it_is_written_every_ten_seconds(tmp_path: Path) -> None:
    async def story(history: History, clock: Told) -> None:
        history.add(sample())
        clock.at += timedelta(seconds=10)
        async with asyncio.timeout(10):
            while not history.figures.written:  # noqa: ASYNC110 - another thread writes
                await asyncio.sleep(0.01)
        assert len(list(reading.samples(history.path, START, START + LIMITS.raw))) == 1

    within(tmp_path, story)


def test_switched_off_it_keeps_nothing_makes_no_file_and_says_so_to_who_reads(tmp_path: Path) -> None:
    async def story() -> None:
        history = History(tmp_path, None, Told())
        history.start()
        history.add(sample())
        with pytest.raises(HistoryError, match="cannot read the history: it is off"):
            await history.read("home", since=START, until=START + timedelta(hours=1))
        await history.close()

    asyncio.run(story())
    assert list(tmp_path.iterdir()) == []


def test_samples_wait_for_a_thread_that_does_not_come_only_so_many(tmp_path: Path) -> None:
    history = History(tmp_path, LIMITS, Told())
    held: list[object] = []
    history.add = lambda one, add=history.add: (held.append(one), add(one))[1]  # type: ignore[misc]
    for number in range(HELD + 5):
        history.add(sample(number))

    assert len(held) == HELD + 5
    assert len(history._samples) == HELD


def test_a_file_that_fails_is_told_on_the_loop_and_reading_says_why(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    said: list[tuple[str | None, str]] = []

    async def story() -> None:
        clock = Told()
        history = History(
            tmp_path, LIMITS, clock, lambda words: said.append((words, threading.current_thread().name))
        )
        history.start()
        history.add(sample())
        with pytest.raises(HistoryError, match="cannot"):
            await history.read("home", since=START, until=START + timedelta(hours=1))
        await history.close()

    asyncio.run(story())
    assert said
    assert {thread for _, thread in said} == {"MainThread"}


@pytest.mark.parametrize("round_", range(3))
def test_killed_while_it_writes_it_loses_at_most_what_was_not_written_yet(
    tmp_path: Path, round_: int
) -> None:
    lines = tmp_path / "lines"
    with lines.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=out,
        )

    def written() -> int:
        last = lines.read_text().rpartition("\n")[0].rpartition("\n")[2].split()
        return int(last[1]) if len(last) == 2 else 0

    try:
        until(lambda: written() > 2000 * round_, within=40, why="nothing is written")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    known = written()
    file = HistoryFile.open(tmp_path / "history.db")
    found = list(reading.samples(file.path, START - LIMITS.raw, START + timedelta(days=3650)))
    file.close()

    assert len(found) >= known
    by_check: dict[str, list[float]] = {}
    for one in found:
        by_check.setdefault(one.check, []).append(one.values["number"])
    for numbers in by_check.values():
        assert numbers == [float(number) for number in range(len(numbers))]
