"""The runner: runs a probe once under its deadline and turns whatever happens into a sample."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from config.model import Check
from monitor.clock import Clock, SystemClock
from probes.api import ProbeFailed, Reading, Run
from probes.sample import ErrorClass, Outcome, Sample

log = logging.getLogger("nightbell.runner")
T = TypeVar("T")

HOST_THREADS: Final = 8
RESOLVE_THREADS: Final = 8
LEFT_BEHIND: Final = 2
"""Calls of earlier runs that may hang before a check is not run any more: it would take one thread after another."""


@dataclass(slots=True)
class Executors:
    """Threads for calls that block, one pool per use: what hangs in one never starves the other."""

    host: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(HOST_THREADS, thread_name_prefix="host")
    )
    resolve: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(RESOLVE_THREADS, thread_name_prefix="resolve")
    )
    config: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="config")
    )
    inside: dict[str, set[object]] = field(default_factory=dict)
    """By check, its host calls that have begun and not returned."""
    hung: dict[str, set[object]] = field(default_factory=dict)
    """By check, those of them whose run has met its deadline."""

    def __enter__(self) -> Self:
        """Use as a scope."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the threads without waiting for one that hangs."""
        self.close()

    def close(self) -> None:
        """Let go of the threads; what has not begun is dropped."""
        self.host.shutdown(wait=False, cancel_futures=True)
        self.resolve.shutdown(wait=False, cancel_futures=True)
        self.config.shutdown(wait=False, cancel_futures=True)


def _on(pool: ThreadPoolExecutor, inside: set[object] | None = None) -> Callable[..., Awaitable[Any]]:
    """Return how to call on `pool`; what is being called right now is in `inside`."""

    def call(function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        work = function if inside is None else _noted(function, inside)
        return asyncio.get_running_loop().run_in_executor(pool, work, *args)

    return call


def _noted(function: Callable[..., T], inside: set[object]) -> Callable[..., T]:
    def work(*args: Any) -> T:
        mark = object()
        inside.add(mark)
        try:
            return function(*args)
        finally:
            inside.discard(mark)

    return work


async def run_once(
    check: Check,
    executors: Executors,
    memory: dict[str, Any],
    clock: Clock | None = None,
) -> Sample:
    """Probe once and return the sample; never raises but for cancellation.

    The deadline is ours: a probe that is cut off by it is `down` with class `timeout`. Any exception that is
    not ProbeFailed is our own fault: `unknown`, class `internal`, with the traceback in the journal.
    """
    inside = executors.inside.setdefault(check.name, set())
    hung = executors.hung.setdefault(check.name, set())
    hung &= inside
    run = Run(offload=_on(executors.host, inside), resolve=_on(executors.resolve), memory=memory)
    at = (clock or SystemClock()).now()
    reading = Reading()
    outcome, error, message = Outcome.UP, None, ""
    limit = asyncio.timeout(check.timeout)
    try:
        async with limit:
            reading = await _probe(check, run, hung)
    except ProbeFailed as failed:
        outcome, error, message = Outcome.DOWN, failed.error, failed.message
        reading = failed.reading or reading
        run.log(f"failed: {failed.message}")
        for line in failed.detail.splitlines():
            run.log(line)
    except _HungError as cause:
        outcome, error, message = Outcome.UNKNOWN, ErrorClass.SELF, str(cause)
        run.log(message)
    except Exception as cause:
        if isinstance(cause, TimeoutError) and limit.expired():
            hung |= inside
            outcome, error = Outcome.DOWN, ErrorClass.TIMEOUT
            message = f"timed out after {check.timeout:g} s{_reached(run)}"
            if check.probe.HOST:  # this machine did not answer its own monitor: that is our trouble
                outcome, error = Outcome.UNKNOWN, ErrorClass.SELF
        else:
            outcome, error = Outcome.UNKNOWN, ErrorClass.INTERNAL
            message = f"cannot run {check.name}: {type(cause).__name__}"
            log.exception("cannot run check %s", check.name)
        run.log(message)
    return Sample(
        check=check.name,
        at=at,
        duration=perf_counter() - run.started,
        outcome=outcome,
        values=reading.values,
        parts=reading.parts,
        phases=reading.phases or dict(run.phases),
        error=error,
        message=message,
        log=tuple(run.lines),
    )


class _HungError(Exception):
    """Earlier runs still hang inside the machine."""


async def _probe(check: Check, run: Run, hung: set[object]) -> Reading:
    if len(hung) >= LEFT_BEHIND:
        raise _HungError(f"cannot run {check.name}: {len(hung)} calls of earlier runs have not returned")
    return await check.probe.probe(run)


def _reached(run: Run) -> str:
    """Say how far a run got that the deadline cut off."""
    if not run.phases:
        return ""
    return f" after {', '.join(run.phases)}"
