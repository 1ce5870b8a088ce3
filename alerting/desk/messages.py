"""Messages to staff: one to one person on one channel, the next channels kept for when it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.desk import bundling
from alerting.desk.duty import channels_of
from alerting.desk.facts import dedup_key, language_of, staff_facts
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.severity import Severity
from alerting.state import merged_key
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from alerting.wording import staff

NEVER: Final = timedelta(0)
NOTICE_LIVES: Final = timedelta(hours=24)
REMINDER_LIVES: Final = timedelta(hours=2)


def tell(
    draft: Draft,
    *,
    kind: Kind,
    about: Incident | Ticket,
    to: str,
    order: tuple[str, ...],
    title: str,
    text: str,
    step: str,
    lives: timedelta,
    by_hand: bool = False,
    hurry: bool = False,
    after: Notification | None = None,
) -> Notification:
    """Queue one message to one person on the first channel of `order`; the rest is kept for when it fails.

    `hurry` has it wait for no other. `after` is what did not get through: this takes its way on the next channel.
    """
    channel, rest = order[0], order[1:]
    incident = about if isinstance(about, Incident) else None
    began = incident.began if incident else about.opened_at
    row = Notification(
        id=draft.number("N"),
        kind=kind,
        dedup_key=dedup_key(began, about.id, kind.value, step, to, channel),
        channel=channel,
        to=to,
        by=rest,
        title=title,
        text=text,
        created_at=draft.now,
        not_before=draft.now,
        not_after=draft.now + lives,
        incident=incident.id if incident else None,
        opened_at=incident.opened_at if incident else None,
        ticket=incident.ticket if incident else about.id,
        step=step,
        severity=incident.severity if incident else _severity(about),
        services=incident.services if incident else (),
        about=about.state.value,
        by_hand=by_hand,
        tried_for=_in_vain(draft, incident, to, channel) if incident and kind is Kind.PAGE else NEVER,
    )
    if after is not None:
        return draft.put(bundling.follow(draft, after, row))
    return draft.put(bundling.place(draft, row, hurry=hurry))


def _in_vain(draft: Draft, incident: Incident, person: str, channel: str) -> timedelta:
    """Return how long pages to a person on a channel were tried in vain since one arrived there.

    Of an outage that comes and goes each page is called off: together they wait as long as one that stays.
    """
    last = draft.newest(
        Notification,
        incident.id,
        lambda row: row.kind is Kind.PAGE and row.to == person and row.channel == channel,
    )
    return last.tried_for if last is not None and last.state is NotificationState.CANCELLED else NEVER


def tried_for(draft: Draft, row: Notification) -> timedelta:
    """Return how long it has been tried, with what was tried in vain before it."""
    return row.tried_for + max(draft.now - max(bundling.due_since(row), row.created_at), NEVER)


def _severity(about: Incident | Ticket) -> Severity:
    urgent = isinstance(about, Ticket) and about.ticket_class is TicketClass.URGENT
    return Severity.CRITICAL if urgent else Severity.WARNING


def remind(
    draft: Draft,
    about: Incident | Ticket,
    person: str,
    key: str,
    text: str,
    *,
    kind: Kind = Kind.REMINDER,
    without: str = "",
) -> None:
    """Send a person one reminder by their own order; `key` tells reminders about one thing apart.

    `without` names a channel that is of no use now.
    """
    order = tuple(channel for channel in channels_of(draft, person) if channel != without)
    if not order:
        return
    if kind is Kind.TICKET:  # no hurry: the last of the person's channels is the quietest
        order = order[-1:] + order[:-1]
    tell(
        draft,
        kind=kind,
        about=about,
        to=person,
        order=order,
        title=text[: staff.TITLE_CHARACTERS],
        text=text,
        step=key,
        lives=REMINDER_LIVES if kind is Kind.REMINDER else NOTICE_LIVES,
    )


_TOLD: Final = (NotificationState.ACCEPTED, NotificationState.SENDING, NotificationState.AMBIGUOUS)
_NEWS: Final = (Kind.PAGE, Kind.TICKET)


def may_know(row: Notification) -> bool:
    """True where the person has, or may have, read it."""
    return row.state in _TOLD or row.repeated


def tell_it_is_over(
    draft: Draft, incident: Incident, *, only: Notification | None = None, anew: bool = False
) -> None:
    """Send the recovery notice to each person who knows of the outage, on the channel that told them first of all.

    Once per opening. A notice that a relapse called off told nobody: its reader is still owed one. What came first is
    told by numbers: the clock may be set back.
    """
    merged = draft.about(Incident, merged_key(incident.id), lambda one: one.merged_into == incident.id)
    rows = [row for one in (incident, *merged) for row in draft.about(Notification, one.id)]
    notices = (
        row for row in rows if row.kind is Kind.RECOVERY and row.state is not NotificationState.CANCELLED
    )
    heard = {(row.to, row.channel): row.place for row in sorted(notices, key=lambda row: row.place)}
    if anew:
        heard = {}
    for row in [only] if only is not None else rows:
        person, channel = row.to, row.channel
        if row.kind not in _NEWS or not may_know(row) or person is None:
            continue
        before = heard.get((person, channel))
        if before is not None and before > row.place:
            continue
        language = language_of(draft, person)
        title, text = staff.recovered(staff_facts(draft, incident, language), language)
        notice = tell(
            draft,
            kind=Kind.RECOVERY,
            about=incident,
            to=person,
            order=(channel, *(one for one in channels_of(draft, person) if one != channel)),
            title=title,
            text=text,
            step=f"over.{incident.opening}",
            lives=NOTICE_LIVES,
        )
        heard[(person, channel)] = notice.place


def cancel(
    draft: Draft,
    incident: str,
    kinds: tuple[Kind, ...],
    reason: Reason,
    *,
    to: str | None = None,
    asked_for: bool = True,
) -> None:
    """Call off what has not left yet, to one person or to all. What is being sent right now is left to its receipt.

    `asked_for` False spares pages that a person asked for.
    """
    waiting = draft.about(
        Notification,
        incident,
        lambda row: (
            row.kind in kinds
            and row.state is NotificationState.PENDING
            and to in (None, row.to)
            and (asked_for or not row.by_hand)
        ),
    )
    for row in list(waiting):
        tried = tried_for(draft, row)
        draft.put(replace(row, state=NotificationState.CANCELLED, reason=reason, tried_for=tried))
