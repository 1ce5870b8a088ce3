"""A world around the desk, in virtual time: samples in, messages out, and people who read them.

It does what the daemon does round the desk: judges samples, ticks once a second, sends what is due through
channels that behave as told, and feeds back the receipts. What nobody expected fails the test.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, TypeVar, cast

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.desk import decide
from alerting.desk.wanted import unwanted
from alerting.incidents.incident import Entry, Incident
from alerting.inputs import (
    Acknowledge,
    AddSilence,
    EndSilence,
    Input,
    Interrupted,
    Judged,
    Received,
    Reloaded,
    Tick,
)
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from alerting.plan import Plan
from alerting.state import Changes, Proof, Record, State, awaited_key
from alerting.thresholds.verdict import judge
from alerting.tickets.ticket import Ticket
from lab.desk_channels import HANG_SECONDS, OUTCOMES, Manner, together
from lab.desk_plans import shop
from lab.desk_records import recorded
from monitor.delivery.backoff import wait
from monitor.store.documents import priority
from probes.sample import ErrorClass, Outcome, Sample

START: Final = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai: li is on shift."""

UP, DOWN, UNKNOWN = Outcome.UP, Outcome.DOWN, Outcome.UNKNOWN
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What arrived somewhere. `to` is a person, or None where the channel is the destination."""

    at: datetime
    row: Notification
    message: int = 0
    """Rows that left together are letters of one message."""

    def __str__(self) -> str:
        row = self.row
        return f"{self.at:%H:%M:%S} {row.kind.value} to {row.to or row.channel} by {row.channel}: {row.title}"


class World:
    """The desk, its state, the time, the channels, and everybody's inbox."""

    def __init__(self, plan: Plan | None = None, *, at: datetime = START, proven: bool = True) -> None:
        """`proven` False: no check has ever worked."""
        self.plan = plan or shop()
        self.now = at
        self.state = State()
        self.channels: dict[str, Manner] = {}
        self.inbox: list[Letter] = []
        self.sent: list[Letter] = []
        self.inputs: list[tuple[datetime, Plan, Input]] = []
        self.log: list[Changes] = []
        self.timeline: list[Entry] = []
        self.rows: dict[str, Notification] = {}
        self.begun: dict[int, State] = {}
        self._sending: list[tuple[datetime, list[Notification], Manner]] = []
        self._messages = 0
        self._random = Random(7)
        if proven:
            for name in self.plan.checks:
                self.sample(name)

    # --- what comes in

    def submit(self, given: Input) -> str:
        """Decide, record, lay over the state; return what it was about."""
        decision = decide(self.state, given, self.now, self.plan)
        self.inputs.append((self.now, self.plan, given))
        self.log.append(decision.changes)
        self.timeline += decision.changes.entries
        self.state.apply(decision.changes)
        for record in decision.changes.records:
            if isinstance(record, Notification):
                self.rows[record.id] = record
        return decision.about

    def sample(
        self,
        check: str,
        outcome: Outcome = UP,
        *,
        error: ErrorClass | None = None,
        parts: dict[str, dict[str, float]] | None = None,
        **values: float,
    ) -> None:
        """Let a check see something now; what the pipeline keeps from the desk is kept from it here too."""
        bad = outcome is not UP
        seen = Sample(
            check=check,
            at=self.now,
            duration=0.1,
            outcome=outcome,
            values=values,
            parts=parts or {},
            error=(error or ErrorClass.CONNECT) if bad else None,
            message="connection refused" if bad else "",
        )
        known = self.plan.checks.get(check)
        if known is None:
            return
        proven = check in self.state.records[Proof]
        verdicts = tuple(
            verdict for threshold in known.thresholds for verdict in judge(threshold, seen, proven=proven)
        )
        alerts = self.state.records[Alert]
        worked = outcome is UP
        news = worked > proven or any(one.held or str(one.key) in alerts for one in verdicts)
        awaited = worked and bool(self.state.about(Alert, awaited_key(check)))
        if news or awaited or (known.part is not None and alerts):
            self.submit(
                Judged(
                    check=check, at=self.now, worked=worked, verdicts=verdicts, parts=frozenset(seen.parts)
                )
            )

    def fails(self, check: str, times: int = 3, *, every: float = 5, error: ErrorClass | None = None) -> None:
        """Let a check fail so many times in a row, `every` so many seconds, beginning now."""
        for turn in range(times):
            if turn:
                self.pass_(seconds=every)
            self.sample(check, DOWN, error=error)
        self.deliver()

    def works(self, check: str, times: int = 2, *, every: float = 10) -> None:
        """Let a check succeed so many times in a row, beginning now."""
        for turn in range(times):
            if turn:
                self.pass_(seconds=every)
            self.sample(check, UP)
        self.deliver()

    def acknowledge(
        self, by: str | None = "li", *, incident: str = "INC-1", minutes: float | None = None
    ) -> None:
        """Let somebody acknowledge."""
        lasting = None if minutes is None else timedelta(minutes=minutes)
        self.submit(Acknowledge(incident=incident, by=by, via="link", lasting=lasting))
        self.deliver()

    def silence(self, *, minutes: float = 60, **matchers: str) -> str:
        """Let li mute what fits."""
        ends = self.now + timedelta(minutes=minutes)
        return self.submit(AddSilence(matchers=matchers, author="li", reason="known", ends_at=ends))

    def unsilence(self, silence: str) -> None:
        """End a silence now."""
        self.submit(EndSilence(silence=silence, by="li"))
        self.deliver()

    def reload(self, plan: Plan) -> None:
        """Let another plan be in force."""
        self.plan = plan
        self.submit(Reloaded())
        self.deliver()

    # --- time and delivery

    def pass_(self, *, minutes: float = 0, seconds: float = 0, hours: float = 0, step: float = 1) -> None:
        """Let time pass: the clock strikes and channels deliver every `step` seconds."""
        until = self.now + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        stride = timedelta(seconds=step)
        while self.now < until:
            self.now = min(self.now + stride, until)
            self.submit(Tick())
            self.deliver()

    def deliver(self) -> None:
        """Send what is due, and take in the receipts."""
        done = [sent for sent in self._sending if sent[0] <= self.now]
        self._sending = [sent for sent in self._sending if sent[0] > self.now]
        for _, rows, manner in done:
            self._answer(rows, manner)
        for _ in range(50):  # a receipt may make another row due at once
            under_way = set(self.under_way)
            due = sorted(
                (
                    row
                    for row in cast("list[Notification]", list(self.state.records[Notification].values()))
                    if row.state is NotificationState.PENDING
                    and row.not_before <= self.now
                    and row.id not in under_way
                    and self.channels.get(row.channel) is not Manner.FULL
                ),
                key=lambda row: (priority(row), row.not_before, int(row.id[2:])),
            )
            if not due:
                return
            for rows in together(due):
                self._attempt([replace(row, attempts=row.attempts + 1) for row in rows])
        raise AssertionError("notifications are tried again without a pause")

    def _attempt(self, rows: list[Notification]) -> None:
        wanted = [row for row in rows if self._still_wanted(row)]
        if not wanted:
            return
        manner = self.channels.get(wanted[0].channel, Manner.ACCEPT)
        if manner in (Manner.HANG, Manner.SLOW):
            self._sending.append((self.now + timedelta(seconds=HANG_SECONDS), wanted, manner))
        else:
            self._answer(wanted, manner)

    def _still_wanted(self, row: Notification) -> bool:
        reason = unwanted(self.state, row, self.now)
        if reason is not None:
            late = reason is Reason.TOO_LATE
            self._receipt(row, NotificationState.EXPIRED if late else NotificationState.CANCELLED, reason)
            return False
        known, person = self.plan.channels.get(row.channel), self.plan.people.get(row.to or "")
        if known is None or (row.to and person is None):
            self._receipt(row, NotificationState.FAILED, Reason.NO_ADDRESS)
            return False
        return True

    def _answer(self, rows: list[Notification], manner: Manner) -> None:
        if manner in (Manner.ACCEPT, Manner.UNSURE, Manner.SLOW):
            self._messages += 1
            letters = [Letter(at=self.now, row=row, message=self._messages) for row in rows]
            self.inbox += letters
            self.sent += letters
        state, reason = OUTCOMES[manner]
        again = None
        if state in (NotificationState.PENDING, NotificationState.AMBIGUOUS):
            again = self.now + wait(rows[0].attempts, None, self._random)
        for row in rows:
            self._receipt(row, state, reason, again)

    def _receipt(
        self,
        row: Notification,
        state: NotificationState,
        reason: Reason | None,
        again: datetime | None = None,
    ) -> None:
        self.submit(
            Received(
                receipt=Receipt(
                    notification=row.id,
                    attempt=row.attempts,
                    state=state,
                    at=self.now,
                    reason=reason,
                    retry_at=again,
                )
            )
        )

    @property
    def under_way(self) -> tuple[str, ...]:
        """What is being sent right now."""
        return tuple(row.id for _, rows, _ in self._sending for row in rows)

    def restart(self, *, down_seconds: float = 0) -> None:
        """Let the process die and another begin from what was recorded; what was being sent is interrupted.

        `begun` keeps what each process began with, by the number of changes recorded until then.
        """
        self.now += timedelta(seconds=down_seconds)
        left = [row for _, rows, _ in self._sending for row in rows]
        self._sending.clear()
        self.state = recorded(self.log, self.now)
        notifications = self.state.records[Notification]
        for row in left:
            notifications[row.id] = replace(
                self.rows[row.id], state=NotificationState.SENDING, attempts=row.attempts
            )
        self.begun[len(self.log)] = State(
            records={kind: dict(records) for kind, records in self.state.records.items()},
            numbers=dict(self.state.numbers),
        )
        if left:
            self.submit(Interrupted(notifications=tuple(row.id for row in left)))
        self.submit(Reloaded())
        self.submit(Tick())
        self.deliver()

    # --- what people see

    def expects(
        self,
        kind: Kind,
        to: str | None = None,
        *,
        by: str | None = None,
        says: str | None = None,
        lacks: str = "\0",
    ) -> Letter:
        """Take the oldest message of that kind to that person (or None: to channel `by`) from the inbox."""
        for letter in self.inbox:
            row = letter.row
            if row.kind is kind and row.to == to and by in (None, row.channel):
                words = f"{row.title}\n{row.text}"
                assert says is None or says in words, f"{says!r} is not in {words!r}"
                assert lacks not in words, f"{lacks!r} is in {words!r}"
                self.inbox.remove(letter)
                return letter
        raise AssertionError(f"no {kind.value} to {to or by}; there is: {self._shown()}")

    def expects_page(self, to: str, by: str | None = None, **words: str) -> Letter:
        """Take a page to `to` from the inbox."""
        return self.expects(Kind.PAGE, to, by=by, **words)

    def expects_words(self, channel: str, **words: str) -> Letter:
        """Take an announcement on `channel` from the inbox."""
        return self.expects(Kind.ANNOUNCEMENT, by=channel, **words)

    def nothing_more(self) -> None:
        """Fail where a message was not expected."""
        assert not self.inbox, f"nobody expected: {self._shown()}"

    def nobody_hears_for(self, **time: float) -> None:
        """Let time pass, and fail where a message arrives."""
        self.nothing_more()
        self.pass_(**time)
        self.nothing_more()

    def expects_bundle(self, kind: Kind, to: str, *incidents: str) -> Letter:
        """Take one message to `to` from the inbox, that is about exactly these incidents; return its first letter."""
        numbers = [one.message for one in self.inbox if one.row.kind is kind and one.row.to == to]
        letters = [one for one in self.inbox if numbers and one.message == numbers[0]]
        about = [one.row.incident for one in letters]
        assert about == list(incidents), f"to {to}: {about}; there is: {self._shown()}"
        self.inbox = [one for one in self.inbox if one not in letters]
        return letters[0]

    def ignore_messages(self) -> None:
        """Empty the inbox: they are not what the story is about."""
        self.inbox.clear()

    def _shown(self) -> str:
        return "; ".join(map(str, self.inbox)) or "nothing"

    # --- what is recorded

    def find(self, kind: type[R], key: str) -> R:
        """Return the newest version of a record that was ever recorded."""
        for changes in reversed(self.log):
            for record in changes.records:
                if type(record) is kind and record.id == key:
                    return cast("R", record)
        raise AssertionError(f"there never was a {kind.__name__} {key}")

    @property
    def incident(self) -> Incident:
        """INC-1."""
        return self.find(Incident, "INC-1")

    @property
    def ticket(self) -> Ticket:
        """T-1."""
        return self.find(Ticket, "T-1")

    @property
    def announcement(self) -> Announcement:
        """A-1."""
        return self.find(Announcement, "A-1")

    def all(self, kind: type[R]) -> list[R]:
        """Return the records of a type that are in the state."""
        return cast("list[R]", list(self.state.records[kind].values()))

    def events(self, incident: str = "INC-1") -> list[str]:
        """Return the words of an incident's timeline."""
        return [entry.event for entry in self.timeline if entry.incident == incident]

    def page_shows(self) -> list[tuple[AnnouncementState, dict[str, str]]]:
        """Return state and newest words of what customers can read on the status page now."""
        return [
            (one.state, dict(one.updates[-1].text))
            for one in self.all(Announcement)
            if one.published_at is not None and not one.withdrawn
        ]
