"""Is a notification still wanted? Asked right before it is sent: the world has moved on since it was queued."""

from __future__ import annotations

from datetime import datetime

from alerting.incidents.incident import Incident, IncidentState
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.severity import Severity
from alerting.state import State


def unwanted(state: State, row: Notification, now: datetime) -> Reason | None:
    """Return why `row` must not be sent any more, None while it is wanted."""
    if now >= row.not_after:
        return Reason.TOO_LATE
    known = state.records[Notification].get(row.id)
    if isinstance(known, Notification) and known.state is NotificationState.CANCELLED:
        return known.reason or Reason.OVER  # called off after it was claimed
    if row.kind is Kind.ANNOUNCEMENT:
        # Called off while it was being sent, and forgotten since with its incident: newer words have gone out.
        return Reason.OVER if known is None else None
    if row.incident is None:
        return None
    incident = state.records[Incident].get(row.incident)
    if not isinstance(incident, Incident):
        return Reason.OVER if row.kind is Kind.PAGE else None
    ended = incident.resolved_at
    match row.kind:
        case Kind.REMINDER | Kind.TICKET if ended is not None and row.created_at < ended:
            return Reason.OVER
        case Kind.PAGE if not incident.state.active:
            return Reason.OVER
        case Kind.PAGE if row.by_hand:
            return None
        case Kind.PAGE if incident.acknowledgement is not None:
            return Reason.ACKNOWLEDGED
        case Kind.PAGE if incident.quiet:
            return Reason.SILENCED
        case Kind.PAGE if incident.severity is not Severity.CRITICAL:
            return Reason.OVER
        case Kind.RECOVERY if incident.state not in (IncidentState.RESOLVED, IncidentState.CLOSED):
            return Reason.RELAPSED
        case _:
            return None
