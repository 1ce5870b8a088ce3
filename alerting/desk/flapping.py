"""What flaps, as time passes: customers read that it is intermittent, and staff hears what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.announcements.announcement import AnnouncementState
from alerting.desk import alarm, customers, outward, paging, settling, turning
from alerting.desk.facts import live_alerts, live_symptoms
from alerting.draft import Draft
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.severity import Impact

LONG: Final = timedelta(minutes=10)
"""What flaps for so long is degraded for customers."""


def pass_time(draft: Draft) -> None:
    """End what has flapped, with the truth; tell customers of what goes on."""
    for incident in list(draft.all(Incident, lambda one: one.flapping is not None and one.state.active)):
        if turning.over(draft, incident):
            _tell_the_truth(draft, turning.calmed(draft, incident))
        elif not incident.intermittent and incident.flapping and draft.now - incident.flapping >= LONG:
            _say_so(draft, incident)


def _tell_the_truth(draft: Draft, incident: Incident) -> None:
    """Still bad: it pages, unless somebody is on it. Good: it ends, and whoever was told hears so."""
    if not any(live_alerts(draft, incident)) and not any(live_symptoms(draft, incident)):
        settling.end(draft, incident, EndReason.RECOVERED, anew=True)
    elif incident.state is IncidentState.RECOVERING:
        paging.start(draft, incident)  # held until it is bad again
        customers.eased(draft, incident)
    elif not incident.quiet:
        alarm.start(draft, incident)


def _say_so(draft: Draft, incident: Incident) -> None:
    incident = draft.put(replace(incident, intermittent=True))
    known = customers.live(draft, incident)
    if known is None or incident.quiet:
        return
    fresh = replace(known, impact=Impact.DEGRADED.value, next_update_at=draft.now + draft.plan.next_update)
    found = known.state is AnnouncementState.IDENTIFIED
    state = AnnouncementState.IDENTIFIED if found else AnnouncementState.INVESTIGATING
    fresh = outward.updated(draft, fresh, state, outward.words(draft, fresh, "intermittent"))
    draft.note(
        incident.id, "announcement", f"{fresh.id} updated: intermittent", data={"announcement": fresh.id}
    )
    outward.push_to_the_told(draft, fresh)
