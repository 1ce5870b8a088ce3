"""Before a silence ends: somebody hears that what it mutes is still bad, once, and without hurry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alerting.alert import Alert, AlertState
from alerting.desk import duty, messages, suppression
from alerting.desk.facts import language_of, live_alerts
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.matching import fits
from alerting.incidents.silence import Silence
from alerting.notification import Kind
from alerting.wording.staff import reminder
from alerting.wording.times import clock_time


def before_silences_end(draft: Draft) -> None:
    """Tell the author of each silence that ends soon, else who is on duty, what will page then.

    Nobody is warned of one so short that its author has only just made it.
    """
    for silence in list(draft.all(Silence, lambda silence: silence.warned_at is None)):
        lead = draft.plan.warn_silence
        if not silence.active(draft.now) or silence.ends_at - draft.now > lead:
            continue
        if silence.ends_at - silence.starts_at <= lead:
            continue
        muted = sorted(_muted(draft, silence), key=lambda incident: incident.opened_at)
        if muted:
            _warn(draft, silence, muted)
            draft.put(replace(silence, warned_at=draft.now))


def _muted(draft: Draft, silence: Silence) -> Iterator[Incident]:
    """Iterate over the incidents that page when it ends, as things are."""
    for incident in draft.all(Incident, lambda one: one.state.active and bool(one.quiet)):
        firing = (alert for alert in live_alerts(draft, incident) if alert.state is AlertState.FIRING)
        if any(_hangs_on(draft, silence, alert, incident) for alert in firing):
            yield incident


def _hangs_on(draft: Draft, silence: Silence, alert: Alert, incident: Incident) -> bool:
    """Tell whether nothing else mutes an alert at the end of a silence."""
    if not fits(silence, suppression.traits(draft, alert, incident)):
        return False
    return not suppression.why(draft, alert, incident, at=silence.ends_at)


def _warn(draft: Draft, silence: Silence, muted: list[Incident]) -> None:
    worst = max(muted, key=lambda incident: incident.severity.rank)  # of equals the oldest
    known = silence.author in draft.plan.people and duty.channels_of(draft, silence.author)
    for person in (silence.author,) if known else duty.on_duty(draft, worst.owner):
        text = reminder(
            "silence_ends_more" if len(muted) > 1 else "silence_ends",
            language_of(draft, person),
            silence=silence.id,
            ends=clock_time(silence.ends_at, draft.plan.site.zone),
            id=worst.id,
            title=worst.title,
            more=str(len(muted) - 1),
        )
        key = f"{silence.id}.{silence.ends_at.isoformat()}"
        messages.remind(draft, worst, person, key, text, kind=Kind.TICKET)
    for incident in muted:
        draft.note(incident.id, "silence_ends", f"{silence.id} ends soon and this is still bad")
