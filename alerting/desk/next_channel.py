"""The next channel: asked when one has failed for good, or has not delivered for a while for whatever reason.

Where a step's pages have failed on all channels, the next step is due at once; where a whole round has, the
fallback is paged.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.desk import duty, messages, paging
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.oncall.escalation import Escalation
from alerting.state import WAITS
from alerting.tickets.ticket import Ticket

MOVE_ON: Final = timedelta(seconds=30)
"""After so long without delivery the next channel is asked too, while this one is tried on."""


def after(draft: Draft, incident: Incident | None, row: Notification) -> None:
    """Do what follows from a receipt: ask the next channel, or the next people where there is none."""
    gone = row.state in (NotificationState.FAILED, NotificationState.AMBIGUOUS)
    if not gone and not _slow(draft, row):
        return
    if _move_on(draft, incident, row) or not gone or row.by or row.moved_on:
        return
    if incident is not None and wanted(incident, row):
        _advance(draft, incident, row)


def overdue(draft: Draft) -> None:
    """Ask the next channel of what has waited too long without a receipt: its channel may hang in every slot it has."""
    waiting = draft.about(
        Notification, WAITS, lambda row: row.state is NotificationState.PENDING and _slow(draft, row)
    )
    for row in list(waiting):
        _move_on(draft, draft.get(Incident, row.incident), row)


def _slow(draft: Draft, row: Notification) -> bool:
    if row.state is not NotificationState.PENDING:
        return False
    put_off = row.attempts > 0 and row.not_before - draft.now > MOVE_ON
    return put_off or messages.tried_for(draft, row) >= MOVE_ON


def rerouted(draft: Draft, incident: Incident) -> None:
    """Let what waits for its next try on a channel that a reload took away go on at once on what there is now."""
    waiting = draft.about(
        Notification,
        incident.id,
        lambda row: (
            row.kind is Kind.PAGE and row.state is NotificationState.PENDING and row.not_before > draft.now
        ),
    )
    for row in list(waiting):
        if row.to is None or duty.reaches(draft, row.channel, row.to):
            continue
        lost = replace(row, reason=Reason.NO_ADDRESS, by=_still(draft, row))
        if _move_on(draft, incident, lost):
            draft.put(replace(lost, state=NotificationState.CANCELLED, moved_on=True))


def _move_on(draft: Draft, incident: Incident | None, row: Notification) -> bool:
    """Ask the next channel, once; tell whether there was one to ask."""
    about = incident or draft.get(Ticket, row.ticket)
    if row.moved_on or row.to is None or about is None:
        return False
    if row.kind is Kind.PAGE and not (incident is not None and wanted(incident, row)):
        return False
    left = _left(draft, row)
    if left or row.by:
        # Also where all of them tell of it already: once the incident has left that is not known any more.
        draft.put(replace(row, moved_on=True))
    if not left:
        return False
    messages.tell(
        draft,
        kind=row.kind,
        about=about,
        to=row.to,
        order=left,
        title=row.title,
        text=row.text,
        step=row.step,
        lives=max(row.not_after - draft.now, timedelta(0)),
        by_hand=row.by_hand,
        after=row,
    )
    return True


def _left(draft: Draft, row: Notification) -> tuple[str, ...]:
    """Return the channels that are left: of an end, those that do not tell of it already.

    Where a channel has been taken away and none comes after it, those that the plan has now and were not tried.
    """
    anew = not row.by and row.reason is Reason.NO_ADDRESS and row.to is not None
    left = duty.channels_of(draft, row.to or "") if anew else row.by
    if row.incident is None or not (anew or row.kind is Kind.RECOVERY):
        return tuple(channel for channel in left if channel != row.channel)
    told = {
        one.channel
        for one in draft.about(Notification, row.incident)
        if one.kind is row.kind and one.to == row.to and one.step == row.step
    }
    return tuple(channel for channel in left if channel not in told)


def _still(draft: Draft, row: Notification) -> tuple[str, ...]:
    return tuple(channel for channel in row.by if row.to is not None and duty.reaches(draft, channel, row.to))


def wanted(incident: Incident, row: Notification) -> bool:
    """Tell whether a page is still wanted: one asked for by hand for as long as the incident goes on."""
    return incident.state.active if row.by_hand else paging.wanted(incident)


def _advance(draft: Draft, incident: Incident, row: Notification) -> None:
    """All pages of the newest step have failed for good: it reached nobody, so the next one is due now.

    After the last step comes the repeat, which failures do not hurry; but where the whole round reached nobody
    the fallback is paged.
    """
    escalation = draft.get(Escalation, incident.id)
    if row.kind is not Kind.PAGE or escalation is None:
        return
    if escalation.due_at is None or escalation.paused_at is not None:
        return
    steps = len(escalation.steps)
    turn, place = divmod(escalation.round * steps + escalation.position - 1, steps)
    if row.step != f"{turn}.{place}":
        return
    if escalation.position > 0:
        if not _hope(draft, incident, (row.step,)):
            draft.note(incident.id, "nobody", f"step {row.step} reached nobody: the next one is taken now")
            draft.put(replace(escalation, due_at=draft.now))
            paging.run(draft, incident)
    elif not _hope(draft, incident, tuple(f"{turn}.{place}" for place in range(steps))):
        draft.note(incident.id, "nobody", f"round {turn} reached nobody: the fallback is paged")
        paging.last_resort(draft, incident, turn, steps)


def _hope(draft: Draft, incident: Incident, steps: tuple[str, ...]) -> bool:
    """Tell whether a page of these steps arrived, or still may."""
    pages = draft.about(
        Notification,
        incident.id,
        lambda row: (
            row.kind is Kind.PAGE
            and row.step in steps
            and (row.state.alive or row.state is NotificationState.ACCEPTED)
        ),
    )
    return next(pages, None) is not None
