"""Paging: an incident's way through its escalation policy, step by step, until somebody acknowledges.

Each due step becomes one notification per person, on the first channel of that person's order. A step that
reaches nobody new does not cost its delay: the next one is taken at once. After the last step the whole
begins again. A provider's OK never stops it; only an acknowledgement, the end or a silence does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.desk.facts import dedup_key, language_of, name_of, staff_facts
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.oncall import reach
from alerting.oncall.escalation import Escalation
from alerting.oncall.policy import Recipients
from alerting.plan import ChannelPlan
from alerting.severity import Severity
from alerting.wording import staff

PAGE_LIVES: Final = timedelta(hours=24)
"""How long a page is worth delivering; it is cancelled earlier when it is no longer wanted."""
NOTICE_LIVES: Final = timedelta(hours=24)
REMINDER_LIVES: Final = timedelta(hours=2)
SHORTEST_REPEAT: Final = timedelta(minutes=1)


def start(draft: Draft, incident: Incident) -> None:
    """Begin at step one, now; a former round of the same incident keeps its numbers apart."""
    policy = draft.plan.policies.get(incident.policy or "")
    if incident.severity is not Severity.CRITICAL:
        return
    if policy is None:
        draft.note(
            incident.id, "nobody", "nobody is paged: no escalation policy and no people are configured"
        )
        return
    former = draft.get(Escalation, incident.id)
    draft.put(
        Escalation(
            id=incident.id,
            steps=policy.steps,
            repeat=max(policy.repeat, SHORTEST_REPEAT),
            base=draft.now,
            round=former.round + 1 if former else 1,
            due_at=draft.now + policy.steps[0].after,
        )
    )
    run(draft, incident)


def pause(draft: Draft, incident: Incident) -> None:
    """Hold the clock of the escalation."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.paused_at is None:
        draft.put(replace(escalation, paused_at=draft.now))


def resume(draft: Draft, incident: Incident) -> None:
    """Let the clock go on where it was held, and take what is due."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is None or escalation.paused_at is None:
        return
    held = draft.now - escalation.paused_at
    due = escalation.due_at + held if escalation.due_at else None
    draft.put(replace(escalation, paused_at=None, base=escalation.base + held, due_at=due))
    run(draft, incident)


def stop(draft: Draft, incident: Incident) -> None:
    """End the escalation; it can be started again."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is not None and escalation.due_at is not None:
        draft.put(replace(escalation, due_at=None, paused_at=None))


