"""Records as the API shows them: explicit fields, bare ids, times in RFC 3339 UTC. Never a whole record as it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.desk.preview import Preview
from alerting.incidents.incident import Entry, Incident
from alerting.incidents.maintenance import Maintenance, Window, WindowState
from alerting.incidents.silence import Silence
from alerting.notification import Notification, Receipt
from alerting.oncall.rota import OnCall
from alerting.plan import CheckPlan, ServicePlan
from alerting.tickets.ticket import Ticket
from config.model import Check
from monitor.engine.history import Track
from monitor.store.page import Token
from probes.sample import Sample

View = dict[str, Any]
NOTHING: Mapping[str, str] = MappingProxyType({})


def instant(at: datetime | None) -> str | None:
    """Write a time in RFC 3339, in UTC, with a Z."""
    return None if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def amount(value: float | None) -> float | None:
    """Return a number JSON can carry; NaN and the infinities are None."""
    return value if value is not None and math.isfinite(value) else None


def incident(
    record: Incident, alerts: Iterable[Alert], timeline: Iterable[Entry], why: Mapping[str, str] = NOTHING
) -> View:
    """Show an incident, its alerts and its timeline. `why` says of alerts that are suppressed why they are."""
    known = {one.id: one for one in alerts if one.incident == record.id}
    held = record.acknowledgement
    return {
        "id": record.id,
        "title": record.title,
        "state": record.state.value,
        "severity": record.severity.value,
        "services": list(record.services),
        "cause": {
            "service": record.cause.service,
            "check": record.cause.check,
            "alert": record.cause.alert,
        },
        "symptoms": list(record.symptoms),
        "host": record.host,
        "owner": record.owner,
        "since": instant(record.since),
        "opened_at": instant(record.opened_at),
        "acknowledged_at": instant(held.at) if held else None,
        "acknowledged_by": (held.by or None) if held else None,
        "acknowledged_until": instant(held.until) if held else None,
        "acknowledged_via": held.via if held else None,
        "recovering_at": instant(record.recovering_at),
        "resolved_at": instant(record.resolved_at),
        "closed_at": instant(record.closed_at),
        "reason": record.reason.value if record.reason else None,
        "opening": record.opening,
        "quiet": record.quiet or None,
        "flapping": record.flapping is not None,
        "merged_into": record.merged_into,
        "ticket": record.ticket,
        "announcement": record.announcement,
        "alerts": [
            alert(known.get(key), key, why.get(key, "")) for key in dict.fromkeys((*record.alerts, *known))
        ],
        "timeline": [entry(line) for line in timeline],
    }


def alert(record: Alert | None, key: str, suppressed: str = "") -> View:
    """Show an alert, and why it is suppressed where it is.

    Of one whose record now belongs to another incident only its name is left.
    """
    check, _, rest = key.partition("/")
    threshold, _, part = rest.partition("/")
    if record is None:
        named = {"id": key, "check": check, "threshold": threshold, "part": part or None}
        return named | dict.fromkeys(
            (
                *("state", "severity", "impact", "value", "message", "error"),
                *("since", "fired_at", "resolved_at", "suppressed"),
            )
        )
    return {
        "id": record.id,
        "check": record.key.check,
        "threshold": record.key.threshold,
        "part": record.key.part or None,
        "state": record.state.value,
        "severity": record.severity.value,
        "impact": record.impact.value,
        "value": amount(record.value),
        "message": record.message,
        "error": record.error or None,
        "since": instant(record.since),
        "fired_at": instant(record.fired_at),
        "resolved_at": instant(record.resolved_at),
        "suppressed": suppressed or record.suppressed or None,
    }


def entry(record: Entry) -> View:
    """Show a line of a timeline."""
    return {
        "id": record.id,
        "at": instant(record.at),
        "event": record.event,
        "text": record.text,
        "who": record.who,
        "data": dict(record.data),
    }


def ticket(record: Ticket) -> View:
    """Show a ticket; `breached` names the clocks that lapsed."""
    return {
        "id": record.id,
        "title": record.title,
        "incident": record.incident,
        "service": record.service,
        "class": record.ticket_class.value,
        "state": record.state.value,
        "assignee": record.assignee,
        "text": record.text,
        "opened_at": instant(record.opened_at),
        "respond_by": instant(record.respond_by),
        "responded_at": instant(record.responded_at),
        "resolve_by": instant(record.resolve_by),
        "resolved_at": instant(record.resolved_at),
        "closed_at": instant(record.closed_at),
        "breached": list(record.breached),
    }


def announcement(record: Announcement) -> View:
    """Show an announcement: `text` is what its last update says, `waiting` the services nobody approved yet."""
    return {
        "id": record.id,
        "incident": record.incident or None,
        "maintenance": record.maintenance or None,
        "services": list(record.services),
        "waiting": list(record.waiting),
        "state": record.state.value,
        "impact": record.impact,
        "text": dict(record.updates[-1].text) if record.updates else {},
        "began_at": instant(record.began_at),
        "created_at": instant(record.created_at),
        "expected_recovery_at": instant(record.expected_recovery_at),
        "estimated": record.estimated,
        "next_update_at": instant(record.next_update_at),
        "page_at": instant(record.page_at),
        "push_at": instant(record.push_at),
        "published_at": instant(record.published_at),
        "pushed_at": instant(record.pushed_at),
        "recovered_at": instant(record.recovered_at),
        "resolved_at": instant(record.resolved_at),
        "withdrawn": record.withdrawn,
        "approved_by": record.by or None,
        "updates": [
            {"at": instant(update.at), "state": update.state.value, "text": dict(update.text)}
            for update in record.updates
        ],
    }


def notification(record: Notification) -> View:
    """Show a notification without its text: that holds the link with which its reader acknowledges."""
    return {
        "id": record.id,
        "kind": record.kind.value,
        "incident": record.incident,
        "ticket": record.ticket,
        "announcement": record.announcement,
        "to": record.to,
        "channel": record.channel,
        "state": record.state.value,
        "attempts": record.attempts,
        "dedup_key": record.dedup_key,
        "reason": record.reason.value if record.reason else None,
        "detail": record.detail,
        "title": record.title,
        "severity": record.severity.value,
        "services": list(record.services),
        "step": record.step or None,
        "created_at": instant(record.created_at),
        "not_before": instant(record.not_before),
        "not_after": instant(record.not_after),
    }


def receipt(record: Receipt) -> View:
    """Show what came of an attempt to deliver."""
    return {
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "detail": record.detail,
        "provider_id": record.provider_id or None,
        "attempt": record.attempt,
        "at": instant(record.at),
    }


def silence(record: Silence, now: datetime) -> View:
    """Show a silence; its state follows from the time."""
    state = "active" if record.active(now) else "pending" if now < record.starts_at else "ended"
    return {
        "id": record.id,
        "state": state,
        "matchers": dict(record.matchers),
        "author": record.author,
        "reason": record.reason,
        "starts_at": instant(record.starts_at),
        "ends_at": instant(record.ends_at),
        "created_at": instant(record.created_at),
        "warned_at": instant(record.warned_at),
        "configured": bool(record.origin),
    }


def preview(found: Preview) -> View:
    """Show what a silence would hit."""
    return {
        "alerts": list(found.alerts),
        "incidents": list(found.incidents),
        "muted": list(found.muted),
        "checks": list(found.checks),
        "services": list(found.services),
    }


def maintenance(record: Maintenance, windows: Iterable[Window]) -> View:
    """Show planned work and its windows, the newest first; lengths of time are in seconds."""
    work, shown = record.work, list(windows)
    live = {one.state for one in shown if one.state.live}
    to_come = live or (record.next_at is not None and not record.over)
    return {
        "id": record.id,
        "state": "active" if WindowState.ACTIVE in live else "planned" if to_come else "over",
        "services": list(work.services),
        "checks": list(work.checks),
        "dependents": work.dependents,
        "reason": work.reason,
        "author": work.author,
        "starts_at": instant(work.starts_at),
        "length": work.length.total_seconds(),
        "every": work.every.total_seconds() if work.every else None,
        "timezone": work.zone,
        "announce": work.announce.total_seconds() if work.announce is not None else None,
        "next_at": instant(record.next_at),
        "created_at": instant(record.created_at),
        "configured": bool(record.origin),
        "windows": [window(one) for one in shown],
    }


def window(record: Window) -> View:
    """Show a window: what was planned, and what it really took."""
    return {
        "id": record.id,
        "state": record.state.value,
        "services": list(record.services),
        "checks": list(record.checks),
        "starts_at": instant(record.starts_at),
        "ends_at": instant(record.ends_at),
        "began_at": instant(record.began_at),
        "ended_at": instant(record.ended_at),
        "announcement": record.announcement,
    }


def check(configured: Check, plan: CheckPlan | None, sample: Sample | None, suppressed: str = "") -> View:
    """Show a check and its last sample; before the first run everything of the sample is None or empty.

    `suppressed` says why an alert of it that fires is quiet.
    """
    return {
        "name": configured.name,
        "probe": configured.probe.KIND,
        "host": plan.host if plan else None,
        "services": list(plan.services) if plan else [],
        "labels": dict(plan.labels) if plan else {},
        "every": configured.every,
        "suppressed": suppressed or None,
        "outcome": sample.outcome.value if sample else None,
        "values": _amounts(sample.values) if sample else {},
        "parts": {name: _amounts(values) for name, values in sample.parts.items()} if sample else {},
        "phases": _amounts(sample.phases) if sample else {},
        "error": sample.error.value if sample and sample.error else None,
        "message": sample.message if sample else "",
        "at": instant(sample.at) if sample else None,
        "duration": amount(sample.duration) if sample else None,
    }


def history(track: Track | None) -> View:
    """Show what the last runs of a check came to, the oldest first, and the account of its last failure."""
    failure = track.failure if track is not None else None
    return {
        "history": [
            {
                "at": instant(past.at),
                "outcome": past.outcome.value,
                "duration": amount(round(past.duration, 6)),
            }
            for past in track or ()
        ],
        "last_failure": {
            "at": instant(failure.at),
            "outcome": failure.outcome.value,
            "error": failure.error.value if failure.error else None,
            "message": failure.message,
            "log": list(failure.log),
        }
        if failure
        else None,
    }


def service(record: ServicePlan, public_state: str | None) -> View:
    """Show a service; `public_state` is what customers read of it, None where it is not public."""
    return {
        "id": record.id,
        "title": dict(record.title),
        "checks": list(record.checks),
        "depends_on": list(record.depends_on),
        "owner": record.owner,
        "escalation": record.escalation,
        "public": record.public,
        "public_state": public_state,
    }


def on_call(found: OnCall) -> View:
    """Show who is on call."""
    return {
        "rota": found.rota,
        "at": instant(found.at),
        "shift": found.shift,
        "people": list(found.people),
        "backup": list(found.backup),
        "until": instant(found.until),
    }


def token(record: Token) -> View:
    """Show a token: its name and role, never itself."""
    return {"name": record.name, "role": record.role, "created_at": instant(record.created_at)}


def _amounts(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: amount(value) for name, value in values.items()}
