"""The sample history as the daemon has it: a sample is appended to a queue, all else is done in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from config.model import History as Limits
from monitor.clock import Clock
from monitor.giving_way import giving_way
from monitor.history import reading
from monitor.history.keeper import TAKEN, Errors, Keeper
from monitor.history.words import DURATION, Figures, HistoryError, Series
from probes.sample import Sample

log = logging.getLogger("nightbell.history")

NAME: Final = "history.db"
BEAT: Final = 0.5
"""Seconds for which samples are left as they are."""
HELD: Final = 10_000
"""Samples held at most while the thread does not come: then the oldest are lost."""
REST: Final = 2.0
"""So many times as long as a slice took the thread rests after it."""
READ_SECONDS: Final = 5.0
"""How long one read may take."""
CLOSE_SECONDS: Final = 3.0
"""How long writing the last of it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    work: Callable[[Keeper], Series]
    answer: asyncio.Future[Series]


class History:
    """What checks saw. Without limits nothing is kept."""

    def __init__(
        self,
        directory: Path,
        limits: Limits | None,
        clock: Clock,
        said: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Take the directory of its file; nothing is opened yet. `said` is told on the loop what is wrong, or None."""
        self.path = directory / NAME
        self.figures = Figures()
        self.kept = limits is not None
        self._limits = limits
        self._clock = clock
        self._said = said
        self._samples: deque[Sample] = deque(maxlen=HELD if self.kept else 0)
        self.add: Callable[[Sample], None] = self._samples.append
        """Take a sample: called with every one, so it is no more than that."""
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def start(self) -> None:
        """Begin to write. Never fails, and waits for nothing: the file is opened by the thread."""
        if self._limits is None or self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        keeper = Keeper(self.path, self._limits, self._clock, self.figures, self._say)
        self._thread = threading.Thread(
            target=self._run, args=(keeper,), name="nightbell-history", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """Write what is left and end; a disk that does not answer is not waited for."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        try:
            await asyncio.wait_for(self._ended.wait(), CLOSE_SECONDS)
        except TimeoutError:
            log.warning("the last seconds of the history are lost: the disk does not answer")

    async def read(
        self,
        check: str,
        *,
        metric: str = DURATION,
        part: str = "",
        since: datetime,
        until: datetime,
        step: int = 60,
    ) -> Series:
        """Return points of a metric in steps of so many seconds, from `since` until before `until`.

        Raises HistoryError where there is no history, it cannot be read, or that is too much of it.
        """
        if self._thread is None or self._loop is None:
            raise HistoryError("cannot read the history: it is off")
        answer: asyncio.Future[Series] = self._loop.create_future()
        ask = partial(
            reading.read, check=check, metric=metric, part=part, since=since, until=until, step=max(1, step)
        )
        self._jobs.put(_Job(work=partial(_read, ask, check), answer=answer))
        return await asyncio.wait_for(answer, 2 * READ_SECONDS)

    # -- in the thread

    def _run(self, keeper: Keeper) -> None:
        try:
            with giving_way():
                keeper.open()
            while self._wait(keeper):
                self._take(keeper)
                if keeper.due():
                    self._slice(keeper.flush)
                while self._jobs.empty() and not keeper.due() and self._slice(keeper.tend):
                    self._take(keeper)
            self._take(keeper)
            keeper.close()
        except Exception as error:  # it must never be more than the history that ends
            log.exception("the history has ended")
            self._say(f"the history has ended: {error!r}"[:300])
        finally:
            self._on_loop(self._ended.set)

    def _wait(self, keeper: Keeper) -> bool:
        """Wait for a beat, and do meanwhile what is asked. False when it is time to end."""
        until = time.monotonic() + BEAT
        while (left := until - time.monotonic()) > 0:
            try:
                job = self._jobs.get(timeout=left)
            except Empty:
                break
            if job is None:
                return False
            self._take(keeper)
            self._do(job, keeper)
        return True

    def _take(self, keeper: Keeper) -> None:
        """Take in what has come, a few at a time."""
        while self._samples:
            few: list[Sample] = []
            while self._samples and len(few) < TAKEN:
                few.append(self._samples.popleft())
            with giving_way():
                keeper.take(few)

    def _slice(self, work: Callable[[], bool | None]) -> bool:
        """Do a piece of work that gives way to the loop, then rest."""
        began = time.thread_time()
        with giving_way():
            more = bool(work())
        time.sleep(min(0.25, REST * (time.thread_time() - began)))
        return more

    def _do(self, job: _Job, keeper: Keeper) -> None:
        if job.answer.cancelled():
            return
        try:
            with giving_way():
                found = job.work(keeper)
        except HistoryError as error:
            self._tell(job.answer, None, error)
        except Errors as error:
            self._tell(job.answer, None, HistoryError(f"cannot read the history: {error}"))
        except Exception as error:
            log.exception("cannot read the history")
            self._tell(job.answer, None, HistoryError(f"cannot read the history: {error!r}"[:300]))
        else:
            self._tell(job.answer, found, None)

    def _tell(self, answer: asyncio.Future[Series], value: Series | None, error: Exception | None) -> None:
        def settle() -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            elif value is not None:
                answer.set_result(value)

        self._on_loop(settle)

    def _say(self, words: str | None) -> None:
        self._on_loop(partial(self._said, words))

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None  # noqa: S101 - set before the thread began
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop has ended: nobody waits any more
            log.debug("nobody is told any more")


def _read(ask: Callable[..., Series], check: str, keeper: Keeper) -> Series:
    return ask(keeper.file(), keeper.waiting, breathe=reading.Deadline(READ_SECONDS, check))
