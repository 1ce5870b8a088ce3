"""Known bugs of pagers, put into the desk from outside: each one the simulation has to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, cast

from alerting.announcements.announcement import Announcement
from alerting.desk import Decision, decide
from alerting.desk.wanted import unwanted
from alerting.incidents.incident import Incident, IncidentState
from alerting.inputs import Acknowledge, Input, Interrupted, Judged, Received, Resolve, Tick
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.oncall.escalation import Escalation
from alerting.plan import Plan
from alerting.state import Changes, Record, State
from alerting.thresholds.threshold import OutcomeThreshold
from alerting.tickets.ticket import Ticket
from lab.simulation_disk import Disk
from lab.simulation_stage import Core

Edit = Callable[[State, Input, datetime, tuple[Record, ...]], tuple[Record, ...]]


def _edited(edit: Edit) -> Core:
    """Return the desk, but for what `edit` makes of the records of each decision."""

    def wrong(state: State, given: Input, now: datetime, plan: Plan) -> Decision:
        decision = decide(state, given, now, plan)
        records = edit(state, given, now, decision.changes.records)
        return replace(decision, changes=replace(decision.changes, records=records))

    return Core(decide=wrong, unwanted=unwanted)


def _without(kind: type[Record], where: Callable[[Any, State], bool], given_kind: type[Any] = object) -> Core:
    return _edited(
        lambda state, given, _now, records: tuple(
            one
            for one in records
            if not (isinstance(given, given_kind) and isinstance(one, kind) and where(one, state))
        )
    )


def _replanned(change: Callable[[Plan], Plan]) -> Core:
    return Core(
        decide=lambda state, given, now, plan: decide(state, given, now, change(plan)), unwanted=unwanted
    )


def _drops_a_receipt() -> Core:
    def wrong(state: State, given: Input, now: datetime, plan: Plan) -> Decision:
        if isinstance(given, Received) and given.receipt.state is NotificationState.FAILED:
            return Decision(changes=Changes())
        return decide(state, given, now, plan)

    return Core(decide=wrong, unwanted=unwanted)


def _forgets_who_was_interrupted() -> Core:
    def wrong(state: State, given: Input, now: datetime, plan: Plan) -> Decision:
        return (
            Decision(changes=Changes()) if isinstance(given, Interrupted) else decide(state, given, now, plan)
        )

    return Core(decide=wrong, unwanted=unwanted)


def _doubles_a_step(
    _state: State, given: Input, _now: datetime, records: tuple[Record, ...]
) -> tuple[Record, ...]:
    """Take a step again at the next tick."""
    if not isinstance(given, Tick):
        return records
    return tuple(
        replace(one, position=one.position - 1, told=())
        if isinstance(one, Escalation) and one.position > 1
        else one
        for one in records
    )


def _keeps_paging_who_acknowledged(
    state: State, given: Input, _now: datetime, records: tuple[Record, ...]
) -> tuple[Record, ...]:
    """Leave waiting pages alone when somebody acknowledges, and do not ask again when they leave."""
    if not isinstance(given, Acknowledge):
        return records
    known = state.records[Notification]
    return tuple(one for one in records if not (isinstance(one, Notification) and one.id in known))


def _loses_the_resume(
    state: State, _given: Input, _now: datetime, records: tuple[Record, ...]
) -> tuple[Record, ...]:
    """An escalation that was paused stays so."""

    def kept(one: Record) -> Record:
        former = state.records[Escalation].get(one.id)
        held = isinstance(former, Escalation) and former.paused_at is not None
        return (
            replace(one, paused_at=former.paused_at)
            if held and isinstance(one, Escalation) and one.due_at
            else one
        )

    return tuple(kept(one) for one in records)


def _counts_paused_time(
    state: State, _given: Input, _now: datetime, records: tuple[Record, ...]
) -> tuple[Record, ...]:
    """The clock of an escalation runs on while its incident recovers."""

    def hurried(one: Record) -> Record:
        former = state.records[Escalation].get(one.id)
        if not isinstance(one, Escalation) or not isinstance(former, Escalation):
            return one
        same = (one.round, one.position) == (former.round, former.position)
        resumed = former.paused_at is not None and one.paused_at is None
        return replace(one, base=former.base, due_at=former.due_at) if same and resumed else one

    return tuple(hurried(one) for one in records)


def _says_it_twice_to_customers() -> Core:
    """Words to customers whose fate is unknown count as not delivered."""

    def wrong(state: State, given: Input, now: datetime, plan: Plan) -> Decision:
        if isinstance(given, Received) and given.receipt.state is NotificationState.AMBIGUOUS:
            row = state.records[Notification].get(given.receipt.notification)
            if isinstance(row, Notification) and row.kind is Kind.ANNOUNCEMENT:
                given = Received(receipt=replace(given.receipt, state=NotificationState.PENDING))
        return decide(state, given, now, plan)

    return Core(decide=wrong, unwanted=unwanted)


def _tells_everybody_the_end(
    state: State, _given: Input, _now: datetime, records: tuple[Record, ...]
) -> tuple[Record, ...]:
    """The end is told to channels that never heard of the outage."""
    more: list[Record] = list(records)
    for one in records:
        if isinstance(one, Announcement) and one.withdrawn and one.recovered_at is not None:
            number = max((int(key[2:]) for key in state.records[Notification]), default=0) + 5_000
            incident = state.records[Incident].get(one.incident)
            assert isinstance(incident, Incident)
            more.append(
                Notification(
                    id=f"N-{number}",
                    kind=Kind.ANNOUNCEMENT,
                    dedup_key=f"{one.id}-over",
                    channel="news",
                    to=None,
                    title="over",
                    text="over",
                    created_at=_now,
                    not_before=_now,
                    not_after=_now + timedelta(hours=1),
                    incident=one.incident,
                    announcement=one.id,
                    about="resolved",
                )
            )
    return tuple(more)


def _fires_too_early() -> Core:
    def hasty(plan: Plan) -> Plan:
        checks = {
            name: replace(
                check,
                thresholds=tuple(
                    replace(one, failures=max(1, one.failures - 1))
                    if isinstance(one, OutcomeThreshold)
                    else one
                    for one in check.thresholds
                ),
            )
            for name, check in plan.checks.items()
        }
        return replace(plan, checks=checks)

    return _replanned(hasty)


def _gives_numbers_again() -> Core:
    def load(disk: Disk, now: datetime, dice: Random) -> State:
        state = disk.load(now, dice)
        state.numbers.clear()
        for kind in (Incident, Ticket):
            for key in state.records[kind]:
                prefix, _, digits = key.rpartition("-")
                state.numbers[prefix] = max(state.numbers.get(prefix, 0), int(digits))
        state.numbers["N"] = disk.numbers.get("N", 0)
        return state

    return Core(decide=decide, unwanted=unwanted, load=load)


def _forgets_what_was_claimed() -> Core:
    def load(disk: Disk, now: datetime, dice: Random) -> State:
        for row in disk.rows[Notification].values():
            if row["state"] == NotificationState.SENDING.value:
                row["state"] = NotificationState.PENDING.value
        return disk.load(now, dice)

    return Core(decide=decide, unwanted=unwanted, load=load)


def _is_over(one: Any, state: State) -> bool:
    incident = state.records[Incident].get(one.incident or "")
    new = one.id not in state.records[Notification]
    return (
        new
        and one.kind is Kind.RECOVERY
        and isinstance(incident, Incident)
        and incident.state is IncidentState.RESOLVED
    )


def _sends_whatever_waits(_state: State, _row: Notification, _now: datetime) -> Reason | None:
    return None


MUTANTS: Final[Mapping[str, Callable[[], Core]]] = {
    "drops the receipt of a refusal": _drops_a_receipt,
    "forgets what was interrupted": _forgets_who_was_interrupted,
    "sends again what was claimed, as if for the first time": _forgets_what_was_claimed,
    "forgets who read the page only after the end": lambda: _without(Notification, _is_over, Received),
    "forgets the recovery notice after a person's word": lambda: _without(
        Notification, lambda one, _state: one.kind is Kind.RECOVERY, Resolve
    ),
    "doubles a step": lambda: _edited(_doubles_a_step),
    "pages who has acknowledged": lambda: replace(
        _edited(_keeps_paging_who_acknowledged), unwanted=_sends_whatever_waits
    ),
    "loses the resume after a relapse": lambda: _edited(_loses_the_resume),
    "counts the time in which it recovered": lambda: _edited(_counts_paused_time),
    "repeats words to customers": _says_it_twice_to_customers,
    "tells the end to who never heard of it": lambda: _edited(_tells_everybody_the_end),
    "fires one failure too early": _fires_too_early,
    "gives a number twice": _gives_numbers_again,
    "never reopens": lambda: _replanned(lambda plan: replace(plan, reopen_within=timedelta(0))),
    "all-clear at once": lambda: _replanned(lambda plan: replace(plan, hold_recovery=timedelta(0))),
    "an acknowledgement never lapses": lambda: _without(
        Escalation, lambda one, state: one.id in state.records[Escalation], Tick
    ),
    "forgets that a channel was passed over": lambda: _edited(
        lambda _state, _given, _now, records: tuple(
            replace(one, moved_on=False) if isinstance(one, Notification) else one for one in records
        )
    ),
    "answers before it is recorded": lambda: Core(decide=decide, unwanted=unwanted, answers_early=True),
    "a muted outage pages": lambda: _edited(
        lambda _state, given, _now, records: tuple(
            replace(one, quiet="") if isinstance(one, Incident) and isinstance(given, Judged) else one
            for one in records
        )
    ),
}
"""By what each does."""


def mutant(name: str) -> Core:
    """Return the desk with that bug."""
    return cast("Core", MUTANTS[name]())
