"""The daemon watches itself: the watchdog is fed by answers, time passes for the desk, the store is proved."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.core_virtual import clock, settle, virtually
from monitor.daemon import Vitals
from monitor.selfwatch import SILENT, SelfWatch
from monitor.store.errors import Fault, StoreError
from monitor.systemd import notify, reloading, watchdog_seconds


class Store:
    """Answers the question whether it can be written as it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: StoreError | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def check(self, _now: object) -> None:
        self.asked += 1
        await self.open.wait()
        if self.problem is not None:
            raise self.problem


class Watched:
    """A self-watch in virtual time, and all it asks."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = Store()
        self.vitals = Vitals(started_at=clock().now())
        self.is_busy = False
        self.ticks = 0
        self.tick_ends = asyncio.Event()
        self.tick_ends.set()
        self.stuck_since: float | None = None
        self.watch = SelfWatch(
            clock=clock(),
            vitals=self.vitals,
            store=self.store,  # type: ignore[arg-type]
            busy=lambda: self.is_busy,
            tick=self._tick,
            answered={"delivery": lambda: self.stuck_since or self.loop.time()},
        )

    async def _tick(self) -> None:
        self.ticks += 1
        await self.tick_ends.wait()


def watched(story: Callable[[Watched], Any]) -> None:
    async def tell() -> None:
        here = Watched()
        running = asyncio.create_task(here.watch.run())
        try:
            await story(here)
        finally:
            await settle(running)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtually(tell)


@contextmanager
def environment(**wanted: str) -> Iterator[None]:
    """Be the process that systemd started with just these words."""
    names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]
        os.environ.update(before)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as systemd listens on; the environment names it, and wants to hear of us every 30 s."""
    path = str(tmp_path / "notify")
    address = path if request.param == "path" else f"\0nightbell-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.setblocking(False)
        with environment(NOTIFY_SOCKET=address.replace("\0", "@"), WATCHDOG_USEC="30000000"):
            yield listener


