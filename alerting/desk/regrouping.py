"""Merging and splitting by hand: a person knows better what is one outage."""

from __future__ import annotations

from dataclasses import replace

from alerting.alert import Alert
from alerting.desk import customers, outages, settling, symptoms
from alerting.desk.facts import live_alerts, live_symptoms, name_of
from alerting.desk.grouping import group_of
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.inputs import Merge, Refusal, Refused, Split


def merge(draft: Draft, given: Merge) -> str:
    """Let one incident go on as part of another; that pages only where it becomes more severe by it."""
    what = f"cannot merge {given.incident} into {given.into}"
    if given.incident == given.into:
        raise Refused(Refusal.INVALID, f"{what}: it is the same")
    if not given.reason.strip():
        raise Refused(Refusal.INVALID, f"{what}: a reason is needed")
    other, into = _active(draft, given.incident, what), _active(draft, given.into, what)
    by = name_of(draft, given.by) or "api"
    into = symptoms.merge(draft, other, into, {}, by=by, note=given.reason)
    services = tuple(sorted({*into.services, *other.services}))
    if other.severity.rank > into.severity.rank:
        outages.worsen(draft, into, other.severity, services=services)
    else:
        into = draft.put(replace(into, services=services))
        if not into.quiet:
            customers.consider(draft, into)
    settling.settle(draft, draft.get(Incident, into.id) or into)
    return into.id


def split(draft: Draft, given: Split) -> str:
    """Take some alerts out of an incident, into one of its own that pages as its policy says; return its number."""
    what = f"cannot split {given.incident}"
    incident = _active(draft, given.incident, what)
    if not given.reason.strip():
        raise Refused(Refusal.INVALID, f"{what}: a reason is needed")
    live = [*live_alerts(draft, incident), *live_symptoms(draft, incident)]
    chosen = symptoms.in_order(one for one in live if one.id in given.alerts or one.key.check in given.checks)
    known = {one.id for one in live} | {one.key.check for one in live}
    unknown = [name for name in (*given.alerts, *given.checks) if name not in known]
    if unknown or not chosen:
        raise Refused(
            Refusal.INVALID, f"{what}: nothing going on in it is called {', '.join(unknown) or 'so'}"
        )
    if all(one in chosen for one in live_alerts(draft, incident)):
        raise Refused(Refusal.INVALID, f"{what}: nothing of its own would be left in it")
    number = ""
    for alert in chosen:
        number = _move(draft, alert, number)
    by, data = name_of(draft, given.by) or "api", {"incident": number}
    names = ", ".join(alert.id for alert in chosen[:20])
    draft.note(incident.id, "split", f"{number} goes on with {names}: {given.reason}", who=by, data=data)
    text = f"split from {incident.id}: {given.reason}"
    draft.note(number, "split", text, who=by, data={"incident": incident.id})
    for one in (incident.id, number):
        settling.settle(draft, draft.get(Incident, one) or incident)
    return number


def _move(draft: Draft, alert: Alert, number: str) -> str:
    check = draft.plan.checks[alert.key.check]
    alert = replace(alert, symptom_of="", incident=None)
    into = draft.get(Incident, number)
    if into is None:
        return outages.open_new(draft, check, alert, group_of(check))
    return outages.join(draft, into, alert, group_of(check))


def _active(draft: Draft, number: str, what: str) -> Incident:
    incident = draft.get(Incident, number)
    if incident is None:
        raise Refused(Refusal.UNKNOWN, f"{what}: there is no such open incident {number}")
    if not incident.state.active:
        raise Refused(Refusal.CONFLICT, f"{what}: {number} is over")
    return incident
