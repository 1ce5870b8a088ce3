"""The runner: runs a probe once under its deadline and turns whatever happens into a sample."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from monitor.clock import Clock, SystemClock
from monitor.engine.driver import Drive
from probes.api import OUR_FAULT, OwnTrouble, Probe, ProbeFailed, Reading, Run
from probes.network.poller import serve
from probes.sample import ErrorClass, Outcome, Sample

log = logging.getLogger("nightbell.runner")
T = TypeVar("T")

HOST_THREADS: Final = 8
RESOLVE_THREADS: Final = 32
"""A name that libc cannot look up holds one for as long as libc takes, half a minute and more."""
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
    aside: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="aside")
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

    def call_resolve(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Await a look-up of a name off the loop."""
        return asyncio.get_running_loop().run_in_executor(self.resolve, function, *args)

    def close(self) -> None:
        """Let go of the threads; what has not begun is dropped."""
        self.host.shutdown(wait=False, cancel_futures=True)
        self.resolve.shutdown(wait=False, cancel_futures=True)
        self.config.shutdown(wait=False, cancel_futures=True)
        self.aside.shutdown(wait=False, cancel_futures=True)


class Task(Protocol):
    """What is run: a check, here or as a worker process knows it."""

    @property
    def name(self) -> str:
        """Return the check's name."""
        ...

    @property
    def probe(self) -> Probe:
        """Return what looks."""
        ...

    @property
    def timeout(self) -> float:
        """Return the deadline of a run, in seconds."""
        ...


Done = Callable[[Sample | None], None]
"""Called once with what a run saw; with None where the run was called off."""


HELD_UP: Final = 0.25
"""A deadline met so many seconds late was ours to miss: what has arrived meanwhile gets as long to be read."""
ROUNDS: Final = 32
"""How often what has come is fetched before deadlines strike, a batch each time."""
AGAIN: Final = 1.0
"""Seconds after which what did not end at its deadline is cut off once more."""
COMPLAINT_SECONDS: Final = 10.0
"""Of the same want the log hears once in so long."""


class Runner:
    """Runs probes, many at once, each to its end or its deadline. One timer serves all deadlines."""

    def __init__(self, executors: Executors, clock: Clock | None = None, *, accounts: bool = False) -> None:
        """Belongs to the running loop. `accounts`: keep the log of a run that found all well, too."""
        self.executors = executors
        self.clock = clock or SystemClock()
        self.accounts = accounts
        self.loop = asyncio.get_running_loop()
        self._deadlines: list[tuple[float, int, Attempt]] = []
        self._number = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_until = 0.0
        self._held_up = False

    def start(self, check: Task, memory: dict[str, Any], done: Done) -> Attempt:
        """Begin a run; `done` may be called before this returns."""
        attempt = Attempt(self, check, memory, done)
        attempt.start()
        if not attempt.over:
            heapq.heappush(self._deadlines, (self.loop.time() + check.timeout, next(self._number), attempt))
            if self._timer is None or self._deadlines[0][2] is attempt:
                self._arm()
        return attempt

    def complain(self) -> bool:
        """Return whether the log may hear of it: not where it has just heard the same."""
        now = self.loop.time()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + COMPLAINT_SECONDS
        return True

    def _arm(self) -> None:
        """Wake at the next deadline of a run that is still under way: most end long before theirs."""
        while self._deadlines and self._deadlines[0][2].over:
            heapq.heappop(self._deadlines)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(self._deadlines[0][0], self._expire) if self._deadlines else None

    def _expire(self) -> None:
        self._timer = None
        now = self.loop.time()
        if not self._held_up and self._deadlines and now - self._deadlines[0][0] > HELD_UP:
            self._held_up = True
            self._timer = self.loop.call_at(now + HELD_UP, self._expire)
            return
        self._held_up = False
        for _ in range(ROUNDS):  # what has come in time lies in the kernel where something held the loop up
            if not serve():
                break
        while self._deadlines and (self._deadlines[0][0] <= now or self._deadlines[0][2].over):
            attempt = heapq.heappop(self._deadlines)[2]
            attempt.expire()
            if not attempt.over:
                heapq.heappush(self._deadlines, (now + AGAIN, next(self._number), attempt))
        self._arm()


