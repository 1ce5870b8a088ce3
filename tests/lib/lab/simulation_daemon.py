"""A simulated process: pipeline, recorder and delivery round the real desk, on a simulated disk.

It decides with the real desk, judges as the real pipeline does, asks the real `unwanted` before each send, and weighs
what a former process left with the real `left_by`. Only doing is simulated: time, disk, providers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, Final, Protocol, cast

from alerting.desk import Decision
from alerting.inputs import Input, Received, Refused, Reloaded, Tick
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from alerting.plan import Plan
from alerting.state import Changes, State
from lab.simulation_disk import Disk
from lab.simulation_script import Manner, Point
from monitor.delivery.backoff import wait
from monitor.delivery.leaving import together
from monitor.delivery.marks import Found, Mark, name_of
from monitor.delivery.takeover import left_by
from monitor.pipeline import Pipeline
from probes.sample import Sample

COMMIT: Final = 2
"""Milliseconds in which decisions gather before they are on the disk."""
RETRY: Final = 1000
"""Milliseconds between two tries of a disk that fails."""
CLAIM: Final = 64
PARALLEL: Final = 4
TIMEOUT: Final = 15_000
"""Milliseconds a send may take."""
_OUTCOMES: Final = {
    Manner.WELL: (NotificationState.ACCEPTED, None),
    Manner.SLOW: (NotificationState.ACCEPTED, None),
    Manner.REFUSES: (NotificationState.FAILED, Reason.REFUSED),
    Manner.LATER: (NotificationState.PENDING, Reason.SERVER),
    Manner.MUCH_LATER: (NotificationState.PENDING, Reason.RATE_LIMIT),
    Manner.DEAF: (NotificationState.PENDING, Reason.TIMEOUT),
    Manner.UNSURE: (NotificationState.AMBIGUOUS, Reason.TIMEOUT),
    Manner.LOST: (NotificationState.AMBIGUOUS, Reason.TIMEOUT),
}
_MOMENTS: Final = {
    Manner.WELL: (100, 200),
    Manner.SLOW: (12_000, 12_500),
    Manner.REFUSES: (None, 150),
    Manner.LATER: (None, 150),
    Manner.MUCH_LATER: (None, 150),
    Manner.DEAF: (None, TIMEOUT),
    Manner.UNSURE: (1_000, TIMEOUT),
    Manner.LOST: (None, TIMEOUT),
}
"""When the provider takes the message, and when the send ends, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The decisions under test. What is not the real one proves that the simulation would notice."""

    decide: Callable[[State, Input, Any, Plan], Decision]
    unwanted: Callable[[State, Notification, Any], Reason | None]
    load: Callable[[Disk, Any, Random], State] = Disk.load
    answers_early: bool = False
    """True where whoever asks is answered before it is recorded."""


class Stage(Protocol):
    """What is round the process."""

    core: Core
    disk: Disk
    plan: Plan
    dice: Random
    seed: str
    ms: int

    def now(self) -> Any: ...
    def later(self, ms: int, what: Callable[[], None]) -> None: ...
    def disk_fails(self) -> bool: ...
    def manner(self, channel: str, key: str, attempt: int) -> Manner: ...
    def passing(self, point: Point) -> None: ...
    def heard(self, given: Input | Sample, changes: Changes | None) -> int: ...
    def refused(self, given: Input) -> None: ...
    def begun(self, row: Notification) -> None: ...
    def taken(self, rows: list[Notification]) -> None: ...


@dataclass(slots=True, eq=False)
class Flight:
    """One message on its way."""

    rows: list[Notification]
    remembered: bool
    marked: str = ""
    """The name of its mark."""


@dataclass(slots=True)
class Waiting:
    """A decision that is not on the disk yet. `place` is its place among all inputs; `answer` tells whoever asked.

    `after` is done once it is on the disk.
    """

    place: int
    changes: Changes
    answer: Callable[[bool], None] | None
    after: Callable[[], None]


@dataclass(slots=True, eq=False)
class Process:
    """One life of the daemon."""

    stage: Stage
    state: State = field(default_factory=State)
    flights: list[Flight] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    """What tells whoever comes after us which messages may have left."""
    holding: bool = False
    _writes: bool = False
    _looks_at: int | None = None

    @property
    def plan(self) -> Plan:
        """The plan in force, as the real pipeline has it."""
        return self.stage.plan

    # --- pipeline

    def observe(self, sample: Sample) -> None:
        """Judge a sample as the pipeline does, and decide."""
        judged = Pipeline._judged(cast("Pipeline", self), sample)
        if judged is None:
            self.stage.heard(sample, None)
        else:
            self._decide(judged, sample)

    def submit(
        self,
        given: Input,
        answer: Callable[[bool], None] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Decide; `answer` is told True once it is durable, False where it is refused or cannot be recorded now."""
        self._decide(given, given, answer, after)

    def _decide(
        self,
        given: Input,
        told: Input | Sample,
        answer: Callable[[bool], None] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        stage = self.stage
        try:
            decision = stage.core.decide(self.state, given, stage.now(), stage.plan)
        except Refused:
            stage.refused(given)
            if answer is not None:
                answer(False)
            return
        self.state.apply(decision.changes)
        place = stage.heard(told, decision.changes)
        if answer is not None and (self.holding or stage.core.answers_early):
            answer(not self.holding)
            answer = None
        if not decision.changes and answer is None:
            return
        self.waiting.append(Waiting(place, decision.changes, answer, after))
        if decision.changes:
            stage.passing(Point.ANSWERED if isinstance(given, Received) else Point.DECIDED)
        if not self._writes:
            self._writes = True
            stage.later(RETRY if self.holding else COMMIT, self._write)

    def _write(self) -> None:
        self._writes = False
        stage = self.stage
        if stage.disk_fails():
            self.holding = True
            for one in self.waiting:
                if one.answer is not None:
                    one.answer(False)
                    one.answer = None
            self._writes = True
            stage.later(RETRY, self._write)
            self.look()
            return
        done, self.waiting = self.waiting, []
        self.holding = False
        stage.disk.record([one.changes for one in done])
        stage.passing(Point.RECORDED)
        for one in done:
            one.after()
            if one.answer is not None:
                one.answer(True)
        self.look()

    # --- delivery

    def look(self) -> None:
        """Send what is due, and look again when the next is."""
        stage = self.stage
        self._looks_at = None
        if self.holding or stage.disk_fails():
            if self._remembered() or self._pages():
                self._look_in(RETRY)
            return
        while True:
            room = self._room()
            full = frozenset(name for name, free in room.items() if free <= 0)
            most = min([CLAIM, *(free for free in room.values() if free > 0)])
            rows = stage.disk.claim(stage.now(), most, full)
            if not rows:
                break
            stage.passing(Point.CLAIMED)
            self._begin_claimed(rows)
        due = stage.disk.next_due(full)
        if due is not None:
            self._look_in(max(1, -((stage.now() - due) // timedelta(milliseconds=1))))

    def _look_in(self, ms: int) -> None:
        """Look again then, where nothing has us look earlier."""
        stage, at = self.stage, self.stage.ms + ms
        if self._looks_at is None or at < self._looks_at or self._looks_at <= stage.ms:
            self._looks_at = at
            stage.later(ms, lambda: self.look() if self._looks_at == at else None)

    def _room(self) -> dict[str, int]:
        busy = Counter(flight.rows[0].channel for flight in self.flights)
        return {name: PARALLEL - busy[name] for name in self.stage.plan.channels}

    def _begin_claimed(self, rows: list[Notification]) -> None:
        """Send what was claimed, but for what an attempt from memory is sending, or has sent, already."""
        remembered = {row.id: flight for flight in self.flights if flight.remembered for row in flight.rows}
        fresh, answered = [], []
        for row in rows:
            known = self.state.records[Notification].get(row.id)
            if row.id in remembered:
                flight = remembered[row.id]
                flight.rows = [
                    replace(one, attempts=row.attempts) if one.id == row.id else one for one in flight.rows
                ]
            elif isinstance(known, Notification) and known.attempts >= row.attempts and not known.state.alive:
                answered.append(
                    Receipt(
                        notification=row.id,
                        attempt=row.attempts,
                        state=known.state,
                        at=self.stage.now(),
                        reason=known.reason,
                    )
                )
            else:
                fresh.append(row)
        if answered:
            self.stage.disk.record([Changes(receipts=tuple(answered))])
        for group in together(fresh):
            self._begin(list(group), remembered=False)

    def _pages(self) -> list[Notification]:
        """Return the pages that wait in memory."""
        return [
            row
            for row in cast("dict[str, Notification]", self.state.records[Notification]).values()
            if row.kind is Kind.PAGE and row.state is NotificationState.PENDING
        ]

    def _remembered(self) -> bool:
        """Send the pages that are due from what is only remembered; True where there are any."""
        under_way = {row.id for flight in self.flights for row in flight.rows}
        now = self.stage.now()
        pages = [row for row in self._pages() if row.not_before <= now and row.id not in under_way]
        room = self._room()
        for group in together(sorted(pages, key=lambda row: row.not_before)):
            if room.get(group[0].channel, 1) > 0:
                room[group[0].channel] = room.get(group[0].channel, 1) - 1
                self._begin([replace(row, attempts=row.attempts + 1) for row in group], remembered=True)
        return bool(pages)

    def _begin(self, rows: list[Notification], *, remembered: bool) -> None:
        stage, now = self.stage, self.stage.now()
        leaving: list[Notification] = []
        receipts: list[Receipt] = []
        for row in rows:
            reason = stage.core.unwanted(self.state, row, now)
            if reason is not None:
                late = reason is Reason.TOO_LATE
                state = NotificationState.EXPIRED if late else NotificationState.CANCELLED
                receipts.append(self._receipt(row, state, reason))
            elif not self._reached(row):
                receipts.append(self._receipt(row, NotificationState.FAILED, Reason.NO_ADDRESS))
            else:
                leaving.append(row)
        if leaving:
            flight = Flight(leaving, remembered)
            self.flights.append(flight)
            for row in leaving:
                stage.begun(row)
            first = leaving[0]
            manner = stage.manner(first.channel, first.dedup_key, first.attempts)
            takes, ends = _MOMENTS[manner]
            jitter = Random(f"{stage.seed}/{first.dedup_key}/{first.attempts}").randrange(90)
            if manner is not Manner.DEAF:
                stage.later(1, lambda: self._mark(flight))
            if takes is not None:
                stage.later(takes + jitter, lambda: self._taken(flight))
            stage.later(ends + jitter, lambda: self._ended(flight, manner))
        for receipt in receipts:
            self.submit(Received(receipt=receipt))

    def _reached(self, row: Notification) -> bool:
        channel, person = self.stage.plan.channels.get(row.channel), self.stage.plan.people.get(row.to or "")
        if channel is None or (row.to is not None and person is None):
            return False
        return not channel.needs_address or bool(person and person.channels.get(row.channel))

    def _mark(self, flight: Flight) -> None:
        first = flight.rows[0]
        flight.marked = name_of(first, bundled=len(flight.rows) > 1)
        self.marks[flight.marked] = Mark(attempt=first.attempts, remembered=flight.remembered)
        self.stage.passing(Point.MARKED)

    def _taken(self, flight: Flight) -> None:
        self.stage.taken(flight.rows)
        self.stage.passing(Point.TAKEN)

    def _ended(self, flight: Flight, manner: Manner) -> None:
        self.flights.remove(flight)
        state, reason = _OUTCOMES[manner]
        wish = timedelta(minutes=2) if manner is Manner.MUCH_LATER else None
        mark = self.marks.get(flight.marked)

        def clear() -> None:
            if mark is not None and self.marks.get(flight.marked) is mark:
                del self.marks[flight.marked]

        for row in flight.rows:
            again = None
            if state in (NotificationState.PENDING, NotificationState.AMBIGUOUS):
                dice = Random(f"{self.stage.seed}/{row.dedup_key}/{row.attempts}/again")
                again = self.stage.now() + wait(row.attempts, wish, dice)
            last = row is flight.rows[-1]
            self.submit(
                Received(receipt=self._receipt(row, state, reason, again)),
                after=clear if last else lambda: None,
            )
        self.look()

    def _receipt(
        self, row: Notification, state: NotificationState, reason: Reason | None, again: Any = None
    ) -> Receipt:
        return Receipt(
            notification=row.id,
            attempt=row.attempts,
            state=state,
            at=self.stage.now(),
            reason=reason,
            retry_at=again,
        )

    # --- a new life

    def left(self, *, power: bool) -> Found:
        """Return what our marks tell whoever comes after us. They do not survive that the power fails."""
        return Found(whole=not power, marks={} if power else dict(self.marks))

    def take_over(self, found: Found, known: Callable[[State], None]) -> None:
        """Begin from what is on the disk. `known` is shown the state before anything is decided."""
        stage = self.stage
        self.state = stage.core.load(stage.disk, stage.now(), stage.dice)
        interrupted = left_by(stage.disk.sending(), self.state, found)
        known(self.state)
        if interrupted.notifications or interrupted.unsent:
            self.submit(interrupted)
        self.submit(Reloaded())
        self.submit(Tick())
        self.look()

    def reload(self) -> None:
        """Another plan is in force."""
        self.submit(Reloaded())
