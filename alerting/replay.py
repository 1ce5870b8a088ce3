"""A replay: what would have been decided, and whom it would have told, with these samples under that plan.

The very desk decides, on a state of its own. Every message arrives the moment it is due, and nobody answers. Nothing
leaves and nothing is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from alerting.desk import decide
from alerting.desk.passing import busy
from alerting.desk.wanted import unwanted
from alerting.incidents.incident import Entry, Incident
from alerting.inputs import Input, Judged, Received, Reloaded, Tick
from alerting.judge import Judge, Listening, waited_for
from alerting.notification import Kind, Notification, NotificationState, Receipt
from alerting.plan import Plan
from alerting.severity import Severity
from alerting.state import Proof, State
from alerting.thresholds.verdict import AlertKey, Verdict
from alerting.tickets.ticket import Ticket
from probes.sample import ErrorClass, Sample

STEP: Final = timedelta(seconds=10)
"""How often the clock strikes."""
AT_ONCE: Final = 100
"""Rounds of messages that may follow one another at one instant; more is a circle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message that would have left."""

    at: datetime
    row: Notification


@dataclass(slots=True)
class Replay:
    """One run of the desk from nothing. What it made is in `incidents`, `tickets`, `told` and `timeline`."""

    plan: Plan
    now: datetime
    step: timedelta = STEP
    state: State = field(default_factory=State)
    incidents: dict[str, Incident] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    judge: Judge = field(default_factory=Judge)

    def begin(self) -> None:
        """Take up the plan, with checks that have worked before."""
        for name in self.plan.checks:
            self.state.records[Proof][name] = Proof(id=name, at=self.now)
        self._submit(Reloaded())

    def sample(self, sample: Sample) -> None:
        """Let time pass until the sample, and take it."""
        self.until(sample.at)
        judge = Listening(self.judge) if waited_for(self.state) else self.judge
        judged = judge(sample, self.state, self.plan)
        if judged is not None:
            self._submit(judged)
            self._deliver()

    def fail(self, check: str, threshold: str, message: str) -> None:
        """Let a critical threshold of a check find trouble now."""
        verdict = Verdict(
            key=AlertKey(check, threshold),
            at=self.now,
            breached=frozenset((Severity.CRITICAL,)),
            held=frozenset((Severity.CRITICAL,)),
            message=message,
            error=ErrorClass.CONNECT,
        )
        self._submit(Judged(check=check, at=self.now, worked=False, verdicts=(verdict,)))
        for upstream in self.plan.dependencies.upstream.get(check, ()):  # looked at, and found good
            self._submit(Judged(check=upstream, at=self.now, worked=True, verdicts=()))
        self._deliver()

    def until(self, instant: datetime) -> None:
        """Let time pass; where nothing is open it passes at once."""
        while self.now + self.step <= instant and busy(self.state):
            self.now += self.step
            self._submit(Tick())
            self._deliver()
        self.now = max(self.now, instant)

    def _submit(self, given: Input) -> None:
        changes = decide(self.state, given, self.now, self.plan).changes
        self.state.apply(changes)
        self.timeline += changes.entries
        for record in changes.records:
            if isinstance(record, Incident):
                self.incidents[record.id] = record
            elif isinstance(record, Ticket):
                self.tickets[record.id] = record

    def _deliver(self) -> None:
        for _ in range(AT_ONCE):
            due = [
                row
                for row in self.state.records[Notification].values()
                if isinstance(row, Notification)
                and row.state is NotificationState.PENDING
                and row.not_before <= self.now
            ]
            if not due:
                return
            for row in sorted(due, key=lambda row: (row.kind is not Kind.PAGE, row.not_before)):
                self._send(row)

    def _send(self, row: Notification) -> None:
        reason = unwanted(self.state, row, self.now)
        state = NotificationState.ACCEPTED if reason is None else NotificationState.CANCELLED
        if reason is None:
            self.told.append(Told(at=self.now, row=replace(row, state=state)))
        receipt = Receipt(
            notification=row.id, attempt=row.attempts + 1, state=state, at=self.now, reason=reason
        )
        self._submit(Received(receipt=receipt))


def foresee(plan: Plan, check: str, at: datetime, lasting: timedelta) -> Replay:
    """Return what would happen if a check were down from `at` on for so long, and nobody answered."""
    replay = Replay(plan, at)
    replay.begin()
    known = plan.checks[check]
    failures = next((one.failures for one in known.thresholds if one.id == "down"), 1)
    for _ in range(failures):
        replay.fail(check, "down", "as if it were down")
    replay.until(at + lasting)
    return replay