class Attempt:
    """One run of one check.

    The deadline is ours: a probe that is cut off by it is `down` with class `timeout`. Any exception that is
    not ProbeFailed is our own fault: `unknown`, class `self` where we have run out of something or a file of ours
    cannot be read, else class `internal`, with the traceback in the journal.
    """

    __slots__ = ("_at", "_calls", "_check", "_done", "_drive", "_expired", "_ours", "_run", "_runner", "over")

    def __init__(self, runner: Runner, check: Task, memory: dict[str, Any], done: Done) -> None:
        """Nothing runs before `start`."""
        self._runner = runner
        self._check = check
        self._done = done
        self._expired = self._ours = False
        self._calls: list[asyncio.Future[Any]] = []
        self.over = False
        self._run = Run(offload=self._offload, resolve=runner.executors.call_resolve, memory=memory)
        self._drive: Drive[Reading] | None = None
        self._at = runner.clock.now()

    def start(self) -> None:
        """Probe, as far as it goes without waiting."""
        executors, name = self._runner.executors, self._check.name
        hung = executors.hung.get(name)
        if hung:
            hung &= executors.inside.get(name, set())
            if len(hung) >= LEFT_BEHIND:
                self._fail(
                    ErrorClass.SELF, f"cannot run {name}: {len(hung)} calls of earlier runs have not returned"
                )
                return
        self._drive = Drive(self._check.probe.probe(self._run), self._ended, self._runner.loop)
        self._drive.start()

    def cancel(self) -> None:
        """Call it off: no sample comes of it."""
        if not self.over and self._drive is not None:
            self._drive.cancel()

    def expire(self) -> None:
        """Its deadline has come."""
        if not self.over and self._drive is not None:
            self._expired = True
            self._ours = any(not call.done() for call in self._calls)
            self._drive.cancel()

    def _offload(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        executors = self._runner.executors
        inside = executors.inside.setdefault(self._check.name, set())
        call = self._runner.loop.run_in_executor(executors.host, _noted(function, inside), *args)
        self._calls.append(call)
        return call

    def _close(self) -> None:
        """Be over: what is left here until the deadline comes by shall be small."""
        self.over = True
        self._drive = None
        del self._run, self._done  # the heap keeps this until its deadline: it shall not keep the memory

    def _ended(self, reading: Reading | None, problem: BaseException | None) -> None:
        if reading is not None:
            self._finish(Outcome.UP, None, "", reading)
        elif isinstance(problem, ProbeFailed):
            self._run.log("failed: {}", problem.message)
            for line in problem.detail.splitlines():
                self._run.log("{}", line)
            self._finish(Outcome.DOWN, problem.error, problem.message, problem.reading)
        elif self._expired and isinstance(problem, asyncio.CancelledError | TimeoutError):
            self._cut_off()
        elif isinstance(problem, OSError) and (isinstance(problem, OwnTrouble) or problem.errno in OUR_FAULT):
            cause = (
                str(problem) if isinstance(problem, OwnTrouble) else os.strerror(problem.errno or 0).lower()
            )
            words = f"cannot run {self._check.name}: {cause}"
            if self._runner.complain():  # else thousands would say the same at once
                log.error("%s", words)
            self._fail(ErrorClass.SELF, words)
        elif isinstance(problem, Exception):
            log.error("cannot run check %s", self._check.name, exc_info=problem)
            self._fail(ErrorClass.INTERNAL, f"cannot run {self._check.name}: {type(problem).__name__}")
        else:
            done = self._done
            self._close()
            done(None)
            if not isinstance(problem, asyncio.CancelledError) and problem is not None:
                raise problem

    def _cut_off(self) -> None:
        self._run.phase(None)
        executors, name = self._runner.executors, self._check.name
        if inside := executors.inside.get(name):
            executors.hung.setdefault(name, set()).update(inside)
        # A machine that does not answer its own monitor is our trouble.
        error = ErrorClass.SELF if self._check.probe.HOST or self._ours else ErrorClass.TIMEOUT
        self._fail(error, f"timed out after {self._check.timeout:g} s{_reached(self._run)}")

    def _fail(self, error: ErrorClass, message: str) -> None:
        """End without a reading: by our own fault, or at the deadline."""
        self._run.log("{}", message)
        self._finish(Outcome.DOWN if error is ErrorClass.TIMEOUT else Outcome.UNKNOWN, error, message)

    def _finish(
        self, outcome: Outcome, error: ErrorClass | None, message: str, reading: Reading | None = None
    ) -> None:
        run = self._run
        run.phase(None)
        done = self._done
        self._close()
        if reading is None:
            reading = _NOTHING_READ
        done(
            Sample(
                check=self._check.name,
                at=self._at,
                duration=perf_counter() - run.started,
                outcome=outcome,
                values=reading.values,
                parts=reading.parts,
                phases=reading.phases or run.phases,
                error=error,
                message=message,
                log=run.lines if error is not None or self._runner.accounts else (),
            )
        )


async def run_once(
    check: Task, executors: Executors, memory: dict[str, Any], clock: Clock | None = None
) -> Sample:
    """Probe once and return the sample; never raises but for cancellation."""
    answer: asyncio.Future[Sample | None] = asyncio.get_running_loop().create_future()

    def take(sample: Sample | None) -> None:
        if not answer.done():
            answer.set_result(sample)

    attempt = Runner(executors, clock, accounts=True).start(check, memory, take)
    try:
        sample = await answer
    except asyncio.CancelledError:
        attempt.cancel()
        raise
    if sample is None:
        raise asyncio.CancelledError
    return sample


def _noted(function: Callable[..., T], inside: set[object]) -> Callable[..., T]:
    """Return a call that is in `inside` while it has not returned."""

    def work(*args: Any) -> T:
        mark = object()
        inside.add(mark)
        try:
            return function(*args)
        finally:
            inside.discard(mark)

    return work


def _reached(run: Run) -> str:
    """Say how far a run got that the deadline cut off."""
    way = f" {run.way}" if run.way else ""
    return f"{way} after {', '.join(run.phases)}" if run.phases else way


_NOTHING_READ: Final = Reading()
