"""What people say to an incident: I am on it, it is over, call the next one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.desk import acknowledgement, messages, paging, settling, work
from alerting.desk.facts import goes_on_as, name_of
from alerting.draft import Draft
from alerting.incidents.incident import Acknowledgement, EndReason, Incident
from alerting.inputs import Acknowledge, Escalate, Refusal, Refused, Resolve
from alerting.notification import Kind, Reason
from alerting.wording.times import length

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=7)


def acknowledge(draft: Draft, given: Acknowledge) -> str:
    """Stop paging for a while: the ticket is answered, pages not yet sent are called off.

    Said twice it renews the first one. Too late it is refused: it can never bring back what is over.
    """
    named = draft.get(Incident, given.incident)
    incident = _active(draft, goes_on_as(draft, named).id if named else given.incident, "acknowledge")
    if incident.id == given.incident and not incident.sent(given.step):
        raise Refused(
            Refusal.CONFLICT, f"cannot acknowledge {incident.id}: this link is from before it came back"
        )
    lasting = given.lasting or draft.plan.acknowledged_for
    if not SHORTEST <= lasting <= LONGEST:
        raise Refused(Refusal.INVALID, f"cannot acknowledge {incident.id}: say between 1m and 7d")
    former = incident.acknowledgement
    who = given.by or (former.by if former else "")
    until = draft.now + lasting
    if former is not None and given.lasting is None:
        until = max(until, former.until)  # a link followed later does not take back "for two hours"
    incident = draft.put(
        replace(
            incident,
            acknowledgement=Acknowledgement(by=who, at=draft.now, until=until, via=given.via),
            changed_at=draft.now,
        )
    )
    draft.note(
        incident.id,
        "acknowledged",
        f"acknowledged for {length(until - draft.now, 'en')} by {given.via}" + _instead(draft, former, who),
        who=name_of(draft, given.by) or given.via,
        data={"by": who, "via": given.via},
    )
    paging.stop(draft, incident)
    kinds = (Kind.PAGE, Kind.REMINDER)
    messages.cancel(draft, incident.id, kinds, Reason.ACKNOWLEDGED, asked_for=False)
    if given.by is not None:
        messages.cancel(draft, incident.id, kinds, Reason.ACKNOWLEDGED, to=given.by)
    work.respond(draft, incident, given.by)
    return incident.id


def _instead(draft: Draft, former: Acknowledgement | None, who: str) -> str:
    if former is None:
        return ""
    return (
        " (renewed)" if former.by == who else f" (taken over from {name_of(draft, former.by) or former.via})"
    )


def resolve(draft: Draft, given: Resolve) -> str:
    """End an incident by a person's word. Its alerts go on being watched; a new one opens a new incident."""
    incident = _active(draft, given.incident, "resolve")
    reason = EndReason.FALSE_ALARM if given.false_alarm else EndReason.RECOVERED
    settling.end(draft, incident, reason, by=name_of(draft, given.by) or "api", note=given.note)
    return incident.id


def escalate(draft: Draft, given: Escalate) -> str:
    """Take the next step of the policy now."""
    incident = _active(draft, given.incident, "escalate")
    draft.note(
        incident.id, "escalated", "the next step is taken by hand", who=name_of(draft, given.by) or "api"
    )
    if not paging.take_next(draft, incident):
        raise Refused(Refusal.CONFLICT, f"cannot escalate {incident.id}: there is nobody to page")
    acknowledgement.renew(draft, incident.id)
    return incident.id


def _active(draft: Draft, number: str, verb: str) -> Incident:
    incident = draft.get(Incident, number)
    if incident is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {number}: there is no such open incident")
    if not incident.state.active:
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {number}: it is over")
    return incident
