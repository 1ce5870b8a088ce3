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

HOST_THREADS: Final = 4
RESOLVE_THREADS: Final = 8


@dataclass(slots=True)
class Executors:
    """Threads for calls that block, one pool per use: what hangs in one never starves the other."""

    host: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(HOST_THREADS, thread_name_prefix="host")
    )
    resolve: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(RESOLVE_THREADS, thread_name_prefix="resolve")
    )

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


def _on(pool: ThreadPoolExecutor) -> Callable[..., Awaitable[Any]]:
    def call(function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(pool, function, *args)

    return call


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
    run = Run(offload=_on(executors.host), resolve=_on(executors.resolve), memory=memory)
    at = (clock or SystemClock()).now()
    reading = Reading()
    outcome, error, message = Outcome.UP, None, ""
    limit = asyncio.timeout(check.timeout)
    try:
        async with limit:
            reading = await check.probe.probe(run)
    except ProbeFailed as failed:
        outcome, error, message = Outcome.DOWN, failed.error, failed.message
        reading = failed.reading or reading
        run.log(f"failed: {failed.message}")
        for line in failed.detail.splitlines():
            run.log(line)
    except Exception as cause:
        if isinstance(cause, TimeoutError) and limit.expired():
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


def _reached(run: Run) -> str:
    """Say how far a run got that the deadline cut off."""
    if not run.phases:
        return ""
    return f" after {', '.join(run.phases)}"
