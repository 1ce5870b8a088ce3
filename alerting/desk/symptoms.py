"""Cause and symptoms: what fails because of something it depends on is carried by the incident of that.

A symptom is quiet only while its cause is critical and is paged itself, or acknowledged: a cause that is a warning,
or muted from the start, mutes nobody. Customers hear of symptoms under the cause's incident, as their policies say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerting.alert import Alert, AlertState
from alerting.desk import customers, duty, settling
from alerting.desk.facts import live_alerts, live_symptoms
from alerting.draft import Draft
from alerting.incidents.incident import EndReason, Incident
from alerting.oncall.escalation import Escalation
from alerting.plan import CheckPlan
from alerting.severity import Severity
from alerting.state import HELD, Proof, critical_key
from alerting.wording.staff import describe


def cause_of(draft: Draft, check: CheckPlan) -> tuple[Incident, str] | None:
    """Return the incident that explains what fires on a check now, and the check that is the cause."""
    for name in draft.plan.dependencies.upstream.get(check.name, ()):
        for alert in in_order(draft.about(Alert, critical_key(name), _is_critical)):
            incident = draft.get(Incident, alert.incident)
            if incident is not None and _mutes(draft, incident):
                return incident, name
    return None


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts by their ids: an order that outlives a restart."""
    return sorted(alerts, key=lambda alert: alert.id)


def _is_critical(alert: Alert) -> bool:
    return alert.state.active and alert.severity is Severity.CRITICAL


def _mutes(draft: Draft, incident: Incident) -> bool:
    """Tell whether symptoms of an incident are quiet: it is critical now, and its own pages leave or are answered."""
    if not incident.state.active or incident.severity is not Severity.CRITICAL or incident.cleared_at:
        return False
    if incident.acknowledgement is not None or incident.flapping is not None:
        return True
    if incident.quiet:
        return False
    escalation = draft.get(Escalation, incident.id)
    if escalation is None:
        return duty.policy_for(draft, incident) is None  # nobody is paged of anything
    return escalation.due_at is not None


def join(draft: Draft, cause: Incident, name: str, alert: Alert, *, speak: bool = True) -> str:
    """Carry an alert as a symptom of `cause`, whose failing check is `name`; return that incident.

    `speak` False leaves it to the caller to see what customers are to hear.
    """
    alert = draft.put(
        replace(alert, incident=cause.id, symptom_of=name, held_until=None, held_at=None, awaits=())
    )
    data = {"alert": alert.id, "cause": name}
    draft.note(cause.id, "symptom", f"{describe(alert)}: depends on {name}", data=data)
    named = cause.suffering(alert.id)
    if named != cause.symptoms:
        cause = draft.put(replace(cause, symptoms=named, changed_at=draft.now))
    if speak and not cause.quiet and customers.new_to_them(draft, cause, alert):
        customers.consider(draft, cause)
    return cause.id


def unanswered(draft: Draft, check: CheckPlan) -> tuple[str, ...]:
    """Return the checks that have to be looked at before it is known whether this one is a cause itself.

    Not those whose answer would change nothing: what never worked yet, and what is critical but mutes nobody.
    """
    return tuple(
        name
        for name in draft.plan.dependencies.upstream.get(check.name, ())
        if name in draft.plan.checks
        and draft.get(Proof, name) is not None
        and next(draft.about(Alert, critical_key(name), _is_critical), None) is None
    )


def hold(draft: Draft, alert: Alert, awaits: tuple[str, ...]) -> None:
    """Have an alert wait, without an incident, until what it depends on has been looked at."""
    until = draft.now + draft.plan.await_upstream
    draft.put(
        replace(alert, incident=None, symptom_of="", held_at=draft.now, held_until=until, awaits=awaits)
    )


def gather(draft: Draft, incident: Incident) -> Incident:
    """Take in what depends on an incident that is about to be paged: alerts held back, and incidents of their own."""
    below = draft.plan.dependencies
    if not below or incident.quiet or incident.severity is not Severity.CRITICAL:
        return incident
    names = {alert.key.check: None for alert in live_alerts(draft, incident) if _is_critical(alert)}
    for name in names:
        services = below.downstream.get(name, ())
        if not services:
            continue
        near = {one.id: one for service in services for one in draft.about(Incident, f"has:{service}")}
        for other in sorted(near.values(), key=lambda one: (one.opened_at, one.id)):
            if other.id != incident.id and other.state.active and _explained(draft, other, name):
                into = draft.get(Incident, incident.id) or incident
                merge(draft, other, into, {alert.id: name for alert in live_alerts(draft, other)})
        for alert in in_order(draft.about(Alert, HELD, lambda alert: alert.held)):
            if below.stands_on(alert.key.check, name):
                join(draft, draft.get(Incident, incident.id) or incident, name, alert, speak=False)
    return draft.get(Incident, incident.id) or incident


def _explained(draft: Draft, incident: Incident, name: str) -> bool:
    """Tell whether all that is bad of an incident depends on a check."""
    own = list(live_alerts(draft, incident))
    return bool(own) and all(draft.plan.dependencies.stands_on(alert.key.check, name) for alert in own)


def merge(
    draft: Draft,
    other: Incident,
    into: Incident,
    causes: dict[str, str],
    *,
    by: str = "nightbell",
    note: str = "",
) -> Incident:
    """Let `other` end and its alerts go on under `into`: as symptoms of the check that `causes` names, else as its own.

    Nothing of it that has not left yet leaves any more; who was told of it hears of the end of `into`.
    """
    moved = [*live_alerts(draft, other), *live_symptoms(draft, other)]
    for alert in moved:
        cause = causes.get(alert.id, alert.symptom_of)
        draft.put(replace(alert, incident=into.id, symptom_of=cause))
        if cause:
            into = replace(into, symptoms=into.suffering(alert.id))
        else:
            into = replace(into, alerts=into.naming(alert.id))
    into = draft.put(replace(into, changed_at=draft.now))
    said = f": {note}" if note else ""
    draft.note(
        into.id, "merged", f"{other.id} is part of this now{said}", who=by, data={"incident": other.id}
    )
    other = draft.put(replace(other, merged_into=into.id))
    into = customers.hand_over(draft, other, into)
    other = draft.get(Incident, other.id) or other
    settling.end(draft, other, EndReason.MERGED, by=by, note=f"into {into.id}{said}")
    return into


def to_free(draft: Draft, incident: Incident) -> list[Alert]:
    """Return the symptoms that are an outage of their own by now: bad, although their cause has been good for long."""
    since = incident.cleared_at if incident.state.active else incident.resolved_at
    if since is None or draft.now - since < draft.plan.outlives:
        return []
    return in_order(alert for alert in live_symptoms(draft, incident) if alert.state is AlertState.FIRING)


def free(draft: Draft, alert: Alert, why: str) -> Alert:
    """Let a symptom be an alert of its own again; the caller sees to it that it fires."""
    data = {"alert": alert.id, "cause": alert.symptom_of}
    draft.note(alert.incident, "freed", f"{describe(alert)}: {why}", data=data)
    return draft.put(replace(alert, incident=None, symptom_of=""))
