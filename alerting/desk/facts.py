"""What messages need to know about an incident, gathered from the draft."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.oncall.person import Person
from alerting.plan import ServicePlan
from alerting.severity import Impact, Severity
from alerting.state import symptom_key
from alerting.tickets.ticket import Ticket
from alerting.wording.staff import Facts

NEEDS_A_PERSON: Final = ("auth",)
"""Error classes that may be our own misconfiguration: customers hear nothing before a person confirms."""


def live_alerts(draft: Draft, incident: Incident) -> Iterator[Alert]:
    """Iterate over the incident's own alerts that are not over, the newest first; symptoms are apart.

    One that fired again may belong to another incident by now.
    """
    return draft.about(
        Alert,
        incident.id,
        lambda alert: alert.state.active and alert.incident == incident.id and not alert.symptom_of,
        newest_first=True,  # in a storm the oldest are the first to recover
    )


def live_symptoms(draft: Draft, incident: Incident) -> Iterator[Alert]:
    """Iterate over alerts of what depends on the incident's own, and that are not over either."""
    return draft.about(
        Alert,
        symptom_key(incident.id),
        lambda alert: alert.state.active and alert.incident == incident.id and bool(alert.symptom_of),
        newest_first=True,
    )


def goes_on_as(draft: Draft, incident: Incident) -> Incident:
    """Return the incident that goes on in the place of one that was merged; any other is itself."""
    seen = {incident.id}
    while incident.merged_into is not None and incident.merged_into not in seen:
        following = draft.get(Incident, incident.merged_into)
        if following is None:
            break
        seen.add(following.id)
        incident = following
    return incident


def active_alerts(draft: Draft, incident: Incident) -> list[Alert]:
    """Return the incident's alerts that are not over, worst and oldest first."""
    return sorted(
        live_alerts(draft, incident), key=lambda alert: (-alert.severity.rank, alert.since, alert.id)
    )


def public_services(draft: Draft, alert: Alert) -> list[ServicePlan]:
    """Return the public services that an alert's check belongs to."""
    check = draft.plan.checks.get(alert.key.check)
    known = [draft.plan.services.get(name) for name in sorted(check.services)] if check else []
    return [service for service in known if service is not None and service.public]


def felt(draft: Draft, incident: Incident) -> Iterator[Alert]:
    """Iterate over the incident's alerts that customers can feel, until they are surely over."""
    for alert in chain(live_alerts(draft, incident), live_symptoms(draft, incident)):
        if alert.impact is not Impact.NONE and public_services(draft, alert):
            yield alert


def grave(draft: Draft, incident: Incident) -> Iterator[Alert]:
    """Iterate over those that are bad enough for customers to hear of: a warning alone never is."""
    return (alert for alert in felt(draft, incident) if alert.severity is Severity.CRITICAL)


def speaks_for_itself(draft: Draft, incident: Incident) -> bool:
    """Tell whether something is bad right now that customers may hear of without a person's word."""
    return any(
        alert.state is AlertState.FIRING and alert.error not in NEEDS_A_PERSON
        for alert in grave(draft, incident)
    )


def staff_facts(draft: Draft, incident: Incident, language: str, *, worse: bool = False) -> Facts:
    """Gather what a message to staff can tell, with titles in the reader's language."""
    ticket = draft.get(Ticket, incident.ticket)
    return Facts(
        incident=incident,
        alerts=active_alerts(draft, incident),
        zone=draft.plan.site.zone,
        services=[service_title(draft, service, language) for service in incident.services],
        ticket=ticket,
        assignee=name_of(draft, ticket.assignee) if ticket else "",
        runbook=runbook(draft, incident),
        worse=worse,
    )


def service_title(draft: Draft, service: str, language: str) -> str:
    """Return a service's title in that language, else in the site's first, else its id."""
    known = draft.plan.services.get(service)
    if known is None:
        return service
    for wanted in (language, language.split("-", maxsplit=1)[0], *draft.plan.site.languages):
        if wanted in known.title:
            return known.title[wanted]
    return next(iter(known.title.values()), service)


def runbook(draft: Draft, incident: Incident) -> str:
    """Return the runbook of the causing check, else of the first service that has one."""
    check = draft.plan.checks.get(incident.cause.check)
    if check is not None and check.runbook:
        return check.runbook
    services = (draft.plan.services.get(service) for service in incident.services)
    return next((service.runbook for service in services if service and service.runbook), "")


def name_of(draft: Draft, person: str | None) -> str:
    """Return a person's name, or the id of one who is gone; empty for nobody."""
    known: Person | None = draft.plan.people.get(person) if person else None
    return known.name if known else person or ""


def language_of(draft: Draft, person: str | None) -> str:
    """Return the language a person reads, else the site's first."""
    known = draft.plan.people.get(person) if person else None
    return known.language if known else draft.plan.site.languages[0]


def dedup_key(began: datetime, *parts: Sequence[str] | str) -> str:
    """Return a key that names one notification for ever, over restarts and a state begun anew."""
    text = "\x1f".join([began.isoformat(), *map(str, parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
