"""The auditor: looks whether everything that is open has a next action, and mends what has none.

It trusts nothing that deciding is meant to see to by itself. Where deciding is right it finds nothing; what it finds
is a fault of ours, or of the world (a channel that takes no message at all), and worth shouting about.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.desk import acknowledgement, duty, outages, paging, people, settling, suppression
from alerting.desk.facts import live_alerts, live_symptoms
from alerting.desk.next_channel import wanted
from alerting.draft import Draft
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Audit, Reloaded
from alerting.notification import Kind, Notification, NotificationState
from alerting.oncall.escalation import Escalation
from alerting.plan import Plan
from alerting.severity import Severity
from alerting.state import State

LATE: Final = timedelta(minutes=2)
"""What is due for longer than this has been forgotten: time is let pass once a second."""
STUCK: Final = timedelta(minutes=5)
"""A page that waits so long goes nowhere; a round that reached nobody is tried again after it."""
FAR: Final = timedelta(minutes=15)
"""No page is put off for so long, whatever its provider wishes: the clock was set back since it was."""


class Hole(enum.Enum):
    """What may be missing."""

    NO_STEP = "no step"
    LATE_STEP = "late step"
    NO_END = "no end"
    NO_LAPSE = "no lapse"
    NO_ALERT = "no alert"
    NO_WATCH = "no watch"
    WRONG_STATE = "wrong state"
    STUCK_PAGE = "stuck page"
    NOBODY_REACHED = "nobody reached"
    NO_INCIDENT = "no incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One hole: a short sentence, and the incident it names (empty where that is what is missing; then `alert`)."""

    hole: Hole
    text: str
    incident: str = ""
    alert: str = ""


def audit(state: State, plan: Plan, now: datetime) -> tuple[Finding, ...]:
    """Return every hole there is, given that the time up to `now` has been let pass."""
    return tuple(_findings(Draft(state, plan, now)))


def mend(draft: Draft, _given: Audit) -> str:
    """Mend every hole, each with a line on its incident's timeline."""
    for incident in list(draft.all(Incident, lambda incident: incident.state.active)):
        _mend(draft, incident.id)
    for finding in list(_orphans(draft)):
        _adopt(draft, finding)
    return ""


def _mend(draft: Draft, number: str) -> None:
    """Mend one hole after the other: to mend one may mend, or make pointless, the next."""
    seen: set[Hole] = set()
    while (incident := draft.get(Incident, number)) is not None and incident.state.active:
        hole, words = next((pair for pair in _holes(draft, incident) if pair[0] not in seen), (None, ""))
        if hole is None:
            return
        seen.add(hole)
        draft.note(number, "audit", f"{number} {words}", data={"hole": hole.value})
        _MENDS[hole](draft, incident)


def _findings(draft: Draft) -> Iterator[Finding]:
    for incident in draft.all(Incident, lambda incident: incident.state.active):
        for hole, words in _holes(draft, incident):
            yield Finding(hole=hole, text=f"{incident.id} {words}", incident=incident.id)
    yield from _orphans(draft)


def _orphans(draft: Draft) -> Iterator[Finding]:
    for alert in draft.all(Alert, lambda alert: alert.state is AlertState.FIRING and alert.incident is None):
        if suppression.window_over(draft, alert.key.check) is not None:
            continue  # held: its incident opens when the maintenance ends
        if alert.held_until is not None and draft.now - alert.held_until <= LATE:
            continue  # it waits for what it depends on
        yield Finding(
            hole=Hole.NO_INCIDENT, text=f"{alert.id} fires and belongs to no incident", alert=alert.id
        )


def _holes(draft: Draft, incident: Incident) -> Iterator[tuple[Hole, str]]:
    yield from _of_its_alerts(draft, incident)
    yield from _of_its_acknowledgement(draft, incident)
    if incident.severity is Severity.CRITICAL and paging.wanted(incident):
        yield from _of_its_escalation(draft, incident)
        yield from _of_its_pages(draft, incident)


def _of_its_alerts(draft: Draft, incident: Incident) -> Iterator[tuple[Hole, str]]:
    if next(live_alerts(draft, incident), None) is None:
        since = incident.cleared_at
        waits = since is not None and draft.now - since <= draft.plan.outlives + LATE
        if (
            incident.flapping is not None
            and draft.now - max(incident.turns) <= draft.plan.flapping.within + LATE
        ):
            return  # until it has been good for long enough
        symptoms = list(live_symptoms(draft, incident))
        if symptoms and (waits or not any(alert.state is AlertState.FIRING for alert in symptoms)):
            return  # until they are good as well, or outages of their own
        yield Hole.NO_ALERT, "goes on although none of its alerts does"
    elif not any(settling.watched(draft, alert) for alert in live_alerts(draft, incident)):
        yield Hole.NO_WATCH, "waits for checks that are not watched any more"
    else:
        firing = any(alert.state is AlertState.FIRING for alert in live_alerts(draft, incident))
        if firing is not (incident.state is IncidentState.OPEN):
            yield (
                Hole.WRONG_STATE,
                f"is {incident.state.value} although {'something' if firing else 'nothing'} fires",
            )


