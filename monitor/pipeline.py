"""The pipeline: what the daemon does, on one screen.

    a sample comes in        scheduler and runner
    judge                    thresholds turn it into verdicts; those that are bad wait a moment for the canaries
    decide                   the desk turns a verdict, a receipt, a person's word or a tick into changes
    record                   one transaction, on the disk before anybody is told
    act                      answer whoever asked, wake delivery, look again soon at what just failed, and now at
                             what that depends on

Nothing acts before it is recorded. Everything that comes back (receipts, acknowledgements) enters at the top.
The one exception: while the store fails, deciding goes on, what is decided waits for the disk in its order, and
delivery sends the pages it remembers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.desk import decide
from alerting.inputs import Input, Judged, Received, Refused
from alerting.judge import Judge, Listening, waited_for
from alerting.notification import Notification, NotificationState
from alerting.plan import Plan
from alerting.state import State
from alerting.thresholds.threshold import OutcomeThreshold
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.landmark import Landmark, reached
from monitor.pace import Pace
from monitor.recorder import Asked, Recorder, Sends
from monitor.store.errors import Fault, StoreError
from monitor.store.thread import StoreThread
from probes.sample import Sample

log = logging.getLogger("nightbell.pipeline")

BATCH: Final = 500
"""Inputs decided before what they changed is written: together, at the price of one."""


class Pipeline:
    """Feeds the desk one input at a time, records what it decides, and acts on what is recorded."""

    def __init__(
        self,
        *,
        state: State,
        plan: Plan,
        store: StoreThread,
        clock: Clock,
        vitals: Vitals,
        wake_delivery: Callable[[], None],
        look_again: Callable[[str], None],
        look_now: Callable[[str], None] = lambda _: None,
        stand_by: Callable[[], None] = lambda: None,
        holds: Callable[[Judged], bool] = lambda _: False,
        sends: Sends | None = None,
    ) -> None:
        """`look_again` is called with the name of a check whose failure is not yet certain, `look_now` with that of
        one something failing depends on, `stand_by` whenever a page may be near. What `holds` is not decided; whoever
        holds it gives it back by `let_go`. `sends` is delivery, where it may claim what is being recorded.
        """
        self.state = state
        self.plan = plan
        self._recorder = Recorder(store, vitals, sends)
        self._clock = clock
        self._vitals = vitals
        self._wake_delivery = wake_delivery
        self._look_again = look_again
        self._look_now = look_now
        self._stand_by = stand_by
        self._holds = holds
        self.judge = Judge()
        self._listening = Listening(self.judge)
        self._judge: Judge | Listening = self._listening if waited_for(state) else self.judge
        self._inputs: deque[Asked] = deque()
        self._arrived = asyncio.Event()
        self._pace = Pace()
        self._ended = False

    async def run(self) -> None:
        """Decide → record → act, until cancelled. Where the store fails, deciding goes on and the records wait."""
        try:
            while True:
                decided = [asked for asked in await self._next() if self._decide(asked)]
                for asked in decided:
                    self._recorder.put(asked)
                if any(asked.changes for asked in decided):  # what changes nothing costs next to nothing
                    self._pace.passed(asyncio.get_running_loop().time())
                self._act(await self._recorder.write())
        finally:
            self._ended = True
            self._recorder.give_up(_ended())
            for asked in self._inputs:
                asked.refuse(_ended())

    def observe(self, sample: Sample) -> None:
        """Judge a sample and hand it to the desk. Behind what is not decided yet it waits, and is judged after that."""
        if self._inputs:
            self._put(sample)
        elif (judged := self._judge(sample, self.state, self.plan)) is not None:
            reached(Landmark.SAMPLE_JUDGED, sample.check)
            self._put(judged)

    async def submit(self, given: Input) -> str:
        """Decide, record, act; return the id the input was about. Raises Refused and StoreError."""
        if self._ended:
            raise _ended()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._put(given, answer)
        return await answer

    def let_go(self, given: Judged) -> None:
        """Decide on what was held, whatever holds now."""
        self._inputs.append(Asked(given, cleared=True))
        self._arrived.set()

    def _put(self, given: Input | Sample, answer: asyncio.Future[str] | None = None) -> None:
        self._inputs.append(Asked(given, answer))
        self._arrived.set()

    async def _next(self) -> list[Asked]:
        """Wait for inputs, where many come for more of them; where records wait for the store, to their next try."""
        loop = asyncio.get_running_loop()
        if not self._inputs:
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._recorder.patience(loop.time())):
                    await self._arrived.wait()
        if len(self._inputs) < BATCH and (gather := self._pace.wait(loop.time())):
            await asyncio.sleep(gather)
        return [self._inputs.popleft() for _ in range(min(BATCH, len(self._inputs)))]

    def _decide(self, asked: Asked) -> bool:
        """Decide one input and lay it over the state, so that the next one sees it. False: nothing to record."""
        try:
            given = (
                self._judge(asked.given, self.state, self.plan)
                if isinstance(asked.given, Sample)
                else asked.given
            )
            if given is None or (isinstance(given, Judged) and not asked.cleared and self._holds(given)):
                return False
            reached(Landmark.INPUT_TAKEN, type(given).__name__)
            decision = decide(self.state, given, self._clock.now(), self.plan)
            reached(Landmark.DECIDED, type(given).__name__)
        except Refused as refused:
            asked.refuse(refused)
            return False
        except Exception as cause:
            log.exception("cannot decide on %s", type(asked.given).__name__)
            self._vitals.troubles["desk"] = f"cannot decide on {type(asked.given).__name__}: {cause!r}"[:300]
            asked.refuse(cause)
            return False
        self._vitals.decided += 1
        asked.decision = decision
        self.state.apply(decision.changes)
        self._judge = self._listening if waited_for(self.state) else self.judge
        return True

    def _act(self, recorded: list[Asked]) -> None:
        """Do what is recorded: nothing else was allowed to before."""
        for asked in recorded:
            if asked.decision is None:
                continue
            try:
                self._answer(asked, asked.decision.about)
                for record in asked.decision.changes.records:
                    if isinstance(record, Alert):
                        self._look(record)
            except Exception as cause:  # what follows for one must not keep the others from being told
                log.exception("cannot act on %s", type(asked.given).__name__)
                asked.refuse(cause)
        if self._recorder.holding or any(_queues(asked, self._recorder.begun) for asked in recorded):
            self._wake_delivery()

    def _answer(self, asked: Asked, about: str) -> None:
        """Tell whoever asked that it is recorded."""
        if isinstance(asked.given, Received):
            reached(Landmark.RECEIPT_DONE, asked.given.receipt.state.value)
        if asked.answer is not None and not asked.answer.done():
            reached(Landmark.ANSWER_BEGIN, type(asked.given).__name__)
            asked.answer.set_result(about)

    def _look(self, alert: Alert) -> None:
        """Look again at what may be bad, and at what that depends on: what is bad as well is looked at by itself."""
        if alert.state is AlertState.PENDING:
            self._stand_by()
            if self._by_outcome(alert):
                self._look_again(alert.key.check)
                if alert.failures == 1:
                    self._look_up(self.plan.dependencies.upstream.get(alert.key.check, ()))
        elif alert.held:
            self._look_up(alert.awaits)

    def _look_up(self, names: tuple[str, ...]) -> None:
        known = self.state.records[Alert]
        for name in names:
            check = self.plan.checks.get(name)
            if check is not None and not any(f"{name}/{one.id}" in known for one in check.thresholds):
                self._look_now(name)

    def _by_outcome(self, alert: Alert) -> bool:
        check = self.plan.checks.get(alert.key.check)
        thresholds = check.thresholds if check else ()
        return any(isinstance(one, OutcomeThreshold) and one.id == alert.key.threshold for one in thresholds)


def _queues(asked: Asked, begun: Collection[str]) -> bool:
    """Tell whether what was decided has anything wait in the outbox, for now or for later than it did, which was not
    `begun` with being recorded.
    """
    return asked.decision is not None and any(
        isinstance(record, Notification)
        and record.state is NotificationState.PENDING
        and record.id not in begun
        for record in asked.decision.changes.records
    )


def _ended() -> StoreError:
    return StoreError("cannot record anything more: the daemon is stopping", fault=Fault.CLOSED)
