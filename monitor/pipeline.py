"""The pipeline: what the daemon does, on one screen.

    a sample comes in        scheduler and runner
    judge                    thresholds turn it into verdicts
    decide                   the desk turns a verdict, a receipt, a person's word or a tick into changes
    record                   one transaction, on the disk before anybody is told
    act                      answer whoever asked, wake delivery, look again soon at what just failed

Nothing acts before it is recorded. Everything that comes back (receipts, acknowledgements) enters at the top.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.desk import Decision, decide
from alerting.inputs import Input, Judged, Refused
from alerting.plan import Plan
from alerting.state import Proof, State
from alerting.thresholds.threshold import OutcomeThreshold
from alerting.thresholds.verdict import judge
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.store.errors import Fault, StoreError
from monitor.store.thread import StoreThread
from probes.sample import Outcome, Sample

log = logging.getLogger("nightbell.pipeline")

BATCH: Final = 500
RETRY_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Asked:
    """An input and whoever waits for its answer."""

    given: Input
    answer: asyncio.Future[str] | None
    decision: Decision | None = None


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
    ) -> None:
        """`look_again` is called with the name of a check whose failure is not yet certain."""
        self.state = state
        self.plan = plan
        self._store = store
        self._clock = clock
        self._vitals = vitals
        self._wake_delivery = wake_delivery
        self._look_again = look_again
        self._inputs: deque[_Asked] = deque()
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Decide → record → act, until cancelled."""
        while True:
            batch = await self._next()
            decided = [asked for asked in batch if self._decide(asked)]
            recorded = await self._record(decided)
            self._act(recorded)

    def observe(self, sample: Sample) -> None:
        """Judge a sample and hand the verdicts to the desk, unless all is well and was."""
        check = self.plan.checks.get(sample.check)
        if check is None:
            return
        proven = sample.check in self.state.records[Proof]
        worked = sample.outcome is Outcome.UP
        verdicts = tuple(
            verdict for threshold in check.thresholds for verdict in judge(threshold, sample, proven=proven)
        )
        alerts = self.state.records[Alert]
        news = worked > proven or any(one.held or str(one.key) in alerts for one in verdicts)
        if not news and (check.part is None or not alerts):
            return
        self._put(
            Judged(
                check=sample.check,
                at=sample.at,
                worked=worked,
                verdicts=verdicts,
                parts=frozenset(sample.parts),
            )
        )

    async def submit(self, given: Input) -> str:
        """Decide, record, act; return the id the input was about. Raises Refused and StoreError."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._put(given, answer)
        return await answer

    def _put(self, given: Input, answer: asyncio.Future[str] | None = None) -> None:
        self._inputs.append(_Asked(given, answer))
        self._arrived.set()

    async def _next(self) -> list[_Asked]:
        while not self._inputs:
            self._arrived.clear()
            await self._arrived.wait()
        return [self._inputs.popleft() for _ in range(min(BATCH, len(self._inputs)))]

    def _decide(self, asked: _Asked) -> bool:
        """Decide one input and lay it over the state, so that the next one sees it. False: nothing to record."""
        try:
            decision = decide(self.state, asked.given, self._clock.now(), self.plan)
        except Refused as refused:
            _answer(asked, refused)
            return False
        except Exception as cause:
            log.exception("cannot decide on %s", type(asked.given).__name__)
            self._vitals.troubles["desk"] = f"cannot decide on {type(asked.given).__name__}: {cause!r}"[:300]
            _answer(asked, cause)
            return False
        self._vitals.decided += 1
        asked.decision = decision
        self.state.apply(decision.changes)
        return True

    async def _record(self, decided: list[_Asked]) -> list[_Asked]:
        """Write every decision down. Where the store fails they wait, in order, until it works again."""
        left, done = [one for one in decided if _changes(one)], [one for one in decided if not _changes(one)]
        while left:
            answers = await asyncio.gather(
                *(self._store.record(one.decision.changes) for one in left if one.decision),
                return_exceptions=True,
            )
            failed = []
            for one, problem in zip(left, answers, strict=True):
                if problem is None:
                    done.append(one)
                elif isinstance(problem, StoreError) and problem.fault is not Fault.REFUSED:
                    failed.append((one, problem))
                else:
                    log.critical("cannot record a decision, it is lost: %s", problem)
                    self._vitals.troubles["desk"] = f"a decision could not be recorded: {problem}"[:300]
                    _answer(one, problem)
            left = [one for one, _ in failed]
            if failed:
                self._trouble(failed[0][1])
                for one, problem in failed:
                    _answer(one, problem)
                await asyncio.sleep(RETRY_SECONDS)
        if self._vitals.troubles.pop("store", None) is not None and decided:
            log.warning("the store can be written again")
        return done

    def _trouble(self, problem: StoreError) -> None:
        if "store" not in self._vitals.troubles:
            log.critical("cannot record decisions, they wait: %s", problem)
        self._vitals.troubles["store"] = str(problem)

    def _act(self, recorded: list[_Asked]) -> None:
        """Do what is recorded: nothing else was allowed to before."""
        for asked in recorded:
            decision = asked.decision
            if decision is None:
                continue
            if asked.answer is not None and not asked.answer.done():
                asked.answer.set_result(decision.about)
            for record in decision.changes.records:
                if (
                    isinstance(record, Alert)
                    and record.state is AlertState.PENDING
                    and self._by_outcome(record)
                ):
                    self._look_again(record.key.check)
        if any(_changes(asked) for asked in recorded):
            self._wake_delivery()

    def _by_outcome(self, alert: Alert) -> bool:
        check = self.plan.checks.get(alert.key.check)
        thresholds = check.thresholds if check else ()
        return any(isinstance(one, OutcomeThreshold) and one.id == alert.key.threshold for one in thresholds)


def _changes(asked: _Asked) -> bool:
    return asked.decision is not None and bool(asked.decision.changes)


def _answer(asked: _Asked, problem: BaseException) -> None:
    if asked.answer is not None and not asked.answer.done():
        asked.answer.set_exception(problem)
