"""Runs one probe as the daemon would: its own executors, a deadline from outside, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from probes.api import Probe, ProbeFailed, Reading, Run

T = TypeVar("T")
LOOPS = ("asyncio", "uvloop")


@contextmanager
def surroundings(memory: dict[str, Any] | None = None) -> Iterator[Run]:
    """Give a run with executors of its own, closed afterwards. Enter it inside a running loop."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(4) as host, ThreadPoolExecutor(2) as names:
        yield Run(
            offload=lambda function, *args: loop.run_in_executor(host, function, *args),
            resolve=lambda function, *args: loop.run_in_executor(names, function, *args),
            memory={} if memory is None else memory,
        )


async def look(probe: Probe, run: Run, *, within: float = 10.0) -> Reading | ProbeFailed | TimeoutError:
    """Probe once and return what came of it, the deadline included."""
    try:
        async with asyncio.timeout(within):
            return await probe.probe(run)
    except (ProbeFailed, TimeoutError) as failure:
        return failure
    finally:
        run.phase(None)


def observe(probe: Probe, *, times: int = 1, memory: dict[str, Any] | None = None) -> Reading:
    """Probe `times` times with one memory and return the last reading; a failure is raised."""

    async def go() -> Reading:
        reading = Reading()
        with surroundings(memory) as run:
            for _ in range(times):
                async with asyncio.timeout(10):
                    reading = await probe.probe(run)
        return reading

    return finished(go)


def finished(go: Callable[[], Coroutine[Any, Any, T]], loop: str = "asyncio") -> T:
    """Run to the end on a fresh loop, and collect what was dropped, so that a leak shows in this test."""
    factory = uvloop.new_event_loop if loop == "uvloop" else None
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(go())
    finally:
        gc.collect()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other side is about to do."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what others count rings no bell
            await asyncio.sleep(0.001)


@contextmanager
def programs(path: str) -> Iterator[None]:
    """Find programs along `path` for a while, as on a machine where others are installed."""
    before = os.environ["PATH"]
    os.environ["PATH"] = path
    try:
        yield
    finally:
        os.environ["PATH"] = before
