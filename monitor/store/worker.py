"""Runs work on the store in one thread of its own and answers on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from alerting.state import Changes
from monitor.store.errors import StoreError
from monitor.store.taking import Taking

if TYPE_CHECKING:
    from monitor.store.keeper import Keeper
    from monitor.store.rescue import Snapshot

log = logging.getLogger("nightbell.store")

GROUP_MAX: Final = 1000
"""Changes that share one transaction at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work for the thread. `urgent` goes before what only reads.

    A job nobody waits for any more is dropped; where it had begun already, `undo` takes its result back.
    """

    work: Callable[[Keeper], Any]
    answer: asyncio.Future[Any]
    urgent: bool = False
    undo: Callable[[Keeper, Any], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Changes to write. They are written even where nobody waits any more. The answer is what was claimed with it."""

    changes: Changes
    answer: asyncio.Future[Any]
    taking: Taking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """Changes handed over together: up to GROUP_MAX of them share one transaction."""

    group: tuple[Recording, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The state in memory, to begin a fresh file with where the old one is damaged."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Finish what was handed over before, close the store, end."""

    answer: asyncio.Future[Any]


Task = Job | Recording | Recordings | Renewal | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a task: its value or its error; `undo` where nobody may be left to take the value."""

    to: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None
    undo: Callable[[Keeper, Any], None] | None = None


class Worker:
    """One thread with one store. It sleeps until work comes; all recordings that wait share a transaction."""

    def __init__(self, make: Callable[[], Keeper]) -> None:
        """Take what makes the store's keeper: called in the thread."""
        self.keeper: Keeper | None = None
        """Of the thread; others may look at its `problem`."""
        self._make = make
        self._queue: SimpleQueue[Task] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="nightbell-store", daemon=True)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._recordings: deque[Recording] = deque()
        self._urgent: deque[Job] = deque()
        self._reads: deque[Job] = deque()
        self._renewal: Renewal | None = None
        self._stop: Stop | None = None

    async def start(self) -> None:
        """Start the thread; return when the store is open, raise what opening it raised."""
        self._thread.start()
        await self._opened

    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def put(self, task: Task) -> None:
        """Hand over a task, from any thread."""
        self._queue.put(task)

    def _run(self) -> None:
        try:
            self.keeper = keeper = self._make()
            keeper.open()
        except BaseException as err:  # whoever awaits it is told, as an executor would
            self._tell(Answer(to=self._opened, error=err))
            return
        self._tell(Answer(to=self._opened))
        while self._wait(keeper):
            if self._recordings:
                self._record(keeper)
            while self._urgent:
                self._do(keeper, self._urgent.popleft())
            if self._reads:
                self._do(keeper, self._reads.popleft())
            self._tend(keeper)
        self._finish(keeper)

    @property
    def _idle(self) -> bool:
        return not (self._recordings or self._urgent or self._reads) and self._queue.empty()

    def _wait(self, keeper: Keeper) -> bool:
        """Take over what was handed to us, sleeping where nothing is to do or due. False when it is time to end."""
        if self._idle:
            if self._stop is not None:
                return False
            with contextlib.suppress(Empty):
                self._sort(self._queue.get(timeout=keeper.patience()))
        while not self._queue.empty():
            self._sort(self._queue.get())
        return True

    def _tend(self, keeper: Keeper) -> None:
        renewal, self._renewal = self._renewal, None
        try:
            if renewal is not None:
                keeper.renew(renewal.snapshot)
            keeper.tend(idle=self._idle)
        except Exception:  # the thread outlives whatever it is
            log.exception("cannot look after the store")

    def _sort(self, task: Task) -> None:
        match task:
            case Recording():
                self._recordings.append(task)
            case Recordings(group=group):
                self._recordings.extend(group)
            case Job(urgent=True):
                self._urgent.append(task)
            case Job():
                self._reads.append(task)
            case Renewal():
                self._renewal = task
            case Stop():
                self._stop = task

    def _record(self, keeper: Keeper) -> None:
        group = [self._recordings.popleft() for _ in range(min(len(self._recordings), GROUP_MAX))]
        outcomes: list[StoreError | None] | list[Exception]
        taking = next((task.taking for task in group if task.taking is not None), None)
        taken: frozenset[str] | None = None
        try:
            outcomes, taken = keeper.use(
                lambda store: store.record_taking([task.changes for task in group], taking)
            )
            for error in filter(None, outcomes):
                keeper.notice(error)
        except Exception as err:  # the thread outlives whatever it is
            outcomes = [err] * len(group)
        self._tell(
            *(
                Answer(to=task.answer, value=taken if task.taking is not None else None, error=error)
                for task, error in zip(group, outcomes, strict=True)
            )
        )

    def _do(self, keeper: Keeper, job: Job) -> None:
        if job.answer.cancelled():
            return
        try:
            value = job.work(keeper)
        except Exception as err:  # the thread outlives whatever it is
            self._tell(Answer(to=job.answer, error=err))
        else:
            self._tell(Answer(to=job.answer, value=value, undo=job.undo))

    def _finish(self, keeper: Keeper) -> None:
        error = None
        try:
            keeper.close()
        except Exception as err:
            error = err
        if self._stop is not None:
            self._tell(Answer(to=self._stop.answer, error=error))

    def _tell(self, *answers: Answer) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._settle, answers)

    def _settle(self, answers: tuple[Answer, ...]) -> None:
        """Answer, on the loop."""
        for answer in answers:
            if answer.to.done():  # nobody waits any more
                if answer.undo is not None:
                    self._take_back(answer.undo, answer.value)
            elif answer.error is not None:
                answer.to.set_exception(answer.error)
            else:
                answer.to.set_result(answer.value)

    def _take_back(self, undo: Callable[[Keeper, Any], None], value: Any) -> None:
        done = self._loop.create_future()
        done.add_done_callback(lambda future: future.exception())  # the next start finds it where this fails
        self.put(Job(work=lambda keeper: undo(keeper, value), answer=done, urgent=True))
