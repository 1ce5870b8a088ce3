"""Paging: an incident's way through its escalation policy, step by step, until somebody acknowledges.

Each due step becomes one notification per person, on the first channel of that person's order. A step that
reaches nobody new does not cost its delay: the next one is taken at once. After the last step the whole
begins again. A provider's OK never stops it; only an acknowledgement, the end or a silence does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.altered import altered
from alerting.desk import duty
from alerting.desk.facts import language_of, name_of, staff_facts
from alerting.desk.messages import cancel, tell
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.oncall.escalation import Escalation
from alerting.severity import Severity
from alerting.state import merged_key
from alerting.wording import staff

PAGE_LIVES: Final = timedelta(hours=24)
"""How long a page is worth delivering; it is cancelled earlier when it is no longer wanted."""
SHORTEST_REPEAT: Final = timedelta(minutes=1)


def start(draft: Draft, incident: Incident, *, worse: bool = False) -> None:
    """Begin at step one, now; a former round of the same incident keeps its numbers apart.

    `worse` has the pages say that it has become worse. What is acknowledged waits until that runs out.
    """
    if incident.severity is not Severity.CRITICAL or incident.acknowledgement is not None:
        return
    escalation = _fresh(draft, incident)
    if escalation is None:
        draft.note(
            incident.id, "nobody", "nobody is paged: no escalation policy and no people are configured"
        )
        return
    draft.put(escalation)
    run(draft, incident, worse=worse)


def _fresh(draft: Draft, incident: Incident) -> Escalation | None:
    policy = duty.policy_for(draft, incident)
    former = draft.get(Escalation, incident.id)
    known = (
        policy or former
    )  # a reload may have taken every policy away: the steps it had are better than none
    if known is None:
        return None
    return Escalation(
        id=incident.id,
        steps=known.steps,
        repeat=max(known.repeat, SHORTEST_REPEAT),
        base=draft.now,
        round=next_round(draft, incident),
        due_at=draft.now + known.steps[0].after,
        paused_at=draft.now if incident.state is IncidentState.RECOVERING else None,
    )


def next_round(draft: Draft, incident: Incident) -> int:
    """Return the number of the round that begins when the incident is paged from step one."""
    former = draft.get(Escalation, incident.id)
    return former.round + 1 if former else 1


def revive(draft: Draft, incident: Incident) -> None:
    """Begin where nobody could be paged so far, and a new plan has somebody who can."""
    if incident.severity is not Severity.CRITICAL or not wanted(incident):
        return
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.due_at is not None and not escalation.nobody:
        return
    policy = duty.policy_for(draft, incident)
    if policy is not None and duty.anybody(draft, policy.steps):
        start(draft, incident)


def pause(draft: Draft, incident: Incident) -> None:
    """Hold the clock of the escalation."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.paused_at is None:
        draft.put(replace(escalation, paused_at=draft.now))


def resume(draft: Draft, incident: Incident) -> None:
    """Let the clock go on where it was held, and take what is due."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.paused_at is not None:
        held = draft.now - escalation.paused_at
        due = escalation.due_at + held if escalation.due_at else None
        draft.put(replace(escalation, paused_at=None, base=escalation.base + held, due_at=due))
    run(draft, incident)


def stop(draft: Draft, incident: Incident) -> None:
    """End the escalation; it can be started again."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.due_at is not None:
        draft.put(replace(escalation, due_at=None, paused_at=None))


