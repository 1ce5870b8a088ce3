"""An acknowledgement in time: renewed by any activity, and what happens when it runs out."""

from __future__ import annotations

from dataclasses import replace

from alerting.desk import duty, messages, paging
from alerting.desk.facts import language_of
from alerting.draft import Draft
from alerting.incidents.incident import Acknowledgement, Incident
from alerting.severity import Severity
from alerting.wording.staff import reminder
from alerting.wording.times import length


def renew(draft: Draft, incident: str | None) -> None:
    """Let any activity of a person on the incident renew its acknowledgement."""
    known = draft.get(Incident, incident)
    if known is None or known.acknowledgement is None or not known.state.active:
        return
    until = max(known.acknowledgement.until, draft.now + draft.plan.acknowledged_for)
    renewed = replace(known.acknowledgement, until=until, reminded_at=None)
    if renewed != known.acknowledgement:
        draft.put(replace(known, acknowledgement=renewed))


def lapse(draft: Draft) -> None:
    """Remind whose acknowledgement ran out; without an answer escalation goes on from step one.

    Only where there is one to go on: of a warning, or while it is muted, nobody is reminded.
    """
    for incident in list(draft.all(Incident, lambda one: one.state.active and not one.quiet)):
        said = incident.acknowledgement
        if said is None or draft.now < said.until or incident.severity is not Severity.CRITICAL:
            continue
        if said.reminded_at is None:
            _remind(draft, incident, said)
        elif draft.now - said.reminded_at >= draft.plan.grace:
            draft.note(incident.id, "acknowledgement_lapsed", "nobody renewed it: escalation goes on")
            paging.start(draft, draft.put(replace(incident, acknowledgement=None, changed_at=draft.now)))


def _remind(draft: Draft, incident: Incident, said: Acknowledgement) -> None:
    people = (said.by,) if said.by in draft.plan.people else duty.on_duty(draft, incident.owner)
    for person in people:
        language = language_of(draft, person)
        text = reminder(
            "ack_lapsed",
            language,
            id=incident.id,
            title=incident.title,
            grace=length(draft.plan.grace, language),
        )
        messages.remind(draft, incident, person, f"ack.{said.until.isoformat()}", text)
    draft.note(incident.id, "acknowledgement_due", "the acknowledgement ran out, a reminder is sent")
    draft.put(replace(incident, acknowledgement=replace(said, reminded_at=draft.now)))