def run(draft: Draft, incident: Incident) -> None:
    """Take every step that is due by now."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is None or not wanted(incident):
        return
    while escalation.paused_at is None and escalation.due_at is not None and escalation.due_at <= draft.now:
        escalation = draft.put(_take(draft, incident, escalation))


def wanted(incident: Incident) -> bool:
    """True while steps may be taken: open, not acknowledged, not muted."""
    return incident.state is IncidentState.OPEN and incident.acknowledgement is None and not incident.quiet


def take_next(draft: Draft, incident: Incident) -> bool:
    """Take the next step now, whatever the clock says; False where there is no policy."""
    escalation = draft.get(Escalation, incident.id)
    if escalation is None:
        return False
    after = _take(draft, incident, escalation)
    held = incident.acknowledgement is not None or bool(incident.quiet)
    draft.put(replace(after, due_at=None) if held else replace(after, paused_at=None))
    return True


def _take(draft: Draft, incident: Incident, escalation: Escalation) -> Escalation:
    step = escalation.steps[escalation.position]
    named = reach.people(step.recipients, draft.plan.rotas, draft.now)
    fresh = tuple(
        person for person in named if person not in escalation.told and _order(draft, person, step.by)
    )
    number = f"{escalation.round}.{escalation.position}"
    for person in fresh:
        _page(draft, incident, person, step.by, number)
    if not fresh:
        draft.note(incident.id, "nobody", f"step {number} reaches nobody new")
    told = escalation.told + fresh
    following = escalation.position + 1
    if following < len(escalation.steps):
        due = escalation.base + escalation.steps[following].after if fresh else draft.now
        return replace(escalation, position=following, due_at=due, told=told)
    return _around(draft, incident, replace(escalation, told=told))


def _around(draft: Draft, incident: Incident, escalation: Escalation) -> Escalation:
    """End a round: where it told nobody the fallback is told, then all begins again after the repeat."""
    nobody = escalation.nobody
    if not escalation.told:
        number = f"{escalation.round}.{len(escalation.steps)}"
        last_resort = [person for person in draft.plan.fallback if _order(draft, person, ())]
        for person in last_resort:
            _page(draft, incident, person, (), number)
        if not last_resort and not nobody:
            draft.note(incident.id, "nobody", "nobody can be reached: no step and no fallback has an address")
        nobody = not last_resort
    base = draft.now + escalation.repeat
    return replace(
        escalation,
        round=escalation.round + 1,
        position=0,
        base=base,
        due_at=base + escalation.steps[0].after,
        told=(),
        nobody=nobody,
    )


def _order(draft: Draft, person: str, by: tuple[str, ...]) -> tuple[str, ...]:
    """Return the configured channels that reach a person, the first to try first; empty for nobody."""
    known = draft.plan.people.get(person)
    if known is None:
        return ()
    plain = {name for name, channel in draft.plan.channels.items() if _is_plain(channel)}
    return tuple(name for name in reach.channels(known, by, plain) if name in draft.plan.channels)


def _is_plain(channel: ChannelPlan) -> bool:
    return channel.audience is None and not channel.needs_address


def _page(draft: Draft, incident: Incident, person: str, by: tuple[str, ...], number: str) -> None:
    order = _order(draft, person, by)
    language = language_of(draft, person)
    title, text = staff.page(staff_facts(draft, incident, language), language)
    page = tell(
        draft,
        kind=Kind.PAGE,
        incident=incident,
        to=person,
        order=order,
        title=title,
        text=text,
        step=number,
        lives=PAGE_LIVES,
    )
    draft.note(
        incident.id,
        "page",
        f"page {page.id} to {name_of(draft, person)} by {page.channel} (step {number})",
        data={"notification": page.id, "to": person, "channel": page.channel, "step": number},
    )


def tell(
    draft: Draft,
    *,
    kind: Kind,
    incident: Incident,
    to: str,
    order: tuple[str, ...],
    title: str,
    text: str,
    step: str,
    lives: timedelta,
) -> Notification:
    """Queue one message to one person on the first channel of `order`; the rest is kept for when it fails."""
    channel, rest = order[0], order[1:]
    return draft.put(
        Notification(
            id=draft.number("N"),
            kind=kind,
            dedup_key=dedup_key(incident.opened_at, incident.id, kind.value, step, to, channel),
            channel=channel,
            to=to,
            by=rest,
            title=title,
            text=text,
            created_at=draft.now,
            not_before=draft.now,
            not_after=draft.now + lives,
            incident=incident.id,
            ticket=incident.ticket,
            step=step,
            severity=incident.severity,
            services=incident.services,
            about=incident.state.value,
        )
    )


def remind(
    draft: Draft, incident: Incident, person: str | None, key: str, text: str, *, kind: Kind = Kind.REMINDER
) -> bool:
    """Send a person one reminder by their own order; `key` tells reminders of one incident apart."""
    order = _order(draft, person, ()) if person else ()
    if not person or not order:
        return False
    if kind is Kind.TICKET:  # no hurry: the last of the person's channels is the quietest
        order = order[-1:] + order[:-1]
    tell(
        draft,
        kind=kind,
        incident=incident,
        to=person,
        order=order,
        title=text[: staff.TITLE_CHARACTERS],
        text=text,
        step=key,
        lives=REMINDER_LIVES if kind is Kind.REMINDER else NOTICE_LIVES,
    )
    return True


def on_duty(draft: Draft, incident: Incident) -> tuple[str, ...]:
    """Return who owns the incident now: the people on shift of its rota, else its backup, else the fallback."""
    rota = draft.plan.rotas.get(incident.owner or "")
    people = reach.people(Recipients(rota=rota.id), draft.plan.rotas, draft.now) if rota else ()
    return people or (rota.backup if rota else ()) or draft.plan.fallback


def leads(draft: Draft, incident: Incident) -> tuple[str, ...]:
    """Return who is told when a clock lapses: the people of the policy's last step."""
    escalation = draft.get(Escalation, incident.id)
    policy = draft.plan.policies.get(incident.policy or "")
    steps = escalation.steps if escalation else policy.steps if policy else ()
    named = reach.people(steps[-1].recipients, draft.plan.rotas, draft.now) if steps else ()
    return named or draft.plan.fallback


_TOLD: Final = (NotificationState.ACCEPTED, NotificationState.SENDING, NotificationState.AMBIGUOUS)
_NEWS: Final = (Kind.PAGE, Kind.TICKET)


def tell_it_is_over(draft: Draft, incident: Incident, *, only: Notification | None = None) -> None:
    """Send the recovery notice to each person who was told of this opening, on the channel that told them."""
    rows = list(draft.all(Notification, lambda row: row.incident == incident.id))
    notices = sorted((row for row in rows if row.kind is Kind.RECOVERY), key=lambda row: row.created_at)
    heard = {(row.to, row.channel): row.created_at for row in notices}
    for row in [only] if only is not None else rows:
        person, channel = row.to, row.channel
        if row.kind not in _NEWS or row.state not in _TOLD or person is None:
            continue
        before = heard.get((person, channel))
        if before is not None and before >= row.created_at:
            continue
        language = language_of(draft, person)
        title, text = staff.recovered(staff_facts(draft, incident, language), language)
        notice = tell(
            draft,
            kind=Kind.RECOVERY,
            incident=incident,
            to=person,
            order=(channel,),
            title=title,
            text=text,
            step=f"over.{incident.opening}",
            lives=NOTICE_LIVES,
        )
        heard[(person, channel)] = notice.created_at


def cancel(draft: Draft, incident: str, kinds: tuple[Kind, ...], reason: Reason) -> None:
    """Call off what has not left yet. What is being sent right now is left to its receipt."""
    waiting = draft.all(
        Notification,
        lambda row: row.incident == incident and row.kind in kinds and row.state is NotificationState.PENDING,
    )
    for row in list(waiting):
        draft.put(replace(row, state=NotificationState.CANCELLED, reason=reason))
