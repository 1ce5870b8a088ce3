"""Silences: made, changed, ended, warned of, and which incidents are muted; see `suppression` for why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert
from alerting.desk import alarm, messages, paging, suppression
from alerting.desk.facts import active_alerts, live_alerts
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.silence import Silence
from alerting.inputs import AddSilence, ChangeSilence, EndSilence, Refusal, Refused
from alerting.notification import Kind, Reason

LONGEST: Final = timedelta(days=90)
TEXT: Final = 500
GRACE: Final = timedelta(minutes=2)
"""How long what was inhibited may stay bad after its inhibitor ended, before it pages by itself."""


def add(draft: Draft, given: AddSilence) -> str:
    """Make a silence; what it fits goes quiet at once."""
    starts = given.starts_at or draft.now
    if not given.author.strip() or not given.reason.strip():
        raise Refused(Refusal.INVALID, "cannot silence: an author and a reason are needed")
    check_matchers(given.matchers)
    _check_times(draft, starts, given.ends_at)
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


def check_matchers(matchers: Mapping[str, str]) -> None:
    """Raise Refused for a silence over everything."""
    if not matchers:
        raise Refused(Refusal.INVALID, "cannot silence: name at least one matcher, such as check=shop")


def _check_times(draft: Draft, starts: datetime, ends: datetime) -> None:
    if ends <= max(starts, draft.now):
        raise Refused(Refusal.INVALID, "cannot silence: it would end before it begins")
    if ends - starts > LONGEST:
        raise Refused(
            Refusal.INVALID, "cannot silence for longer than 90 days: forgotten silences hide outages"
        )


def change(draft: Draft, given: ChangeSilence) -> str:
    """Let a silence end at another time, or give it another reason. What is over stays over."""
    silence = _standing(draft, given.silence, "change")
    ends = given.ends_at or silence.ends_at
    _check_times(draft, silence.starts_at, ends)
    if given.reason is not None and not given.reason.strip():
        raise Refused(Refusal.INVALID, f"cannot change {silence.id}: a reason is needed")
    draft.put(
        replace(
            silence,
            ends_at=ends,
            reason=(given.reason or silence.reason)[:TEXT],
            warned_at=silence.warned_at if ends == silence.ends_at else None,
        )
    )
    refresh(draft)
    return silence.id


def end(draft: Draft, given: EndSilence) -> str:
    """End a silence now; what still fires pages at once."""
    silence = _standing(draft, given.silence, "end")
    draft.put(replace(silence, ends_at=draft.now))
    refresh(draft)
    return silence.id


def _standing(draft: Draft, number: str, verb: str) -> Silence:
    silence = draft.get(Silence, number)
    if silence is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {number}: there is no such silence")
    if silence.ends_at <= draft.now:
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {number}: it is over")
    if silence.origin:
        raise Refused(
            Refusal.CONFLICT,
            f"cannot {verb} {number}: it stands in the configuration; change it there and reload",
        )
    return silence


def refresh(draft: Draft) -> None:
    """See for every incident going on whether it is still, or newly, muted.

    One may be muted by a silence that is no longer there: it ended while the daemon was not running.
    """
    for silence in list(draft.all(Silence)):
        if silence.ends_at <= draft.now and not silence.over:
            draft.put(replace(silence, over=True))
    possible = suppression.possible(draft)
    seen: suppression.Sources = {}
    for incident in list(draft.all(Incident, lambda one: one.state.active and (possible or bool(one.quiet)))):
        was = incident.quiet
        now = apply(draft, incident, grace=True, seen=seen)
        if was and not now.quiet:
            draft.note(now.id, "unmuted", "nothing mutes it any more and it is still bad")
            alarm.start(draft, now)
        elif now.quiet and not was:
            paging.stop(draft, now)
            messages.cancel(draft, now.id, (Kind.PAGE, Kind.REMINDER), Reason.SILENCED)


def apply(
    draft: Draft, incident: Incident, *, grace: bool = False, seen: suppression.Sources | None = None
) -> Incident:
    """Return the incident, marked as muted where every one of its active alerts is suppressed.

    `grace`: what was inhibited and is no more stays quiet for `GRACE`: what it hung on has only just come back.
    """
    quiet = _quiet(draft, incident, seen)
    if quiet:
        if quiet != incident.quiet:
            draft.note(incident.id, "muted", f"quiet by {quiet}")
        if (quiet, None) != (incident.quiet, incident.quiet_until):
            incident = draft.put(replace(incident, quiet=quiet, quiet_until=None))
        return incident
    if not incident.quiet:
        return incident
    if grace and incident.quiet.startswith(suppression.INHIBITED):
        if incident.quiet_until is None:
            draft.note(incident.id, "unmuting", f"no longer {incident.quiet}: it has two minutes to end too")
            return draft.put(replace(incident, quiet_until=draft.now + GRACE))
        if draft.now < incident.quiet_until:
            return incident
    return draft.put(replace(incident, quiet="", quiet_until=None))


def joined(draft: Draft, incident: Incident, alert: Alert) -> Incident:
    """Return the incident an alert has joined, no longer muted where that one is not suppressed."""
    if incident.quiet and not suppression.why(draft, alert, incident):
        return draft.put(replace(incident, quiet="", quiet_until=None))
    return incident


def _quiet(draft: Draft, incident: Incident, seen: suppression.Sources | None) -> str:
    """Return why the worst alert is suppressed where each of them is; empty otherwise."""
    if not suppression.possible(draft):
        return ""
    reasons: dict[str, str] = {}
    seen = {} if seen is None else seen
    for alert in live_alerts(draft, incident):  # unsorted: the first that is not covered decides
        reasons[alert.id] = suppression.why(draft, alert, incident, seen=seen)
        if not reasons[alert.id]:
            return ""
    return reasons[active_alerts(draft, incident)[0].id] if reasons else ""
