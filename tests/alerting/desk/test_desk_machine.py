"""Any sequence of samples, receipts, words of people, ticks, reloads and restarts keeps the promises of the desk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.desk import decide
from alerting.desk.audit import Hole, audit
from alerting.desk.duty import anybody
from alerting.desk.facts import active_alerts, felt
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.inputs import (
    Acknowledge,
    Audit,
    Beat,
    Escalate,
    Interrupted,
    OpenTicket,
    Publish,
    Refused,
    Resolve,
    Say,
    SelfTest,
    TicketAction,
    WorkTicket,
)
from alerting.notification import Kind, Notification, NotificationState
from alerting.oncall.escalation import Escalation
from alerting.severity import Severity
from alerting.state import SELF_TEST, State
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from lab.desk_channels import Manner
from lab.desk_machine import MINUTE, PLANS, WHOLE
from lab.desk_records import recorded
from lab.desk_world import DOWN, UNKNOWN, UP, Letter, World
from probes.sample import ErrorClass

CHECKS = st.sampled_from(["web", "gate", "disk", "lone"])
OUTCOMES = st.sampled_from([UP, DOWN, DOWN, DOWN, UNKNOWN])
PEOPLE = st.sampled_from(["li", "han", "wu", None])
CHANNELS = st.sampled_from(["sms", "mail", "customers", "colleagues", "heartbeat"])

NOT_OURS = (Hole.STUCK_PAGE, Hole.NOBODY_REACHED)
"""Faults of the channels, which may do here what they like."""


class Desk(RuleBasedStateMachine):
    """The world, and whatever may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(WHOLE)
        self.read = 0

    # --- what may happen

    @rule(name=CHECKS, outcome=OUTCOMES, times=st.integers(1, 4), error=st.sampled_from(ErrorClass))
    def sees(self, name: str, outcome: Any, times: int, error: ErrorClass) -> None:
        for _ in range(times):
            self.world.sample(name, outcome, error=error)
            self.world.pass_(seconds=5)

    @rule(value=st.sampled_from([0.5, 0.75, 0.82, 0.87, 0.95]), part=st.sampled_from(["/", "/srv"]))
    def measures(self, value: float, part: str) -> None:
        self.world.sample("disk", UP, parts={part: {"used": value}})

    @rule(value=st.sampled_from([0.5, 2.0]))
    def is_slow(self, value: float) -> None:
        self.world.sample("web", UP, slow=value)

    @rule(minutes=st.sampled_from([0.1, 1, 5, 15, 31, 75]))
    def time_passes(self, minutes: float) -> None:
        self.world.pass_(minutes=minutes, step=1 if minutes < 5 else 7)

    @rule(channel=CHANNELS, manner=st.sampled_from(Manner))
    def channel_behaves(self, channel: str, manner: Manner) -> None:
        self.world.channels[channel] = manner

    @rule()
    def channels_work(self) -> None:
        self.world.channels.clear()

    @rule(down=st.sampled_from([0, 3, 400]))
    def restarts(self, down: int) -> None:
        self.world.restart(down_seconds=down)

    @rule(which=st.sampled_from(PLANS))
    def reloads(self, which: Any) -> None:
        self.world.reload(which)

    @rule(by=PEOPLE, minutes=st.sampled_from([None, 5, 120]), data=st.data())
    def acknowledges(self, by: str | None, minutes: float | None, data: Any) -> None:
        lasting = None if minutes is None else timedelta(minutes=minutes)
        self._try(Acknowledge(incident=self._incident(data), by=by, via="link", lasting=lasting))

    @rule(by=PEOPLE, false_alarm=st.booleans(), data=st.data())
    def ends(self, by: str | None, false_alarm: bool, data: Any) -> None:
        self._try(Resolve(incident=self._incident(data), by=by, false_alarm=false_alarm))

    @rule(by=PEOPLE, data=st.data())
    def escalates(self, by: str | None, data: Any) -> None:
        self._try(Escalate(incident=self._incident(data), by=by))

    @rule(name=CHECKS, minutes=st.sampled_from([3, 40]))
    def mutes(self, name: str, minutes: float) -> None:
        self.world.silence(check=name, minutes=minutes)

    @precondition(lambda self: self.world.state.numbers.get("S"))
    @rule()
    def unmutes(self) -> None:
        try:
            self.world.unsilence(f"S-{self.world.state.numbers['S']}")
        except Refused:
            self.world.deliver()

    @rule(
        action=st.sampled_from(TicketAction),
        cls=st.sampled_from(TicketClass),
        number=st.integers(1, 4),
        note=st.sampled_from(["", "why"]),
    )
    def works_on(self, action: TicketAction, cls: TicketClass, number: int, note: str) -> None:
        self._try(
            WorkTicket(
                ticket=f"T-{number}", action=action, by="li", assignee="han", ticket_class=cls, note=note
            )
        )

    @rule(cls=st.sampled_from(TicketClass), service=st.sampled_from([None, "shop", "pay"]))
    def opens_ticket(self, cls: TicketClass, service: str | None) -> None:
        self._try(OpenTicket(title="by hand", ticket_class=cls, by="wu", service=service))

    @rule(number=st.integers(1, 4))
    def publishes(self, number: int) -> None:
        self._try(Publish(announcement=f"A-{number}", by="li"))

    @rule(number=st.integers(1, 4), state=st.sampled_from([None, *AnnouncementState]), words=st.booleans())
    def says(self, number: int, state: AnnouncementState | None, words: bool) -> None:
        text = {"en": "So it is."} if words else {}
        later = self.world.now + timedelta(minutes=20)
        self._try(
            Say(announcement=f"A-{number}", by="li", state=state, text=text, expected_recovery_at=later)
        )

    @rule()
    def beats(self) -> None:
        self.world.submit(Beat())
        self.world.deliver()

    @rule(channel=CHANNELS)
    def tests_a_channel(self, channel: str) -> None:
        self.world.submit(SelfTest(channel=channel))
        self.world.deliver()

    @rule()
    def is_audited(self) -> None:
        found = audit(self.world.state, self.world.plan, self.world.now)
        self.world.submit(Audit())
        assert bool(self.world.log[-1].records) is bool(found)
        self.world.deliver()

    @rule()
    def thinks_that_what_is_being_sent_is_lost(self) -> None:
        """It may still arrive, and its receipt come."""
        self.world.submit(Interrupted(notifications=(*self.world.under_way, "N-999999")))
        self.world.deliver()

    def _try(self, given: Any) -> None:
        before = len(self.world.log)
        try:
            self.world.submit(given)
        except Refused:
            assert len(self.world.log) == before
        self.world.deliver()

    def _incident(self, data: Any) -> str:
        return f"INC-{data.draw(st.integers(1, max(1, self.world.state.numbers.get('INC', 1))), 'incident')}"

    # --- what holds all the same

    @invariant()
    def no_outage_is_without_a_next_action(self) -> None:
        """Given a tick, every critical outage nobody is on has a step due, unless nobody can be reached."""
        self.world.pass_(seconds=1)
        world, state = self.world, self.world.state
        draft = Draft(state, world.plan, world.now)
        for incident in world.all(Incident):
            alerts = active_alerts(draft, incident)
            firing = any(alert.state.value == "firing" for alert in alerts)
            waits = incident.state is not IncidentState.OPEN or incident.acknowledgement or incident.quiet
            waits = waits or incident.flapping  # until it has come to rest, which time brings
            if waits or not firing or incident.severity is not Severity.CRITICAL:
                continue
            escalation = state.records[Escalation].get(incident.id)
            if escalation is None:
                assert not anybody(
                    draft, [step for one in world.plan.policies.values() for step in one.steps]
                )
                continue
            assert isinstance(escalation, Escalation)
            assert escalation.due_at is not None, incident
            assert escalation.paused_at is None, incident
            assert escalation.due_at > world.now, "a step is due and was not taken"
            # A round taken by hand leaves its repeat and its delays still to come: 15 and 15 minutes.
            assert escalation.due_at <= world.now + timedelta(minutes=30), incident

    @invariant()
    def the_auditor_finds_nothing_that_is_missing(self) -> None:
        found = audit(self.world.state, self.world.plan, self.world.now)
        assert [one for one in found if one.hole not in NOT_OURS] == []

    @invariant()
    def nothing_waits_for_others_longer_than_a_minute(self) -> None:
        for row in self.world.rows.values():
            if row.bundle_until is not None:
                assert timedelta(0) < row.bundle_until - row.created_at <= MINUTE
                assert row.bundle

    @invariant()
    def nothing_that_concerns_the_monitor_alone_stays(self) -> None:
        beats = [row for row in self.world.all(Notification) if row.kind is Kind.HEARTBEAT]
        assert len(beats) <= 2, "one under way, one that waits"
        for row in self.world.all(Notification):
            if row.step == SELF_TEST:
                assert self.world.now - row.created_at < timedelta(minutes=12)

    @invariant()
    def an_incident_is_as_its_alerts_are(self) -> None:
        draft = Draft(self.world.state, self.world.plan, self.world.now)
        for incident in self.world.all(Incident):
            if not incident.state.active:
                continue
            alerts = active_alerts(draft, incident)
            if not alerts and incident.flapping is not None:
                assert incident.state is IncidentState.RECOVERING  # it stays until it has come to rest
                continue
            assert alerts, f"{incident.id} goes on without an alert"
            assert alerts[0].severity is incident.severity
            firing = any(alert.state.value == "firing" for alert in alerts)
            assert (incident.state is IncidentState.OPEN) is firing

    @invariant()
    def everything_that_goes_on_has_its_ticket(self) -> None:
        for incident in self.world.all(Incident):
            if incident.state.active and incident.severity is not Severity.INFO:
                assert incident.ticket is not None

    @invariant()
    def no_page_leaves_that_nobody_wants(self) -> None:
        """Looked at when each message left: the world tells us by `sent`."""
        for letter in self.world.sent[self.read :]:
            if letter.row.kind is Kind.PAGE:
                self._was_wanted(letter)
        self.read = len(self.world.sent)

    def _was_wanted(self, letter: Letter) -> None:
        row = letter.row
        said = [
            entry
            for entry in self.world.timeline
            if entry.incident == row.incident and entry.at <= row.created_at and entry.at <= letter.at
        ]
        state = "none"
        for entry in said:
            if entry.event in ("opened", "reopened"):
                state = "going on"
            elif entry.event in ("resolved", "closed"):
                state = "over"
        assert state == "going on" or letter.at == row.created_at, f"{letter} when it was {state}"

    @invariant()
    def no_two_notifications_share_a_key(self) -> None:
        keys = [row.dedup_key for row in self.world.rows.values()]
        assert len(set(keys)) == len(keys)

    @invariant()
    def numbers_are_given_once(self) -> None:
        opened = [entry.incident for entry in self.world.timeline if entry.event == "opened"]
        assert len(set(opened)) == len(opened)
        entries = [entry.id for entry in self.world.timeline]
        assert len(set(entries)) == len(entries)

    @invariant()
    def whoever_was_paged_hears_the_end_once_per_opening(self) -> None:
        for incident in self.world.all(Incident):
            if incident.state is not IncidentState.RESOLVED:
                continue
            rows = [row for row in self.world.rows.values() if row.incident == incident.id]
            told = {(row.to, row.channel) for row in rows if _knows(row)}
            notices = [
                (row.to, row.channel)
                for row in rows
                if row.kind is Kind.RECOVERY and row.step == f"over.{incident.opening}"
            ]
            assert len(set(notices)) == len(notices), "told the same end twice"
            earlier = {
                (row.to, row.channel)
                for row in rows
                if row.kind is Kind.RECOVERY and row.state is not NotificationState.CANCELLED
            }
            assert told <= earlier | set(notices), "was told of the outage, and not of its end"

    @invariant()
    def customers_are_told_of_what_is_there(self) -> None:
        draft = Draft(self.world.state, self.world.plan, self.world.now)
        for one in self.world.all(Announcement):
            incident = self.world.state.records[Incident].get(one.incident)
            if not isinstance(incident, Incident) or not incident.state.active or incident.quiet:
                continue
            assert one.recovered_at is None or not any(felt(draft, incident)), (
                f"{one.id} is called over while it is felt"
            )

    @invariant()
    def what_is_kept_bears_on_something(self) -> None:
        state = self.world.state
        for row in self.world.all(Notification):
            assert row.state.alive or row.incident in state.records[Incident]
        for escalation in self.world.all(Escalation):
            assert escalation.id in state.records[Incident]
        for ticket in self.world.all(Ticket):
            assert ticket.respond_by <= ticket.resolve_by

    @invariant()
    def the_state_is_what_is_recorded(self) -> None:
        again = recorded(self.world.log, self.world.now)
        for kind, records in again.records.items():
            mine = self.world.state.records[kind]
            for key, record in records.items():
                assert mine.get(key) == record or _is_being_sent(mine.get(key)), (kind, key)

    def teardown(self) -> None:
        """Replay every input into a state begun anew: the same decisions come out."""
        state = State()
        inputs = zip(self.world.inputs, self.world.log, strict=True)
        for number, ((now, plan_then, given), recorded_then) in enumerate(inputs):
            state = self.world.begun.get(number, state)
            changes = decide(state, given, now, plan_then).changes
            assert changes == recorded_then
            state.apply(changes)


def _is_being_sent(record: object) -> bool:
    return isinstance(record, Notification) and record.state is NotificationState.SENDING


def _knows(row: Notification) -> bool:
    told = row.state in (NotificationState.ACCEPTED, NotificationState.AMBIGUOUS) or row.repeated
    return told and not row.state.alive and row.kind in (Kind.PAGE, Kind.TICKET) and row.to is not None


Desk.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_whatever_happens_the_desk_keeps_its_promises = Desk.TestCase
