"""Silences: what they mute now, and what happens when one begins or ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.alert import Alert
from alerting.desk import alarm, messages, paging
from alerting.desk.facts import active_alerts, live_alerts
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.matching import fits
from alerting.incidents.silence import Silence
from alerting.inputs import AddSilence, EndSilence, Refusal, Refused
from alerting.notification import Kind, Reason

LONGEST: Final = timedelta(days=90)
TEXT: Final = 500


def add(draft: Draft, given: AddSilence) -> str:
    """Make a silence; what it fits goes quiet at once."""
    starts = given.starts_at or draft.now
    if not given.matchers:
        raise Refused(Refusal.INVALID, "cannot silence: name at least one matcher, such as check=shop")
    if not given.author.strip() or not given.reason.strip():
        raise Refused(Refusal.INVALID, "cannot silence: an author and a reason are needed")
    if given.ends_at <= max(starts, draft.now):
        raise Refused(Refusal.INVALID, "cannot silence: it would end before it begins")
    if given.ends_at - starts > LONGEST:
        raise Refused(
            Refusal.INVALID, "cannot silence for longer than 90 days: forgotten silences hide outages"
        )
    silence = draft.put(
        Silence(
            id=draft.number("S"),
            matchers=dict(given.matchers),
            author=given.author[:TEXT],
            reason=given.reason[:TEXT],
            starts_at=starts,
            ends_at=given.ends_at,
            created_at=draft.now,
        )
    )
    refresh(draft)
    return silence.id


def end(draft: Draft, given: EndSilence) -> str:
    """End a silence now; what still fires pages at once."""
    silence = draft.get(Silence, given.silence)
    if silence is None:
        raise Refused(Refusal.UNKNOWN, f"cannot end {given.silence}: there is no such silence")
    if silence.ends_at <= draft.now:
        raise Refused(Refusal.CONFLICT, f"cannot end {silence.id}: it is over")
    draft.put(replace(silence, ends_at=draft.now))
    refresh(draft)
    return silence.id


def refresh(draft: Draft) -> None:
    """See for every incident going on whether it is still, or newly, muted.

    One may be muted by a silence that is no longer there: it ended while the daemon was not running.
    """
    known = list(draft.all(Silence))
    for silence in known:
        if silence.ends_at <= draft.now and not silence.over:
            draft.put(replace(silence, over=True))
    for incident in list(draft.all(Incident, lambda one: one.state.active and bool(known or one.quiet))):
        was = incident.quiet
        now = apply(draft, incident)
        if was and not now.quiet:
            draft.note(now.id, "unmuted", "the silence is over and it is still bad")
            alarm.start(draft, now)
        elif now.quiet and not was:
            paging.stop(draft, now)
            messages.cancel(draft, now.id, (Kind.PAGE, Kind.REMINDER), Reason.SILENCED)


def apply(draft: Draft, incident: Incident) -> Incident:
    """Return the incident, marked as muted where silences cover every one of its active alerts."""
    quiet = _quiet(draft, incident)
    if quiet == incident.quiet:
        return incident
    if quiet:
        draft.note(incident.id, "muted", f"quiet by {quiet}")
    return draft.put(replace(incident, quiet=quiet))


def joined(draft: Draft, incident: Incident, alert: Alert) -> Incident:
    """Return the incident an alert has joined, no longer muted where no silence covers that one."""
    if incident.quiet and not _covering(draft, alert, incident):
        return draft.put(replace(incident, quiet=""))
    return incident


def _quiet(draft: Draft, incident: Incident) -> str:
    """Return the silence of the worst alert where each is covered by one; empty otherwise."""
    if next(draft.all(Silence), None) is None:
        return ""
    reasons: dict[str, str] = {}
    for alert in live_alerts(draft, incident):  # unsorted: the first that is not covered decides
        reasons[alert.id] = _covering(draft, alert, incident)
        if not reasons[alert.id]:
            return ""
    return reasons[active_alerts(draft, incident)[0].id] if reasons else ""


def _covering(draft: Draft, alert: Alert, incident: Incident) -> str:
    traits = _traits(draft, alert, incident)
    for silence in draft.all(Silence, lambda silence: silence.active(draft.now)):
        if fits(silence, traits):
            return f"{silence.id} ({silence.author}: {silence.reason})"
    return ""


def _traits(draft: Draft, alert: Alert, incident: Incident) -> Mapping[str, Iterable[str]]:
    check = draft.plan.checks.get(alert.key.check)
    labels = {name: (value,) for name, value in check.labels.items()} if check else {}
    return {
        **labels,
        "check": (alert.key.check,),
        "probe": (check.probe,) if check else (),
        "threshold": (alert.key.threshold,),
        "part": (alert.key.part,),
        "severity": (alert.severity.value,),
        "service": check.services if check else (),
        "host": (check.host,) if check else (incident.host,),
        "incident": (incident.id,),
    }
