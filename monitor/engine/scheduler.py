"""The scheduler: one heap, one timer, callbacks. Starts each check when it is due, spread over its interval."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from monitor.engine.counts import Counts

log = logging.getLogger("nightbell.scheduler")

QUANTUM: Final = 0.005
"""Checks due within so many seconds of each other start on one wake-up."""
COARSE: Final = 0.02
"""The same where few are due: waking up costs more than a run does, and a handful started together disturb none."""
TOGETHER: Final = 4
"""So many are to start on one wake-up, between those two bounds; more would wait for each other and be timed so."""
IN_FLIGHT: Final = 1000
"""Runs under way at once; what is due beyond waits, and its lateness shows."""
PER_HOST: Final = 200
"""Runs under way against one host: one that hangs takes neither all the room nor all our descriptors."""
TICK: Final = 0.001
"""What is due within a millisecond is due: timers of a loop come up to as much too soon."""
SETTLE: Final = 0.1
"""Seconds between start and the first run."""


class Cancellable(Protocol):
    """A run under way."""

    def cancel(self) -> object:
        """Call it off."""
        ...


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
    def host(self) -> str | None:
        """Return whom it asks; None for this machine."""
        ...

    @property
    def fingerprint(self) -> str:
        """Return what changes when anything that bears on it does."""
        ...


T = TypeVar("T", bound=Turn)
Memory = dict[str, Any]
Start = Callable[[T, Memory, Callable[[], None]], Cancellable | None]
"""Starts a run of a turn and returns how to call it off; has the callback called once it is over, however it ends."""


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    turn: T
    due: float
    number: int
    host: str | None
    memory: Memory = field(default_factory=dict)
    busy: bool = False
    """Under way, or waiting for room at its host."""
    run: Cancellable | None = None
    again_after: float | None = None


class Scheduler(Generic[T]):
    """Calls `start(turn, memory, done)` for all that is due; overlapping runs are dropped and counted.

    Times are the event loop's. The next run is due one interval after the last was *due*, so nothing drifts.
    """

    def __init__(
        self,
        start: Start[T],
        counts: Counts,
        *,
        first: Callable[[T], float] | None = None,
        room: int = IN_FLIGHT,
        per_host: int = PER_HOST,
        breathe: Callable[[], object] = lambda: None,
    ) -> None:
        """Nothing runs before `run` is awaited. `first` tells in how many seconds a new turn comes up first.

        `room` is for runs under way at once, `per_host` of it for one host. `breathe` is called between two starts on
        one wake-up: what has come for those started before is taken then, lest their durations grow by the starts of
        others.
        """
        self._start = start
        self._counts = counts
        self._first = first or first_turn
        self._room = room
        self._per_host = per_host
        self._breathe = breathe
        self._jobs: dict[str, _Job[T]] = {}
        self._heap: list[tuple[float, int, _Job[T]]] = []
        self._number = 0
        self._under_way: set[_Job[T]] = set()
        self._at_host: dict[str, int] = {}
        self._waiting: dict[str, deque[tuple[float, _Job[T]]]] = {}
        """By host that has no room, what is due there."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes = 0.0
        self._rested = 0.0
        """Before this instant nothing is started: what is due until then is started together."""
        self._quantum = QUANTUM
        self._open = False
        self._emptied = asyncio.Event()

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
                self._jobs[name] = self._job(turn, now + self._first(turn))
        rate = sum(1 / turn.every for turn in turns.values())
        self._quantum = min(max(TOGETHER / rate, QUANTUM), COARSE) if rate else COARSE
        self._heap = [(job.due, job.number, job) for job in self._jobs.values()]
        heapq.heapify(self._heap)
        self._arm()

    def look_again(self, name: str, *, at_once: bool = False) -> None:
        """Run a check again after its `retry_every`, or at once, where that is sooner than its turn.

        One that is under way runs again so long after its end.
        """
        job = self._jobs.get(name)
        if job is None:
            return
        after = 0.0 if at_once else min(job.turn.retry_every, job.turn.every)
        if job.busy:
            job.again_after = after if job.again_after is None else min(after, job.again_after)
        else:
            self._bring_forward(job, self._loop.time() + after)

    async def run(self) -> None:
        """Start what is due, until cancelled; runs under way are called off with it."""
        self._open = True
        self._arm()
        try:
            await self._loop.create_future()
        finally:
            self._open = False
            self._waiting.clear()
            if self._timer is not None:
                self._timer.cancel()
            for job in list(self._under_way):
                if job.run is not None:
                    job.run.cancel()
            while self._under_way:
                self._emptied.clear()
                await self._emptied.wait()

    def _arm(self) -> None:
        """Have the one timer wake us when something is due and there is room for it."""
        if not self._open or not self._heap or len(self._under_way) >= self._room:
            return
        wakes = max(self._heap[0][0], self._rested)
        if self._timer is not None:
            if self._wakes <= wakes:
                return
            self._timer.cancel()
        self._wakes = wakes
        self._timer = self._loop.call_at(wakes, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._breathe()  # what has come over kept connections since: their next run shall not take it for its answer
        now = self._loop.time()
        self._rested = now + self._quantum
        while self._heap and self._heap[0][0] <= now + TICK and len(self._under_way) < self._room:
            due, number, job = heapq.heappop(self._heap)
            if job.number != number or self._jobs.get(job.turn.name) is not job:
                continue  # brought forward, or no longer watched
            missed = int(max(0.0, now - due) // job.turn.every)  # held up for long: one run makes up for all
            self._counts.skipped += missed
            self._put(job, due + (missed + 1) * job.turn.every)
            if job.busy:
                self._counts.skipped += 1
                continue
            job.busy = True
            if job.host is not None and self._at_host.get(job.host, 0) >= self._per_host:
                self._waiting.setdefault(job.host, deque()).append((due, job))
            else:
                self._take_place(job)
                self._begin(job, max(0.0, now - due))
                self._breathe()
        self._arm()

    def _take_place(self, job: _Job[T]) -> None:
        self._under_way.add(job)
        if job.host is not None:
            self._at_host[job.host] = self._at_host.get(job.host, 0) + 1

    def _begin(self, job: _Job[T], late: float) -> None:
        """Start a run that has its place."""
        self._counts.began(late)
        try:
            run = self._start(job.turn, job.memory, partial(self._over, job))
        except Exception:  # one that cannot be started must not stop the others
            log.exception("cannot start %s", job.turn.name)
            if job in self._under_way:  # else it has ended and said so before
                self._over(job)
        else:
            if job in self._under_way:
                job.run = run

    def _over(self, job: _Job[T]) -> None:
        host = job.host
        full = len(self._under_way) >= self._room
        job.busy, job.run = False, None
        self._under_way.discard(job)
        if host is not None:
            left = self._at_host.pop(host) - 1
            if left:
                self._at_host[host] = left
            if self._waiting:
                self._serve(host)
        if job.again_after is not None:
            self._bring_forward(job, self._loop.time() + job.again_after)
            job.again_after = None
        if full:
            self._arm()
        if not self._under_way:
            self._emptied.set()

    def _serve(self, host: str) -> None:
        """Give the room that has become free at a host to whoever waits longest."""
        queue = self._waiting.get(host)
        while queue:
            due, job = queue.popleft()
            if not queue:
                del self._waiting[host]
            if self._jobs.get(job.turn.name) is job:
                self._take_place(job)  # at once: another turn could take it meanwhile
                # Not from within the end of another: a host that refuses at once would nest without an end.
                self._loop.call_soon(self._begin_waiting, job, due)
                return

    def _begin_waiting(self, job: _Job[T], due: float) -> None:
        if self._open and self._jobs.get(job.turn.name) is job:
            self._breathe()
            self._begin(job, self._loop.time() - due)
        else:
            self._over(job)

    def _bring_forward(self, job: _Job[T], due: float) -> None:
        if due < job.due:
            self._put(job, due)
            self._arm()

    def _put(self, job: _Job[T], due: float) -> None:
        self._number += 1
        job.due, job.number = due, self._number
        heapq.heappush(self._heap, (due, job.number, job))

    def _job(self, turn: T, due: float) -> _Job[T]:
        self._number += 1
        return _Job(turn, due, self._number, turn.host)


def in_tasks(start: Callable[[T, Memory], Awaitable[None]]) -> Start[T]:
    """Return how to start what is written as a coroutine function: in a task of its own."""

    async def run(turn: T, memory: Memory) -> None:
        try:
            await start(turn, memory)
        except Exception:
            log.exception("cannot run %s", turn.name)

    def begin(turn: T, memory: Memory, done: Callable[[], None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(run(turn, memory), name=f"run {turn.name}")
        task.add_done_callback(lambda _: done())
        return task

    return begin


def first_turn(turn: Turn) -> float:
    """Return in how many seconds a turn comes up first: by its name somewhere in its interval."""
    return SETTLE + _phase(turn.name) * turn.every


def _phase(name: str) -> float:
    """Return where in its interval a check runs, 0 to 1: by a hash of its name, the same on every start."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest()) / 2**32
