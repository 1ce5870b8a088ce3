"""The recorder: writes decisions down in their order. What the store does not take waits, and is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from alerting.desk import Decision
from alerting.inputs import Input
from alerting.notification import Notification
from alerting.state import Changes
from monitor.daemon import Vitals
from monitor.store.errors import Fault, StoreError
from monitor.store.taking import Taking
from monitor.store.thread import StoreThread
from probes.sample import Sample

log = logging.getLogger("nightbell.recorder")

BATCH: Final = 500
"""Decisions that share one transaction at most."""
RETRY_SECONDS: Final = 1.0
STORE_ANSWERS: Final = 2.0
"""Seconds after which a store that has not answered counts as failing: people are paged from memory then."""
GLANCE: Final = 0.2
"""Seconds a failing store is waited for: deciding must not stand still meanwhile."""


@dataclass(slots=True)
class Asked:
    """An input (or a sample still to be judged), whoever waits for its answer, and what was decided."""

    given: Input | Sample
    answer: asyncio.Future[str] | None = None
    decision: Decision | None = None
    cleared: bool = False
    """It has waited for the canaries already."""

    @property
    def changes(self) -> bool:
        """True where there is anything to record."""
        return self.decision is not None and bool(self.decision.changes)

    def refuse(self, problem: BaseException) -> None:
        """Tell whoever waits what went wrong."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(problem)


class Sends(Protocol):
    """Delivery, which may have what is about to be recorded claimed with that."""

    def take(self, rows: Iterable[Notification]) -> Taking | None:
        """Return what of `rows` is to be claimed; None for nothing, and then nothing is begun."""
        ...

    async def begin(self, taken: frozenset[str] | None) -> None:
        """Begin to send what was claimed; None where nobody knows what was."""
        ...


class Recorder:
    """Decisions on their way to the disk. While the store fails, deciding goes on and what is decided piles up here."""

    def __init__(self, store: StoreThread, vitals: Vitals, sends: Sends | None = None) -> None:
        """Nothing is written before `write` is awaited."""
        self.begun: set[str] = set()
        """Ids of the notifications that were claimed with the last `write`: nobody needs to look for them."""
        self._store = store
        self._vitals = vitals
        self._sends = sends
        self._waiting: deque[Asked] = deque()
        self._group: list[Asked] = []
        """What is being written. Nothing else is handed over before it is known what came of it."""
        self._writing: asyncio.Task[list[BaseException | None]] | None = None
        self._claims = False
        """True where what is written is claimed with that; what was is in `_taken` then, None where nobody knows."""
        self._taken: frozenset[str] | None = None
        self._problem: StoreError | None = None
        self._again_at = 0.0

    def put(self, asked: Asked) -> None:
        """Take a decision; where the store fails, whoever waits for it hears that now."""
        if self._problem is not None:
            asked.refuse(self._problem)
            if not asked.changes:
                return
        self._waiting.append(asked)

    def give_up(self, problem: StoreError) -> None:
        """Tell whoever still waits that it will not be known whether it was recorded."""
        for asked in (*self._group, *self._waiting):
            asked.refuse(problem)

    @property
    def holding(self) -> bool:
        """True while the store fails."""
        return self._problem is not None

    def patience(self, now: float) -> float | None:
        """Return in how many seconds the store is to be tried again; None while it is well."""
        return max(0.0, self._again_at - now) if self._problem is not None else None

    async def write(self) -> list[Asked]:
        """Write what waits, and return what is on the disk now. Between a failure and the next try there is a pause."""
        done: list[Asked] = []
        self.begun.clear()
        if self.patience(asyncio.get_running_loop().time()):
            return done
        while self._group or self._waiting:
            outcomes = await self._outcomes()
            if outcomes is None:
                self._hold(StoreError("the store does not answer", fault=Fault.BUSY))
                return done
            group, self._group = self._group, []
            await self._begin()
            for place, (asked, problem) in enumerate(zip(group, outcomes, strict=True)):
                if isinstance(problem, StoreError) and problem.fault is not Fault.REFUSED:
                    self._waiting.extendleft(reversed(group[place:]))
                    self._hold(problem)
                    return done
                if problem is None:
                    done.append(asked)
                else:
                    self._lose(asked, problem)
        if any(asked.changes for asked in done):
            self._recover()
        return done

    async def _outcomes(self) -> list[BaseException | None] | None:
        """Return what came of a group that is handed over, or was before; None where that is not known yet."""
        if self._writing is None:
            self._group = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            writing = self._try(self._group)
            self._writing = asyncio.get_running_loop().create_task(writing, name="record")
        await asyncio.wait({self._writing}, timeout=GLANCE if self.holding else STORE_ANSWERS)
        if not self._writing.done():
            return None
        writing_done, self._writing = self._writing, None
        return writing_done.result()

    async def _try(self, group: list[Asked]) -> list[BaseException | None]:
        changing = [one.decision.changes for one in group if one.decision is not None and one.changes]
        if not changing:
            return [None] * len(group)
        try:
            outcomes = iter(await self._record(changing))
        except StoreError as problem:
            return [problem] * len(group)
        return [next(outcomes) if one.changes else None for one in group]

    async def _record(self, changing: list[Changes]) -> list[BaseException | None]:
        """Write it; what can leave at once is claimed with that, and leaves."""
        taking = None
        if self._sends is not None and self._problem is None:
            taking = self._sends.take(_last_words(changing))
        if taking is None:
            return await self._store.record_all(changing)
        self._claims, self._taken = True, None
        outcomes, self._taken = await self._store.record_taking(changing, taking)
        return outcomes

    async def _begin(self) -> None:
        """Have what was claimed sent; not before it is known here, so that what comes of it can be recorded, too."""
        if self._claims and self._sends is not None:
            self._claims, taken = False, self._taken
            await self._sends.begin(taken)
            self.begun |= taken or frozenset()

    def _hold(self, problem: StoreError) -> None:
        if self._problem is None:
            log.critical("cannot record decisions, they wait: %s", problem)
        self._problem = problem
        self._again_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        for asked in (*self._group, *self._waiting):
            asked.refuse(problem)
        self._waiting = deque(asked for asked in self._waiting if asked.changes)
        self._vitals.troubles["store"] = str(problem)
        count = len(self._waiting) + sum(asked.changes for asked in self._group)
        self._vitals.troubles["records"] = f"{count} decisions wait to be recorded"

    def _lose(self, asked: Asked, problem: BaseException) -> None:
        log.critical("cannot record a decision, it is lost: %s", problem)
        self._vitals.troubles["desk"] = f"a decision could not be recorded: {problem}"[:300]
        asked.refuse(problem)

    def _recover(self) -> None:
        if self._problem is not None:
            log.warning("the store can be written again, nothing is left waiting")
        self._problem = None
        self._vitals.troubles.pop("store", None)
        self._vitals.troubles.pop("records", None)


def _last_words(group: Iterable[Changes]) -> Iterable[Notification]:
    """Return the notifications that changes write, each as it is after the last of them."""
    rows = {
        record.id: record
        for changes in group
        for record in changes.records
        if isinstance(record, Notification)
    }
    return rows.values()
