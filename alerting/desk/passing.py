"""The passing of time: everything that becomes due by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.desk import (
    acknowledgement,
    bundling,
    clocks,
    flapping,
    maintenance,
    next_channel,
    paging,
    publishing,
    self_test,
    silences,
    waiting,
    warning,
)
from alerting.desk.facts import goes_on_as
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.incidents.maintenance import Maintenance, Window
from alerting.incidents.silence import Silence
from alerting.inputs import Tick
from alerting.notification import Notification
from alerting.state import HELD, Record, State
from alerting.tickets.ticket import Ticket

BUSY: Final[tuple[type[Record], ...]] = (
    Incident,
    Ticket,
    Announcement,
    Silence,
    Maintenance,
    Window,
    Notification,
)


def tick(draft: Draft, _given: Tick) -> str:
    """Do what is due by `now`, in this order: maintenances, silences, what flaps, what waits for its cause,
    acknowledgements, steps, what waits for others, channels that hang, tickets, customers, closing.
    """
    maintenance.clock(draft)
    silences.refresh(draft)
    flapping.pass_time(draft)
    waiting.expire(draft)
    waiting.outlived(draft)
    warning.before_silences_end(draft)
    acknowledgement.lapse(draft)
    for incident in list(draft.all(Incident, lambda incident: incident.state.active)):
        paging.run(draft, incident)
    bundling.hasten(draft)
    next_channel.overdue(draft)
    self_test.expire(draft)
    clocks.strike(draft)
    publishing.clock(draft)
    _close(draft)
    return ""


def _close(draft: Draft) -> None:
    """Close what can no longer be reopened under its number."""
    for incident in list(draft.all(Incident, lambda incident: incident.state is IncidentState.RESOLVED)):
        over = incident.resolved_at
        if over is None or draft.now - over < draft.plan.reopen_within:
            continue
        goes_on = goes_on_as(draft, incident)
        if goes_on.id != incident.id and goes_on.state is not IncidentState.CLOSED:
            continue  # who was told of it is told of the end of what it was merged into
        draft.put(replace(incident, state=IncidentState.CLOSED, closed_at=draft.now, changed_at=draft.now))
        draft.note(incident.id, "closed", "it can no longer be reopened")


def busy(state: State) -> bool:
    """True while the passing of time can change anything; an idle desk need not be woken."""
    return any(state.records[kind] for kind in BUSY) or bool(state.about(Alert, HELD))
