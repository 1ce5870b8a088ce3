"""The scheduler: one heap, one timer. Starts each check when it is due, spread over its interval."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from monitor.daemon import Vitals

log = logging.getLogger("nightbell.scheduler")

QUANTUM: Final = 0.005
"""Checks due within so many seconds of each other start on one wake-up."""
IN_FLIGHT: Final = 500
"""Runs under way at once; what is due beyond waits, and its lateness shows."""
SETTLE: Final = 0.1
"""Seconds between start and the first run."""


class Turn(Protocol):
    """What comes round again and again: a check, or the pulse of the daemon. Times in seconds."""

    @property
    def name(self) -> str:
        """Tell it from the others; its place in the interval comes from it."""
        ...

    @property
    def every(self) -> float:
        """Return the time between two turns."""
        ...

    @property
    def retry_every(self) -> float:
        """Return how soon a failure is looked at again."""
        ...

    @property
    def fingerprint(self) -> str:
        """Return what changes when anything that bears on it does."""
        ...


T = TypeVar("T", bound=Turn)


@dataclass(slots=True)
class _Job(Generic[T]):
    turn: T
    due: float
    number: int
    memory: dict[str, object] = field(default_factory=dict)
    busy: bool = False
    again_after: float | None = None


class Scheduler(Generic[T]):
    """Calls `start(turn, memory)` for all that is due; overlapping runs are dropped and counted.

    Times are the event loop's. The next run is due one interval after the last was *due*, so nothing drifts.
    """

    def __init__(
        self,
        start: Callable[[T, dict[str, object]], Awaitable[None]],
        vitals: Vitals,
    ) -> None:
        """Nothing runs before `run` is awaited."""
        self._start = start
        self._vitals = vitals
        self._jobs: dict[str, _Job[T]] = {}
        self._heap: list[tuple[float, int, _Job[T]]] = []
        self._number = 0
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def watch(self, turns: Mapping[str, T]) -> None:
        """Schedule exactly `turns`: what is unchanged keeps its phase and memory."""
        before, self._jobs = self._jobs, {}
        now = self._loop.time()
        for name, turn in turns.items():
            known = before.get(name)
            if known is not None and known.turn.fingerprint == turn.fingerprint:
                self._jobs[name] = known
                known.turn = turn
            else:
                self._jobs[name] = self._job(turn, now + SETTLE + _phase(name) * turn.every)
        self._heap = [(job.due, job.number, job) for job in self._jobs.values()]
        heapq.heapify(self._heap)
        self._changed.set()

    def look_again(self, name: str) -> None:
        """Run a check again after its `retry_every`, where that is sooner than its turn."""
        job = self._jobs.get(name)
        if job is None:
            return
        after = min(job.turn.retry_every, job.turn.every)
        if job.busy:
            job.again_after = after
        else:
            self._bring_forward(job, self._loop.time() + after)

    async def run(self) -> None:
        """Start what is due, until cancelled; runs under way are cancelled with it."""
        try:
            while True:
                await self._sleep()
                self._fire(self._loop.time())
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _sleep(self) -> None:
        self._changed.clear()
        wait = self._heap[0][0] - self._loop.time() if self._heap else None
        if len(self._running) >= IN_FLIGHT:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        elif wait is None or wait > 0:
            try:
                async with asyncio.timeout(None if wait is None else max(wait, QUANTUM)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _fire(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now and len(self._running) < IN_FLIGHT:
            due, number, job = heapq.heappop(self._heap)
            if job.number != number or self._jobs.get(job.turn.name) is not job:
                continue  # brought forward, or no longer watched
            missed = int(max(0.0, now - due) // job.turn.every)  # held up for long: one run makes up for all
            self._vitals.skipped += missed
            self._put(job, due + (missed + 1) * job.turn.every)
            if job.busy:
                self._vitals.skipped += 1
                continue
            job.busy = True
            self._vitals.lateness = now - due
            self._vitals.runs += 1
            task = self._loop.create_task(self._run(job), name=f"run {job.turn.name}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, job: _Job[T]) -> None:
        try:
            await self._start(job.turn, job.memory)
        finally:
            job.busy = False
            if job.again_after is not None:
                self._bring_forward(job, self._loop.time() + job.again_after)
                job.again_after = None

    def _bring_forward(self, job: _Job[T], due: float) -> None:
        if due < job.due:
            self._put(job, due)
            self._changed.set()

    def _put(self, job: _Job[T], due: float) -> None:
        self._number += 1
        job.due, job.number = due, self._number
        heapq.heappush(self._heap, (due, job.number, job))

    def _job(self, turn: T, due: float) -> _Job[T]:
        self._number += 1
        return _Job(turn, due, self._number)


def _phase(name: str) -> float:
    """Return where in its interval a check runs, 0 to 1: by a hash of its name, the same on every start."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest()) / 2**32
