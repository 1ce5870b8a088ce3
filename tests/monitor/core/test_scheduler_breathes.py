"""What has come over kept connections is noticed before the next run of their checks: no late word is its answer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from config.model import Check
from lab.crew import check, named
from lab.probe_run import finished, until
from monitor.engine.counts import Counts
from monitor.engine.runner import Executors, Runner
from monitor.engine.scheduler import Cancellable, Memory, Scheduler
from probes.network.http import Http
from probes.network.poller import serve
from probes.network.reuse import Use
from probes.sample import Sample

EVERY = 0.3


@dataclass
class Server:
    """Answers 200 over connections it keeps, from threads of its own: it goes on while the loop stands still."""

    port: int
    connections: list[socket.socket] = field(default_factory=list)

    def say_late(self) -> None:
        """Say something more over the newest connection; when this returns the kernel has it for its reader."""
        self.connections[-1].sendall(b"HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = Server(listener.getsockname()[1])

        def answer(connection: socket.socket) -> None:
            with suppress(OSError):
                while connection.recv(4096):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    one.connections.append(connection)
                    threading.Thread(target=answer, args=(connection,)).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield one
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for connection in one.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()


def with_the_loop_held_up(loop: asyncio.AbstractEventLoop, do: Callable[[], None]) -> None:
    """Do something and keep the loop from looking at its sockets until the next turn is due: that comes up first."""
    ours, theirs = socket.socketpair()

    def hold() -> None:
        loop.remove_reader(ours)
        ours.close()
        theirs.close()
        do()
        time.sleep(EVERY * 1.1)

    loop.add_reader(ours, hold)
    theirs.send(b"x")


def told(
    checks: dict[str, Check], before: Callable[[str], None], story: Callable[[list[Sample]], Awaitable[None]]
) -> list[Sample]:
    """Run checks together, all due at the same time, until `story` has ended; `before` is called as one starts."""
    samples: list[Sample] = []

    async def go() -> None:
        with Executors() as executors:
            runner = Runner(executors)

            def start(one: Check, memory: Memory, done: Callable[[], None]) -> Cancellable | None:
                before(one.name)

                def take(sample: Sample | None) -> None:
                    done()
                    if sample is not None:
                        samples.append(sample)

                return runner.start(one, memory, take)

            scheduler: Scheduler[Check] = Scheduler(start, Counts(), first=lambda _: 0.05, breathe=serve)
            running = asyncio.create_task(scheduler.run())
            scheduler.watch(checks)
            try:
                await story(samples)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    finished(go, "uvloop")
    return samples


def kept(name: str, port: int) -> Check:
    return check(name, Http(url=f"http://127.0.0.1:{port}/", connection=Use.REUSE), every=EVERY)


def test_what_came_while_the_loop_stood_still_is_noticed_before_the_turn_that_is_due() -> None:
    with server() as one:

        async def story(samples: list[Sample]) -> None:
            await until(lambda: len(samples) == 2)
            assert len(one.connections) == 1, "it is kept"
            with_the_loop_held_up(asyncio.get_running_loop(), one.say_late)
            await until(lambda: len(samples) == 4)
            assert len(one.connections) == 2, "the one that said too much is not asked again"

        samples = told(named(kept("kept", one.port)), lambda _: None, story)
    assert [one.message for one in samples] == [""] * len(samples)


@pytest.mark.parametrize("names", [("first", "kept"), ("a", "b", "kept")])
def test_what_comes_while_one_starts_is_noticed_before_the_next_one_starts(names: tuple[str, ...]) -> None:
    with server() as one, server() as other:
        late: list[str] = []
        turns = 0

        def before(name: str) -> None:
            nonlocal turns
            if name == names[-2]:  # started right before it, on the same wake-up
                turns += 1
                if turns == 3:
                    one.say_late()
                    late.append(name)

        async def story(samples: list[Sample]) -> None:
            await until(lambda: len(samples) >= 4 * len(names))
            assert late
            assert len(one.connections) == 2, "the one that said too much is not asked again"

        others = named(*(kept(name, other.port) for name in names[:-1]))
        samples = told({**others, **named(kept("kept", one.port))}, before, story)
    assert [one.message for one in samples] == [""] * len(samples)