def run(draft: Draft, incident: Incident, *, worse: bool = False) -> None:
    """Take every step that is due by now."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is None or not wanted(incident):
        return
    while escalation.paused_at is None and escalation.due_at is not None and escalation.due_at <= draft.now:
        escalation = draft.put(_take(draft, incident, escalation, worse=worse))


def wanted(incident: Incident) -> bool:
    """True while steps may be taken: open, not acknowledged, not muted, and known to stay as it is."""
    if incident.acknowledgement is not None or incident.flapping is not None:
        return False
    return incident.state is IncidentState.OPEN and not incident.quiet


def take_next(draft: Draft, incident: Incident) -> bool:
    """Take the next step now, whatever the clock says; False where nobody is configured.

    What pages nobody by itself (a warning, or what is acknowledged or muted) does not go on by itself either.
    """
    escalation = draft.get(Escalation, incident.id)
    if escalation is None or escalation.round < incident.first_round:
        escalation = _fresh(draft, incident)
    if escalation is None:
        return False
    after = _take(draft, incident, escalation, by_hand=True)
    goes_on = (
        incident.severity is Severity.CRITICAL and incident.acknowledgement is None and not incident.quiet
    )
    draft.put(after if goes_on else replace(after, due_at=None))
    return True


def _take(
    draft: Draft, incident: Incident, escalation: Escalation, *, worse: bool = False, by_hand: bool = False
) -> Escalation:
    step = escalation.steps[escalation.position]
    fresh = tuple(
        person
        for person in duty.people(draft, step.recipients)
        if person not in escalation.told and duty.channels_of(draft, person, step.by)
    )
    number = f"{escalation.round}.{escalation.position}"
    known = () if by_hand or escalation.round > incident.first_round else _knowing(draft, incident)
    for person in fresh:
        if person in known:
            words = (
                f"{name_of(draft, person)} was paged of what is part of this: no second page (step {number})"
            )
            draft.note(incident.id, "page_spared", words, data={"to": person})
        else:
            _page(draft, incident, person, step.by, number, worse=worse, by_hand=by_hand)
    if not fresh:
        draft.note(incident.id, "nobody", f"step {number} reaches nobody new")
    told = escalation.told + fresh
    following = escalation.position + 1
    if following < len(escalation.steps):
        due = escalation.base + escalation.steps[following].after if fresh else _clock(draft, escalation)
        return altered(escalation, position=following, due_at=due, told=told)
    return _around(draft, incident, altered(escalation, told=told))


def _knowing(draft: Draft, incident: Incident) -> set[str | None]:
    """Return who has had a page of what was merged into it and has not answered: of one outage one page is enough."""
    merged = draft.about(Incident, merged_key(incident.id), lambda one: one.merged_into == incident.id)
    return {
        row.to
        for one in merged
        if one.acknowledgement is None and one.severity is Severity.CRITICAL
        for row in draft.about(Notification, one.id)
        if row.kind is Kind.PAGE and row.state is NotificationState.ACCEPTED and one.sent(row.step)
    }


def _around(draft: Draft, incident: Incident, escalation: Escalation) -> Escalation:
    """End a round: where it told nobody the fallback is told, then all begins again after the repeat."""
    nobody = False
    if not escalation.told:
        nobody = not last_resort(draft, incident, escalation.round, len(escalation.steps))
        if nobody and not escalation.nobody:
            draft.note(incident.id, "nobody", "nobody can be reached: no step and no fallback has an address")
    base = _clock(draft, escalation) + escalation.repeat
    return altered(
        escalation,
        round=escalation.round + 1,
        position=0,
        base=base,
        due_at=base + escalation.steps[0].after,
        told=(),
        nobody=nobody,
    )


def _clock(draft: Draft, escalation: Escalation) -> datetime:
    """Return what the escalation's own clock shows: held while it is paused."""
    return escalation.paused_at or draft.now


def last_resort(draft: Draft, incident: Incident, turn: int, position: int) -> bool:
    """Page those of the fallback who were not paged in that round; False where there is nobody."""
    steps = tuple(f"{turn}.{place}" for place in range(position + 1))
    paged = {row.to for row in draft.about(Notification, incident.id) if row.step in steps}
    left = [one for one in draft.plan.fallback if one not in paged and duty.channels_of(draft, one)]
    for person in left:
        _page(draft, incident, person, (), f"{turn}.{position}")
    return bool(left)


def _page(
    draft: Draft,
    incident: Incident,
    person: str,
    by: tuple[str, ...],
    number: str,
    *,
    worse: bool = False,
    by_hand: bool = False,
) -> None:
    # What an earlier step could not deliver yet is said by this page: nobody wants four at once when it clears.
    cancel(draft, incident.id, (Kind.PAGE,), Reason.REPLACED, to=person)
    language = language_of(draft, person)
    title, text = staff.page(staff_facts(draft, incident, language, worse=worse), language)
    page = tell(
        draft,
        kind=Kind.PAGE,
        about=incident,
        to=person,
        order=duty.channels_of(draft, person, by),
        title=title,
        text=text,
        step=number,
        lives=PAGE_LIVES,
        by_hand=by_hand,
        hurry=worse,
    )
    draft.note(
        incident.id,
        "page",
        f"page {page.id} to {name_of(draft, person)} by {page.channel} (step {number})",
        data={"notification": page.id, "to": person, "channel": page.channel, "step": number},
    )
