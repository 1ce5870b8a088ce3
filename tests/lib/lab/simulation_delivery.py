"""Delivery of a simulated process: claim, ask whether it is still wanted, send, receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol, cast

from alerting.inputs import Input, Received
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from alerting.state import Changes, State
from lab.simulation_script import Manner, Point
from lab.simulation_stage import Stage
from monitor.delivery.backoff import wait
from monitor.delivery.leaving import together
from monitor.delivery.marks import Found, Mark, name_of

LOOK_AGAIN: Final = 1000
"""Milliseconds between two looks at what is remembered while the disk fails."""
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


@dataclass(slots=True, eq=False)
class Flight:
    """One message on its way."""

    rows: list[Notification]
    remembered: bool
    marks: dict[str, Mark] = field(default_factory=dict)
    """By name."""


class Life(Protocol):
    """The process as delivery sees it."""

    state: State
    holding: bool

    def submit(
        self,
        given: Input,
        answer: Callable[[bool], None] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None: ...


class Delivery:
    """Sends what is due. `marks` tell whoever comes after us which messages may have left."""

    def __init__(self, stage: Stage, process: Life) -> None:
        self.stage = stage
        self.flights: list[Flight] = []
        self.marks: dict[str, Mark] = {}
        self.found = Found()
        """What whoever came before us had left."""
        self._process = process
        self._looks_at: int | None = None

    def look(self) -> None:
        """Send what is due, and look again when the next is."""
        stage = self.stage
        self._looks_at = None
        if self._process.holding or stage.disk_fails():
            if self._remembered() or self._pages():
                self._look_in(LOOK_AGAIN)
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
            known = self._process.state.records[Notification].get(row.id)
            if row.id in remembered:
                flight = remembered[row.id]
                flight.rows = [
                    replace(one, attempts=row.attempts) if one.id == row.id else one for one in flight.rows
                ]
            elif not isinstance(known, Notification) or known.attempts < row.attempts:
                fresh.append(row)
            elif known.state.alive:
                if known.attempts > row.attempts:
                    fresh.append(row)
                # else the receipt of that very attempt is on its way to the disk
            else:
                answered.append(
                    Receipt(
                        notification=row.id,
                        attempt=row.attempts,
                        state=known.state,
                        at=self.stage.now(),
                        reason=known.reason,
                    )
                )
        if answered:
            self.stage.disk.record([Changes(receipts=tuple(answered))])
        for group in together(fresh):
            self._begin(list(group), remembered=False)

    def _pages(self) -> list[Notification]:
        """Return the pages that wait in memory."""
        return [
            row
            for row in cast("dict[str, Notification]", self._process.state.records[Notification]).values()
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
            reason = stage.core.unwanted(self._process.state, row, now)
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
            self._process.submit(Received(receipt=receipt))

    def _reached(self, row: Notification) -> bool:
        channel, person = self.stage.plan.channels.get(row.channel), self.stage.plan.people.get(row.to or "")
        if channel is None or (row.to is not None and person is None):
            return False
        return not channel.needs_address or bool(person and person.channels.get(row.channel))

    def _mark(self, flight: Flight) -> None:
        first = flight.rows[0]
        together = name_of(first, bundled=len(flight.rows) > 1)
        alone = [name_of(row) for row in flight.rows] if flight.remembered else []
        mark = Mark(attempt=max(row.attempts for row in flight.rows), remembered=flight.remembered)
        flight.marks = dict.fromkeys((together, *alone), mark)
        self.marks |= flight.marks
        self.stage.passing(Point.MARKED)

    def _taken(self, flight: Flight) -> None:
        told = self.found.told_of
        self.stage.taken([replace(row, repeated=True) if told(row) else row for row in flight.rows])
        self.stage.passing(Point.TAKEN)

    def _ended(self, flight: Flight, manner: Manner) -> None:
        self.flights.remove(flight)
        state, reason = _OUTCOMES[manner]
        wish = timedelta(minutes=2) if manner is Manner.MUCH_LATER else None

        def clear() -> None:
            for name, mark in flight.marks.items():
                if self.marks.get(name) is mark:
                    del self.marks[name]

        for row in flight.rows:
            again = None
            if state in (NotificationState.PENDING, NotificationState.AMBIGUOUS):
                dice = Random(f"{self.stage.seed}/{row.dedup_key}/{row.attempts}/again")
                again = self.stage.now() + wait(row.attempts, wish, dice)
            last = row is flight.rows[-1]
            self._process.submit(
                Received(receipt=self._receipt(row, state, reason, again)),
                after=clear if last else lambda: None,
            )
        self.look()

    def _receipt(
        self,
        row: Notification,
        state: NotificationState,
        reason: Reason | None,
        again: datetime | None = None,
    ) -> Receipt:
        return Receipt(
            notification=row.id,
            attempt=row.attempts,
            state=state,
            at=self.stage.now(),
            reason=reason,
            retry_at=again,
        )