def _of_its_acknowledgement(draft: Draft, incident: Incident) -> Iterator[tuple[Hole, str]]:
    said = incident.acknowledgement
    if said is None:
        return
    if said.until - draft.now > people.LONGEST + LATE:
        yield Hole.NO_END, f"is acknowledged until {said.until:%Y-%m-%d}: nobody may be on it for so long"
    if incident.quiet or incident.severity is not Severity.CRITICAL:
        return
    lapses = said.until if said.reminded_at is None else said.reminded_at + draft.plan.grace
    if draft.now - lapses > LATE:
        yield Hole.NO_LAPSE, f"was acknowledged until {said.until:%H:%M:%S} UTC, and nothing followed"


def _of_its_escalation(draft: Draft, incident: Incident) -> Iterator[tuple[Hole, str]]:
    escalation = draft.get(Escalation, incident.id)
    if escalation is None and duty.policy_for(draft, incident) is None:
        return  # nobody is configured: that was said when it opened
    due = None if escalation is None or escalation.paused_at is not None else escalation.due_at
    if escalation is None or due is None:
        yield Hole.NO_STEP, "is critical, nobody is on it, and nobody will be paged"
    elif due - draft.now > escalation.repeat + max(step.after for step in escalation.steps) + LATE:
        yield (
            Hole.NO_STEP,
            f"is critical, nobody is on it, and nobody is paged before {due:%Y-%m-%d %H:%M} UTC",
        )
    elif draft.now - due > LATE:
        yield Hole.LATE_STEP, f"had a step due at {due:%H:%M:%S} UTC that was not taken: time does not pass"


def _of_its_pages(draft: Draft, incident: Incident) -> Iterator[tuple[Hole, str]]:
    pages = list(draft.about(Notification, incident.id, lambda row: row.kind is Kind.PAGE))
    stuck = [row for row in pages if _stuck(draft, incident, row)]
    if stuck:
        oldest = min(stuck, key=lambda row: row.not_before)
        since = "since" if oldest.not_before < draft.now else "until"
        when = f"{since} {oldest.not_before:%Y-%m-%d %H:%M:%S} UTC"
        yield Hole.STUCK_PAGE, f"has a page to {oldest.to} by {oldest.channel} that waits {when}"
    escalation = draft.get(Escalation, incident.id)
    if escalation is None or escalation.due_at is None or escalation.position > 0:
        return
    turn = escalation.round - 1
    told = [row for row in pages if row.step.startswith(f"{turn}.")]
    reached = any(row.state.alive or row.state is NotificationState.ACCEPTED for row in told)
    ended = escalation.base - escalation.repeat
    if told and not reached and draft.now - ended >= STUCK and escalation.due_at - draft.now > LATE:
        yield Hole.NOBODY_REACHED, f"has reached nobody: every page of round {turn} has failed"


def _stuck(draft: Draft, incident: Incident, row: Notification) -> bool:
    waits = row.state is NotificationState.PENDING and draft.now < row.not_after and wanted(incident, row)
    return waits and not draft.now - STUCK <= row.not_before <= draft.now + FAR


def _lapse(draft: Draft, _incident: Incident) -> None:
    acknowledgement.lapse(draft)


def _shorten(draft: Draft, incident: Incident) -> None:
    if incident.acknowledgement is not None:
        until = draft.now + draft.plan.acknowledged_for
        said = replace(incident.acknowledgement, until=until, reminded_at=None)
        draft.put(replace(incident, acknowledgement=said, changed_at=draft.now))


def _end(draft: Draft, incident: Incident) -> None:
    settling.end(draft, incident, EndReason.UNMONITORED)  # whether it works is what nobody has seen


def _drop_unwatched(draft: Draft, _incident: Incident) -> None:
    settling.reloaded(draft, Reloaded())


def _ask_the_next(draft: Draft, incident: Incident) -> None:
    """Take the next step now: from step one it would never come further than the page that goes nowhere."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.due_at is not None:
        draft.put(replace(escalation, due_at=min(escalation.due_at, draft.now)))
        paging.run(draft, incident)


def _adopt(draft: Draft, finding: Finding) -> None:
    alert = draft.get(Alert, finding.alert)
    if alert is None or alert.state is not AlertState.FIRING:
        return
    check = draft.plan.checks.get(alert.key.check)
    if check is None:
        settling.reloaded(draft, Reloaded())
    else:
        draft.note(outages.fire(draft, check, alert, waited=True), "audit", finding.text)


_MENDS: Final[Mapping[Hole, Callable[[Draft, Incident], None]]] = {
    Hole.NO_STEP: paging.start,
    Hole.LATE_STEP: paging.run,
    Hole.NO_END: _shorten,
    Hole.NO_LAPSE: _lapse,
    Hole.NO_ALERT: _end,
    Hole.NO_WATCH: _drop_unwatched,
    Hole.WRONG_STATE: settling.settle,
    Hole.STUCK_PAGE: _ask_the_next,
    Hole.NOBODY_REACHED: paging.start,
}
