"""Incidents settle into the state their alerts are in, down to the end.

They end because it is over, because a person says so, or because nobody watches any more.
"""

from __future__ import annotations

from dataclasses import replace

from alerting.alert import Alert, AlertState
from alerting.desk import customers, messages, next_channel, paging, turning, work
from alerting.desk.facts import active_alerts, live_alerts, live_symptoms
from alerting.draft import Draft
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Reloaded
from alerting.notification import Kind, Reason
from alerting.severity import Severity
from alerting.wording.staff import describe


def settle(draft: Draft, incident: Incident, *, fired: bool = True) -> None:
    """Bring an incident into the state its alerts are in. `fired` False: none of them has begun to fire."""
    if not incident.state.active:
        return
    incident = _clocked(draft, incident)
    lives, as_bad = False, False
    for alert in live_alerts(draft, incident):
        lives, as_bad = True, alert.severity is incident.severity
        if as_bad:  # as nearly always the first: of thousands no more are looked at
            break
    if not lives:
        if incident.state is IncidentState.OPEN:
            incident = turning.turned(draft, incident)
        if incident.flapping is None and next(live_symptoms(draft, incident), None) is None:
            end(draft, incident, EndReason.RECOVERED)
        else:
            customers.eased(draft, incident)
            _recover(draft, incident)
        return
    if not as_bad:
        incident = _ease(draft, incident, active_alerts(draft, incident)[0].severity)
    customers.eased(draft, incident)
    may = fired or incident.state is IncidentState.OPEN
    firing = may and any(alert.state is AlertState.FIRING for alert in live_alerts(draft, incident))
    if firing and incident.state is IncidentState.RECOVERING:
        back = draft.put(
            replace(incident, state=IncidentState.OPEN, recovering_at=None, changed_at=draft.now)
        )
        draft.note(incident.id, "relapsed", describe(active_alerts(draft, incident)[0]))
        if turning.turned(draft, back).flapping is None:
            paging.resume(draft, back)
        else:
            customers.taken_back(draft, back)
    elif not firing and incident.state is IncidentState.OPEN:
        _recover(draft, turning.turned(draft, incident))


def _recover(draft: Draft, incident: Incident) -> None:
    """Nothing of its own is bad now: hold the escalation."""
    if incident.state is IncidentState.OPEN:
        draft.put(
            replace(incident, state=IncidentState.RECOVERING, recovering_at=draft.now, changed_at=draft.now)
        )
        symptoms = next(live_symptoms(draft, incident), None) is not None
        words = "it is good now, what depends on it is not yet" if symptoms else "nothing is bad now"
        draft.note(incident.id, "recovering", words)
        paging.pause(draft, incident)


def _clocked(draft: Draft, incident: Incident) -> Incident:
    """Remember since when an incident that has symptoms is no cause any more: nothing critical of its own is left."""
    if not incident.symptoms:
        return incident
    grave = any(alert.severity is Severity.CRITICAL for alert in live_alerts(draft, incident))
    if grave is (incident.cleared_at is None):
        return incident
    return draft.put(replace(incident, cleared_at=None if grave else draft.now))


def _ease(draft: Draft, incident: Incident, severity: Severity) -> Incident:
    """The worst of it is over: what is left of an outage is as severe as what is left, and pages no more than that.

    Its ticket keeps its class, and its acknowledgement stays; when it gets worse again it pages from step one.
    """
    draft.note(incident.id, "better", f"now {severity.value}")
    incident = draft.put(replace(incident, severity=severity, changed_at=draft.now))
    incident = turning.turned(draft, incident)
    paging.stop(draft, incident)
    messages.cancel(draft, incident.id, (Kind.PAGE,), Reason.OVER, asked_for=False)
    return incident


def end(
    draft: Draft,
    incident: Incident,
    reason: EndReason,
    *,
    by: str = "nightbell",
    note: str = "",
    anew: bool = False,
) -> None:
    """End an incident: stop paging, tell everybody who was told, resolve its ticket, ease the customers.

    `anew` tells those as well whose last word was that it is over: it has come and gone since.
    """
    incident = draft.put(
        replace(
            incident,
            state=IncidentState.RESOLVED,
            resolved_at=draft.now,
            recovering_at=None,
            reason=reason,
            flapping=None,
            intermittent=False,
            changed_at=draft.now,
        )
    )
    duration = incident.duration
    seconds = duration.total_seconds() if duration else 0.0
    draft.note(
        incident.id,
        "resolved",
        f"{reason.value} after {seconds:.0f} s" + (f": {note}" if note else ""),
        who=by,
        data={"reason": reason.value, "seconds": f"{seconds:.3f}"},
    )
    paging.stop(draft, incident)
    messages.cancel(draft, incident.id, (Kind.PAGE, Kind.REMINDER, Kind.TICKET), Reason.OVER)
    if reason is EndReason.MERGED:
        work.merged(draft, incident)
    else:
        messages.tell_it_is_over(draft, incident, anew=anew)
        work.resolve_for(draft, incident)
    if reason is EndReason.RECOVERED:
        customers.recovered(draft, incident)
    else:
        customers.ended(draft, incident, reason)


def watched(draft: Draft, alert: Alert) -> bool:
    """Tell whether the plan still has what judges an alert."""
    check = draft.plan.checks.get(alert.key.check)
    return check is not None and any(one.id == alert.key.threshold for one in check.thresholds)


def reloaded(draft: Draft, _given: Reloaded) -> str:
    """End what the new plan no longer watches, said as such and never as recovered; page whom it brings."""
    touched: dict[str, None] = {}
    for alert in list(draft.all(Alert)):
        if watched(draft, alert):
            continue
        draft.put(
            replace(
                alert,
                state=AlertState.RESOLVED if alert.state.active else AlertState.OK,
                resolved_at=draft.now,
                changed_at=draft.now,
                message="no longer monitored",
            )
        )
        if alert.incident is not None:
            touched[alert.incident] = None
    for number in touched:
        incident = draft.get(Incident, number)
        if incident is None or not incident.state.active:
            continue
        if any(live_alerts(draft, incident)):
            customers.replanned(draft, incident)
            settle(draft, incident)
        else:
            end(draft, incident, EndReason.UNMONITORED)
    for incident in list(draft.all(Incident, lambda one: one.state.active)):
        next_channel.rerouted(draft, incident)
        paging.revive(draft, incident)
        customers.replanned(draft, incident)
    return ""