def heard(listener: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(listener.recv(4096).decode())
        except BlockingIOError:
            return words


async def hear(listener: socket.socket, seconds: int) -> list[str]:
    """Listen for so long; the kernel keeps only ten words for whoever is slow."""
    words = heard(listener)
    for _ in range(seconds):
        await asyncio.sleep(1)
        words += heard(listener)
    return words


def test_the_watchdog_is_fed_three_times_as_often_as_it_must_be(systemd: socket.socket) -> None:
    async def story(here: Watched) -> None:
        await asyncio.sleep(5)
        assert heard(systemd) == ["WATCHDOG=1"]
        assert len(await hear(systemd, 600)) == pytest.approx(60, abs=2)
        assert not here.vitals.troubles

    watched(story)


def test_the_watchdog_is_not_fed_while_a_part_is_stuck(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Watched) -> None:
        await hear(systemd, 100)
        here.stuck_since = here.loop.time()
        await asyncio.sleep(SILENT + 1)
        heard(systemd)
        await asyncio.sleep(300)
        assert heard(systemd) == []
        assert here.vitals.troubles["stuck"] == "no answer from delivery"
        here.stuck_since = None
        await asyncio.sleep(11)
        assert heard(systemd)
        assert not here.vitals.troubles

    watched(story)
    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert told == [
        "no answer from delivery: systemd's watchdog is no longer fed",
        "every part answers again",
    ]


def test_a_store_that_never_answers_is_trouble_first_and_then_stops_the_watchdog(
    systemd: socket.socket,
) -> None:
    async def story(here: Watched) -> None:
        here.store.open.clear()
        await asyncio.sleep(15)
        assert here.vitals.troubles["store"] == "the store does not answer"
        assert heard(systemd), "ten seconds are no reason to be killed"
        await asyncio.sleep(15)
        heard(systemd)
        await asyncio.sleep(100)
        assert heard(systemd) == []
        assert here.store.asked == 1, "questions do not pile up"
        here.store.open.set()
        await asyncio.sleep(12)
        assert heard(systemd)
        assert not here.vitals.troubles

    watched(story)


def test_an_error_is_an_answer(systemd: socket.socket) -> None:
    async def story(here: Watched) -> None:
        here.store.problem = StoreError("cannot write to it: disk is full", fault=Fault.FULL)
        assert len(await hear(systemd, 300)) == pytest.approx(30, abs=2)
        assert here.vitals.troubles == {"store": "cannot write to it: disk is full"}
        here.store.problem = None
        await asyncio.sleep(2)
        assert not here.vitals.troubles, "that it works again is seen at once, not a minute later"

    watched(story)


def test_a_desk_that_never_answers_stops_the_watchdog_and_is_asked_once(systemd: socket.socket) -> None:
    async def story(here: Watched) -> None:
        here.is_busy = True
        here.tick_ends.clear()
        await asyncio.sleep(SILENT + 5)
        heard(systemd)
        await asyncio.sleep(60)
        assert heard(systemd) == []
        assert here.ticks == 1
        assert "desk" in here.vitals.troubles["stuck"]

    watched(story)


def test_time_passes_for_a_busy_desk_once_a_second_and_an_idle_one_is_asked_for_life_every_ten() -> None:
    async def story(here: Watched) -> None:
        await asyncio.sleep(600)
        assert here.ticks == pytest.approx(60, abs=1)
        here.ticks = 0
        here.is_busy = True
        await asyncio.sleep(60)
        assert here.ticks == pytest.approx(60, abs=1)
        here.is_busy = False
        await asyncio.sleep(60)
        assert here.ticks <= 68, "once in ten seconds again"

    watched(story)


def test_a_slow_store_holds_up_neither_the_beat_nor_the_desk() -> None:
    async def story(here: Watched) -> None:
        here.is_busy = True
        here.store.open.clear()
        await asyncio.sleep(9)
        assert here.ticks >= 8
        assert here.vitals.loop_lag < 0.1, "the store is slow, not the loop"

    watched(story)


def test_an_idle_store_is_asked_once_a_minute() -> None:
    async def story(here: Watched) -> None:
        await asyncio.sleep(600)
        assert here.store.asked == pytest.approx(10, abs=1)

    watched(story)


def test_a_loop_held_up_is_measured_and_no_beats_are_caught_up() -> None:
    async def story(here: Watched) -> None:
        here.is_busy = True
        await asyncio.sleep(10.5)
        assert here.vitals.loop_lag < 0.01
        ticks = here.ticks
        here.loop.jump(40)  # type: ignore[attr-defined]  # the loop did nothing for so long
        await asyncio.sleep(0.1)
        assert here.vitals.loop_lag == pytest.approx(39.5, abs=0.2)
        await asyncio.sleep(3)
        assert here.ticks - ticks <= 5
        assert here.vitals.loop_lag < 0.01

    watched(story)


def test_after_the_whole_process_stood_still_no_part_is_blamed(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Watched) -> None:
        here.stuck_since = here.loop.time()

        async def part() -> None:
            while True:
                await asyncio.sleep(10)
                here.stuck_since = here.loop.time()

        working = asyncio.create_task(part())
        await asyncio.sleep(30.5)
        here.loop.jump(600)  # type: ignore[attr-defined]  # stopped, or suspended
        await asyncio.sleep(30)
        await settle(working)
        assert "stuck" not in here.vitals.troubles

    watched(story)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_without_systemd_a_stuck_part_is_told_all_the_same() -> None:
    async def story(here: Watched) -> None:
        here.stuck_since = here.loop.time()
        await asyncio.sleep(SILENT + 2)
        assert here.vitals.troubles["stuck"] == "no answer from delivery"

    with environment():
        watched(story)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        pytest.param({}, None, id="nobody watches"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 30.0, id="us"),
        pytest.param(
            {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0, id="us by number"
        ),
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None, id="another process"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="never"),
        pytest.param({"WATCHDOG_USEC": "-5"}, None, id="nonsense"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="words"),
    ],
)
def test_the_watchdog_s_wish_is_read(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environ) == seconds


def test_a_word_to_systemd_arrives_whole(systemd: socket.socket) -> None:
    assert notify("READY=1\nSTATUS=watching")
    assert heard(systemd) == ["READY=1\nSTATUS=watching"]


def test_a_systemd_that_does_not_read_holds_nothing_up(systemd: socket.socket) -> None:
    began = time.monotonic()
    told = [notify("WATCHDOG=1", patience=0) for _ in range(1000)]
    assert told.count(False) > 900
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "address", [None, "", "relative", "/nobody/listens/here", "@nightbell-nobody", "/" + "x" * 300]
)
def test_without_anybody_listening_a_word_is_lost_and_nothing_breaks(address: str | None) -> None:
    assert notify("READY=1", {} if address is None else {"NOTIFY_SOCKET": address}) is False


def test_a_reload_is_announced_with_the_monotonic_clock() -> None:
    first, stamp = reloading().split("\n")
    assert first == "RELOADING=1"
    assert stamp.startswith("MONOTONIC_USEC=")
    assert int(stamp.partition("=")[2]) > 0
