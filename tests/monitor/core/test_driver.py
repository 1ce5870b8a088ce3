"""The driver: a coroutine without a task around it goes on when what it waits for says so, and ends once."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any
from weakref import ref

import pytest

from lab.probe_run import LOOPS, finished
from monitor.engine.driver import Drive
from probes.api import in_task
from probes.network.poller import Signal, poller

Ended = list[tuple[Any, BaseException | None]]


def driven(coroutine: Coroutine[Any, Any, Any]) -> tuple[Drive[Any], Ended]:
    ended: Ended = []
    drive: Drive[Any] = Drive(
        coroutine, lambda result, problem: ended.append((result, problem)), asyncio.get_running_loop()
    )
    drive.start()
    return drive, ended


async def over(ended: Ended) -> tuple[Any, BaseException | None]:
    async with asyncio.timeout(5):
        while not ended:  # noqa: ASYNC110 - the driver rings no bell but its callback
            await asyncio.sleep(0.001)
    return ended[0]


def pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        stack.enter_context(one)
        one.setblocking(False)
    return ours, theirs


async def read(ours: socket.socket, signal: Signal) -> bytes:
    while True:
        try:
            return ours.recv(100)
        except BlockingIOError:
            await signal


def test_what_has_ended_goes_without_the_garbage_collector() -> None:
    async def go() -> bool:
        async def look() -> int:
            await asyncio.sleep(0)
            return 7

        drive, ended = driven(look())
        await over(ended)
        gone = ref(drive)
        gc.disable()
        try:
            del drive
            return gone() is None
        finally:
            gc.enable()

    assert asyncio.run(go())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_never_waits_has_ended_when_start_returns(loop: str) -> None:
    async def go() -> None:
        async def look() -> int:
            return 7

        async def fail() -> int:
            raise ValueError("no")

        assert driven(look())[1] == [(7, None)]
        [(result, problem)] = driven(fail())[1]
        assert result is None
        assert isinstance(problem, ValueError)

    finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_futures_sleeps_and_sockets_may_be_awaited_in_any_order(loop: str) -> None:
    async def go() -> None:
        with ExitStack() as stack:
            ours, theirs = pair(stack)
            signal = poller().add(ours.fileno())
            stack.callback(poller().forget, ours.fileno())
            future = asyncio.get_running_loop().create_future()

            async def look() -> list[Any]:
                await asyncio.sleep(0)
                first = await read(ours, signal)
                return [first, await future, await read(ours, signal)]

            _, ended = driven(look())
            theirs.send(b"one")
            await asyncio.sleep(0.01)
            theirs.send(b"two")  # an edge that comes while it waits for something else
            await asyncio.sleep(0.01)
            assert not ended
            future.set_result(2)
            assert await over(ended) == ([b"one", 2, b"two"], None)

    finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("waits", ["socket", "future", "sleep", "task"])
def test_cancelling_throws_at_where_it_waits_and_it_may_clean_up(loop: str, waits: str) -> None:
    async def go() -> None:
        with ExitStack() as stack:
            ours, _ = pair(stack)
            signal = poller().add(ours.fileno())
            stack.callback(poller().forget, ours.fileno())
            future = asyncio.get_running_loop().create_future()
            told: list[str] = []

            async def inner() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    told.append("the task too")

            ways: dict[str, Callable[[], Any]] = {
                "socket": lambda: read(ours, signal),
                "future": lambda: future,
                "sleep": lambda: asyncio.sleep(0),
                "task": lambda: in_task(inner()),
            }

            async def look() -> str:
                try:
                    await ways[waits]()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)  # cleaning up may wait as well
                    return "cleaned up"
                return "not cancelled"

            drive, ended = driven(look())
            if waits == "task":
                await asyncio.sleep(0)
            drive.cancel()
            assert await over(ended) == ("cleaned up", None)
            await asyncio.sleep(0.01)
            assert len(ended) == 1
            assert told == (["the task too"] if waits == "task" else [])

    finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_signal_serves_a_task_as_well_and_is_cancelled_with_it(loop: str) -> None:
    async def go() -> None:
        with ExitStack() as stack:
            ours, theirs = pair(stack)
            signal = poller().add(ours.fileno())
            stack.callback(poller().forget, ours.fileno())
            reading = asyncio.create_task(read(ours, signal))
            await asyncio.sleep(0)
            theirs.send(b"x")
            assert await reading == b"x"
            reading = asyncio.create_task(read(ours, signal))
            await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            theirs.send(b"y")  # and is good for the next one
            assert await asyncio.create_task(read(ours, signal)) == b"y"

    finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_number_that_is_used_again_within_one_batch_wakes_nobody_new(loop: str) -> None:
    """One that closes its socket may hand the number to a new one, whose turn has not come."""

    async def go() -> None:
        with ExitStack() as stack:
            first, second = pair(stack), pair(stack)
            fresh: list[Signal] = []
            signals = {one: poller().add(one.fileno()) for one in (first[0], second[0])}

            async def look(mine: socket.socket, other: socket.socket) -> bytes:
                got = await read(mine, signals[mine])
                if not fresh:  # whoever is served first takes the other's place
                    poller().forget(other.fileno())
                    fresh.append(poller()._signals.setdefault(other.fileno(), Signal()))
                return got

            for mine, other in ((first[0], second[0]), (second[0], first[0])):
                driven(look(mine, other))
            first[1].send(b"1")
            second[1].send(b"2")
            await asyncio.sleep(0.02)
            assert [signal._fired for signal in fresh] == [False]
            for one in (first[0], second[0]):
                poller().forget(one.fileno())

    finished(go, loop)
