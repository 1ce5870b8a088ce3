"""What waits for what it depends on: alerts held until that was looked at, and symptoms that outlive their cause."""

from __future__ import annotations

from dataclasses import replace

from alerting.alert import Alert, AlertState
from alerting.desk import outages, settling, symptoms
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.inputs import Judged, Reloaded
from alerting.state import HELD, awaited_key, symptom_key


def judged(draft: Draft, given: Judged) -> str:
    """Take in the verdicts on one sample, then tell whoever waits for an answer of that check."""
    about = outages.judged(draft, given)
    if given.worked:
        _answered(draft, given)
    return about


def _answered(draft: Draft, given: Judged) -> None:
    """What it depends on works, looked at after it had failed: an alert that waits for nothing else is a cause."""
    for alert in symptoms.in_order(draft.about(Alert, awaited_key(given.check))):
        if not alert.held or alert.held_at is None or given.at < alert.held_at:
            continue
        left = tuple(name for name in alert.awaits if name != given.check)
        answered = draft.put(replace(alert, awaits=left))
        if not left:
            _release(draft, answered)


def expire(draft: Draft) -> None:
    """Let go what has waited for as long as it may, or for nothing any more."""
    for alert in symptoms.in_order(draft.about(Alert, HELD, lambda alert: alert.held)):
        if not alert.awaits or _is_up(draft, alert):
            _release(draft, alert)


def _is_up(draft: Draft, alert: Alert) -> bool:
    """Tell whether it has waited for its time; nothing waits for longer, also where the clock was set back."""
    until = alert.held_until
    return until is None or not draft.now < until <= draft.now + draft.plan.await_upstream


def _release(draft: Draft, alert: Alert) -> None:
    """Open what it asks for; one that is about to be good again goes on waiting for what becomes of it."""
    check = draft.plan.checks.get(alert.key.check)
    if alert.state is AlertState.FIRING and check is not None:
        number = outages.fire(
            draft, check, replace(alert, held_until=None, held_at=None, awaits=()), waited=True
        )
        _settle(draft, number)


def outlived(draft: Draft) -> None:
    """Give symptoms that outlive their cause incidents of their own."""
    for incident in list(draft.all(Incident, lambda one: bool(one.symptoms))):
        if incident.state is not IncidentState.CLOSED:
            _free(draft, incident, symptoms.to_free(draft, incident), "still bad although its cause is good")


def reloaded(draft: Draft, given: Reloaded) -> str:
    """Take up a new plan, and free symptoms of what they do not depend on any more."""
    about = settling.reloaded(draft, given)
    for incident in list(draft.all(Incident, lambda one: bool(one.symptoms))):
        gone = symptoms.in_order(
            alert
            for alert in draft.about(Alert, symptom_key(incident.id))
            if alert.state is AlertState.FIRING
            and alert.incident == incident.id
            and not draft.plan.dependencies.stands_on(alert.key.check, alert.symptom_of)
        )
        _free(draft, incident, gone, "depends on its cause no more")
    return about


def _free(draft: Draft, incident: Incident, alerts: list[Alert], why: str) -> None:
    for alert in alerts:
        check = draft.plan.checks.get(alert.key.check)
        if check is not None:
            freed = symptoms.free(draft, alert, why)
            _settle(draft, outages.fire(draft, check, freed, waited=True, heir_of=incident.id))
    if alerts:
        _settle(draft, incident.id)


def _settle(draft: Draft, number: str) -> None:
    incident = draft.get(Incident, number)
    if incident is not None:
        settling.settle(draft, incident)
