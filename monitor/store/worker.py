"""Runs work on the store in one thread of its own and answers on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from alerting.state import Changes
from monitor.store.errors import StoreError

if TYPE_CHECKING:
    from monitor.store.store import Store

GROUP_MAX: Final = 1000
"""Changes that share one transaction at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work for the thread. `urgent` goes before what only reads.

    A job nobody waits for any more is dropped; where it had begun already, `undo` takes its result back.
    """

    work: Callable[[Store], Any]
    answer: asyncio.Future[Any]
    urgent: bool = False
    undo: Callable[[Store, Any], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Changes to write. They are written even where nobody waits any more."""

    changes: Changes
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """Changes handed over together: up to GROUP_MAX of them share one transaction."""

    group: tuple[Recording, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Finish what was handed over before, close the store, end."""

    answer: asyncio.Future[Any]


Task = Job | Recording | Recordings | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a task: its value or its error; `undo` where nobody may be left to take the value."""

    to: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None
    undo: Callable[[Store, Any], None] | None = None


class Worker:
    """One thread with one store. It sleeps until work comes; all recordings that wait share a transaction."""

    def __init__(self, make: Callable[[], Store]) -> None:
        """Take what opens the store: called in the thread."""
        self._make = make
        self._queue: SimpleQueue[Task] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="nightbell-store", daemon=True)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._recordings: deque[Recording] = deque()
        self._urgent: deque[Job] = deque()
        self._reads: deque[Job] = deque()
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
            store = self._make()
        except BaseException as err:  # whoever awaits it is told, as an executor would
            self._tell(Answer(to=self._opened, error=err))
            return
        self._tell(Answer(to=self._opened))
        while self._wait():
            if self._recordings:
                self._record(store)
            while self._urgent:
                self._do(store, self._urgent.popleft())
            if self._reads:
                self._do(store, self._reads.popleft())
        self._finish(store)

    def _wait(self) -> bool:
        """Take over what was handed to us, sleeping where there is nothing to do. False when it is time to end."""
        idle = not (self._recordings or self._urgent or self._reads)
        if idle and self._stop is not None:
            return False
        if idle or not self._queue.empty():
            self._sort(self._queue.get())
            while not self._queue.empty():
                self._sort(self._queue.get())
        return True

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
            case Stop():
                self._stop = task

    def _record(self, store: Store) -> None:
        group = [self._recordings.popleft() for _ in range(min(len(self._recordings), GROUP_MAX))]
        outcomes: list[StoreError | None] | list[Exception]
        try:
            outcomes = store.record_all([task.changes for task in group])
        except Exception as err:  # the thread outlives whatever it is
            outcomes = [err] * len(group)
        self._tell(
            *(Answer(to=task.answer, error=error) for task, error in zip(group, outcomes, strict=True))
        )

    def _do(self, store: Store, job: Job) -> None:
        if job.answer.cancelled():
            return
        try:
            value = job.work(store)
        except Exception as err:  # the thread outlives whatever it is
            self._tell(Answer(to=job.answer, error=err))
        else:
            self._tell(Answer(to=job.answer, value=value, undo=job.undo))

    def _finish(self, store: Store) -> None:
        error = None
        try:
            store.close()
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

    def _take_back(self, undo: Callable[[Store, Any], None], value: Any) -> None:
        done = self._loop.create_future()
        done.add_done_callback(lambda future: future.exception())  # the next start finds it where this fails
        self.put(Job(work=lambda store: undo(store, value), answer=done, urgent=True))
