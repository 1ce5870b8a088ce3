"""Turns: how often an incident became bad and good again, and whether that is flapping.

It flaps once it has turned so often within so short a time (`Plan.flapping`), and no more when it has not turned for
as long. Only of what somebody has been told, or is at work on: what comes and goes behind a dead channel is paged on.
"""

from __future__ import annotations

from dataclasses import replace

from alerting.desk import paging
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.notification import Kind, Notification, NotificationState
from alerting.severity import Severity


def turned(draft: Draft, incident: Incident) -> Incident:
    """Count that an incident has become bad, or good; return it, flapping where that was too often."""
    known = draft.plan.flapping
    turns = (*incident.turns, draft.now)[-known.changes :]
    often = len(turns) == known.changes and draft.now - turns[0] <= known.within
    incident = draft.put(replace(incident, turns=turns))
    if incident.flapping is not None or not often or not known_of(draft, incident):
        return incident
    words = f"changed {known.changes} times within {known.within.total_seconds():g} s: only what comes of it is told"
    draft.note(incident.id, "flapping", words)
    paging.pause(draft, incident)
    return draft.put(replace(incident, flapping=draft.now, changed_at=draft.now))


def known_of(draft: Draft, incident: Incident) -> bool:
    """Tell whether somebody knows how bad it is: was paged, is at work on it, or need not be paged."""
    if incident.severity is not Severity.CRITICAL or incident.quiet or incident.acknowledgement is not None:
        return True
    rows = draft.about(Notification, incident.id)
    return any(row.kind is Kind.PAGE and row.state is NotificationState.ACCEPTED for row in rows)


def over(draft: Draft, incident: Incident) -> bool:
    """Tell whether an incident that flapped has been the same for long enough, also where the clock was set back."""
    last = max(incident.turns, default=draft.now)
    return not last <= draft.now < last + draft.plan.flapping.within


def calmed(draft: Draft, incident: Incident) -> Incident:
    """Return the incident, flapping no more."""
    draft.note(incident.id, "flapping_over", "it stays as it is now")
    return draft.put(replace(incident, flapping=None, turns=(), intermittent=False, changed_at=draft.now))
