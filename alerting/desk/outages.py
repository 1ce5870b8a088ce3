"""Outages: verdicts change alerts, and alerts open, join, worsen and reopen incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from alerting.alert import Alert, AlertState, step
from alerting.altered import altered
from alerting.desk import (
    alarm,
    blindness,
    customers,
    messages,
    paging,
    silences,
    suppression,
    symptoms,
    turning,
    work,
)
from alerting.desk.facts import active_alerts, felt, service_title
from alerting.desk.grouping import Group, fits, group_of
from alerting.desk.settling import settle
from alerting.draft import Draft
from alerting.incidents.incident import Cause, Incident, IncidentState
from alerting.inputs import Judged
from alerting.notification import Kind, Reason
from alerting.plan import CheckPlan, ServicePlan
from alerting.severity import Severity, worst
from alerting.sight import CHECK
from alerting.state import Proof
from alerting.thresholds.threshold import Threshold
from alerting.thresholds.verdict import Verdict
from alerting.wording.staff import describe


def judged(draft: Draft, given: Judged) -> str:
    """Take in the verdicts on one sample."""
    check = draft.plan.checks.get(given.check)
    if check is None:
        return ""  # removed by a reload while its last run was under way
    if check.remote and blindness.blind(draft):
        return ""  # we cannot see: it says nothing about its target, good or bad
    thresholds = {threshold.id: threshold for threshold in check.thresholds}
    if given.worked and draft.get(Proof, check.name) is None:
        draft.put(Proof(id=check.name, at=given.at))
    touched: dict[str, bool] = {}
    for verdict in (*given.verdicts, *_gone(draft, given, check)):
        threshold = thresholds.get(verdict.key.threshold)
        if threshold is not None:
            number = _judge(draft, check, threshold, verdict)
            alert = draft.get(Alert, str(verdict.key))
            fires = alert is not None and alert.state is AlertState.FIRING
            touched[number] = touched.get(number, False) or fires
    for number, fired in touched.items():
        incident = draft.get(Incident, number)
        if incident is not None:
            settle(draft, incident, fired=fired)
    if check.name == CHECK and not blindness.blind(draft):
        customers.resumed(draft)
    return ""


def _gone(draft: Draft, given: Judged, check: CheckPlan) -> Iterable[Verdict]:
    """Judge as good what a working check no longer reports: an unmounted disk cannot be full."""
    if check.part is None or not given.worked:
        return []
    judged_now = {verdict.key for verdict in given.verdicts}  # among them what is missed for want of values
    live = draft.all(
        Alert,
        lambda alert: (
            alert.key.check == given.check
            and bool(alert.key.part)
            and alert.key.part not in given.parts
            and alert.key not in judged_now
        ),
    )
    return [Verdict(key=alert.key, at=given.at, message="no longer reported") for alert in live]


def _judge(draft: Draft, check: CheckPlan, threshold: Threshold, verdict: Verdict) -> str:
    """Move one alert; return the incident it touches, empty for none."""
    before = draft.get(Alert, str(verdict.key))
    after = step(before, verdict, threshold)
    if after is None or after is before:
        return ""
    after = suppression.marked(draft, after)
    was = before is not None and before.state.active
    if after.state is AlertState.FIRING and (not was or (after.incident is None and not after.held)):
        return fire(draft, check, after)
    draft.put(after)
    if after.incident is None:
        return ""
    if was and after.state is AlertState.FIRING and before is not None:
        return _changed(draft, check, before, after)
    if after.state is AlertState.RESOLVED:
        draft.note(
            after.incident, "alert_resolved", f"{_name(after)} is good again", data={"alert": after.id}
        )
    return after.incident


def _changed(draft: Draft, check: CheckPlan, before: Alert, after: Alert) -> str:
    """Let an alert that goes on change its incident; return which one that is."""
    incident = draft.get(Incident, after.incident)
    if incident is None or not incident.state.active:
        # A person ended it while this went on: that was said of what it was then, not of anything worse.
        worse = after.severity.rank > before.severity.rank
        return fire(draft, check, after) if worse else after.incident or ""
    if after.severity is not before.severity:
        draft.note(
            incident.id,
            "severity",
            f"{describe(after)}: {before.severity.value} → {after.severity.value}",
            data={"alert": after.id},
        )
    if after.severity.rank > incident.severity.rank and not after.symptom_of:
        worsen(draft, silences.apply(draft, incident), after.severity, services=incident.services)
    elif customers.heard_otherwise(before, after) and not incident.quiet:
        customers.consider(draft, incident)  # what kind of trouble it is decides whether customers may hear
    return incident.id


def _name(alert: Alert) -> str:
    return f"{alert.key.check} {alert.key.part}".strip()


def fire(
    draft: Draft, check: CheckPlan, alert: Alert, *, waited: bool = False, heir_of: str | None = None
) -> str:
    """Put a firing alert into an incident: that of its cause, one that is going on, one just over, or a new one.

    What depends on something is held before a new one, until that was looked at: empty then. `waited`: it was. Empty,
    too, while a maintenance goes on.
    `heir_of` is the incident it was a symptom in, whose words to customers may be about nothing else any more.
    """
    if suppression.hold(draft, check, alert):
        return ""
    if alert.suppressed:
        alert = replace(alert, suppressed="")
    cause = symptoms.cause_of(draft, check)
    if cause is not None:
        return symptoms.join(draft, *cause, alert)
    group = group_of(check)
    near = {one.id: one for key in group.near for one in draft.about(Incident, key) if fits(one, group)}
    known = sorted(near.values(), key=lambda incident: incident.opened_at, reverse=True)
    for incident in known:
        if incident.state.active:
            return join(draft, incident, alert, group)
    if not waited and (awaits := symptoms.unanswered(draft, check)):
        symptoms.hold(draft, alert, awaits)
        return ""
    alert = replace(alert, symptom_of="", held_until=None, held_at=None, awaits=())
    for incident in known:
        over = incident.resolved_at if incident.merged_into is None else None
        if over is not None and draft.now - over < draft.plan.reopen_within:
            return _reopen(draft, incident, alert, group)
    return open_new(draft, check, alert, group, heir_of)


def open_new(draft: Draft, check: CheckPlan, alert: Alert, group: Group, heir_of: str | None = None) -> str:
    """Open an incident for an alert, with its ticket, and tell whoever has to hear; return its number."""
    number = draft.number("INC")
    alert = draft.put(altered(alert, incident=number))
    services = [draft.plan.services[name] for name in group.services if name in draft.plan.services]
    language = draft.plan.site.languages[0]
    about = ", ".join(service_title(draft, name, language) for name in group.services) or group.host
    incident = draft.put(
        Incident(
            id=number,
            group=group.key,
            title=f"{about}: {describe(alert)}"[:200],
            state=IncidentState.OPEN,
            severity=alert.severity,
            cause=Cause(
                service=group.services[0] if group.services else None, check=check.name, alert=alert.id
            ),
            since=alert.since,
            opened_at=draft.now,
            changed_at=draft.now,
            services=group.services,
            alerts=(alert.id,),
            turns=(draft.now,),
            host=group.host,
            owner=_first(services, "owner") or check.owner,
            policy=_first(services, "escalation") or check.escalation,
        )
    )
    draft.note(
        number,
        "opened",
        f"{describe(alert)}, since {alert.since.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC",
        data={"alert": alert.id, "severity": alert.severity.value},
    )
    incident = silences.apply(draft, incident)
    if incident.severity is not Severity.INFO:
        incident = work.open_for(draft, incident)
    former = draft.get(Incident, heir_of)
    if former is not None and next(felt(draft, former), None) is None:
        incident = customers.hand_over(draft, former, incident)
    if not incident.quiet:
        alarm.start(draft, incident)
    return number


def _first(services: Iterable[ServicePlan], name: str) -> str | None:
    return next((value for service in services if (value := getattr(service, name))), None)


def join(draft: Draft, incident: Incident, alert: Alert, group: Group) -> str:
    """Put an alert into an incident that goes on: only what is worse or wider by it pages again."""
    alert = draft.put(
        replace(alert, incident=incident.id, symptom_of="", held_until=None, held_at=None, awaits=())
    )
    services = tuple(sorted({*incident.services, *group.services}))
    draft.note(incident.id, "joined", describe(alert), data={"alert": alert.id})
    named, since = incident.naming(alert.id), min(incident.since, alert.since)
    if (named, since) != (incident.alerts, incident.since):
        incident = draft.put(replace(incident, alerts=named, since=since, changed_at=draft.now))
    wider = any(
        draft.plan.services[name].public
        for name in set(services) - set(incident.services)
        if name in draft.plan.services
    )
    muted = bool(incident.quiet)
    incident = silences.joined(draft, incident, alert)
    if alert.severity.rank > incident.severity.rank or (wider and not incident.quiet):
        worsen(draft, incident, worst(alert.severity, incident.severity) or alert.severity, services=services)
        return incident.id
    if services != incident.services:
        incident = draft.put(replace(incident, services=services))
    if muted and not incident.quiet:
        alarm.start(draft, incident)  # the silence does not cover this one
    elif not incident.quiet and customers.new_to_them(draft, incident, alert):
        customers.consider(draft, incident)
    return incident.id


def worsen(draft: Draft, incident: Incident, severity: Severity, *, services: tuple[str, ...]) -> None:
    """More severe, or more customers: void the acknowledgement and page from step one.

    Flapping between two severities is flapping; to be worse than anybody was told is none.
    """
    voided, changed = incident.acknowledgement is not None, severity is not incident.severity
    incident = draft.put(
        replace(incident, severity=severity, services=services, acknowledgement=None, changed_at=draft.now)
    )
    draft.note(
        incident.id,
        "worse",
        f"now {severity.value}" + (", the acknowledgement no longer holds" if voided else ""),
    )
    if changed:
        incident = turning.turned(draft, incident)
    if incident.flapping is not None and not turning.known_of(draft, incident):
        incident = turning.calmed(draft, incident)
    incident = work.take_up(draft, incident)
    if not incident.quiet:
        alarm.start(draft, incident, worse=voided)


def _reopen(draft: Draft, incident: Incident, alert: Alert, group: Group) -> str:
    """It came back within the reopen window: the same number, and pages from step one."""
    alert = draft.put(replace(alert, incident=incident.id))
    incident = draft.put(
        replace(
            incident,
            state=IncidentState.OPEN,
            services=tuple(sorted({*incident.services, *group.services})),
            alerts=incident.naming(alert.id),
            opening=incident.opening + 1,
            reopened_at=draft.now,
            first_round=paging.next_round(draft, incident),
            acknowledgement=None,
            resolved_at=None,
            recovering_at=None,
            reason=None,
            changed_at=draft.now,
        )
    )
    live = active_alerts(draft, incident)
    incident = draft.put(replace(incident, severity=live[0].severity))  # as bad as it is now, not as it was
    draft.note(incident.id, "reopened", describe(alert), data={"alert": alert.id})
    messages.cancel(draft, incident.id, (Kind.RECOVERY,), Reason.RELAPSED)
    incident = silences.apply(draft, incident)
    incident = work.take_up(draft, incident)
    incident = turning.turned(draft, incident)
    if not incident.quiet and incident.flapping is None:
        alarm.start(draft, incident)
    elif not incident.quiet:
        customers.taken_back(draft, customers.consider(draft, incident, once_more=True))
    return incident.id
