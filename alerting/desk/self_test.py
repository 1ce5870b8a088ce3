"""The self-test: one message that proves a channel still delivers, and a ticket where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.desk import duty, messages, work
from alerting.desk.facts import dedup_key, language_of
from alerting.draft import Draft
from alerting.inputs import SelfTest
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.severity import Severity
from alerting.state import SELF_TEST
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from alerting.wording.staff import reminder

LIVES: Final = timedelta(minutes=10)
"""How long it is tried: a channel that needs longer would be too late for a page as well."""
OVERDUE: Final = timedelta(minutes=1)
"""So long after that nobody waits for a receipt any more: the channel may hang in every slot it has."""

_FAILED: Final = (NotificationState.FAILED, NotificationState.EXPIRED, NotificationState.AMBIGUOUS)
_REASON: Final = 200


def begin(draft: Draft, given: SelfTest) -> str:
    """Queue the test of a channel; return its id, empty for a channel that is gone, public, or reaches nobody."""
    channel = draft.plan.channels.get(given.channel)
    if channel is None or channel.audience is not None:
        return ""
    person = _reader(draft, channel.id) if channel.needs_address else None
    if channel.needs_address and person is None:
        return ""
    for row in draft.about(
        Notification, SELF_TEST, lambda row: row.channel == channel.id and row.state.alive
    ):
        return row.id
    language = language_of(draft, person)
    number = draft.number("N")
    draft.put(
        Notification(
            id=number,
            kind=Kind.REMINDER,
            dedup_key=dedup_key(draft.now, SELF_TEST, channel.id, number),
            channel=channel.id,
            to=person,
            title=reminder("self_test", language, channel=channel.id),
            text=reminder("self_test_text", language, channel=channel.id),
            created_at=draft.now,
            not_before=draft.now,
            not_after=draft.now + LIVES,
            step=SELF_TEST,
            severity=Severity.INFO,
        )
    )
    return number


def _reader(draft: Draft, channel: str) -> str | None:
    """Return who is to read it: the first on duty who has an address there, else the first who has one."""
    known = draft.plan.people
    people = (*duty.all_on_duty(draft), *known)
    return next((one for one in people if one in known and channel in known[one].channels), None)


def expire(draft: Draft) -> None:
    """Give up tests that their channel did not even try in time."""
    late = draft.about(
        Notification,
        SELF_TEST,
        lambda row: row.state is NotificationState.PENDING and draft.now >= row.not_after + OVERDUE,
    )
    for row in list(late):
        answered(draft, draft.put(replace(row, state=NotificationState.EXPIRED, reason=Reason.TOO_LATE)))


def answered(draft: Draft, row: Notification) -> None:
    """Open a ticket where a test has failed, one per channel until it is done; tell who is on duty by other ways."""
    if row.step != SELF_TEST or row.state not in _FAILED:
        return
    about = f"self-test of channel {row.channel}"
    open_one = draft.all(Ticket, lambda one: one.state.active and one.text.split("\n", 1)[0] == about)
    if next(open_one, None) is not None:
        return
    why = (row.detail or (row.reason.value if row.reason else row.state.value))[:_REASON]
    people = duty.all_on_duty(draft)
    ticket = work.new(
        draft,
        _words(draft, None, row.channel, why),
        TicketClass.GENERAL,
        text=f"{about}\n{row.id}: {row.state.value}, {why}",
        assignee=next(iter(people), None),
    )
    for person in people:
        text = _words(draft, person, row.channel, why)
        messages.remind(
            draft, ticket, person, f"{ticket.id}.self-test", text, kind=Kind.TICKET, without=row.channel
        )


def _words(draft: Draft, person: str | None, channel: str, why: str) -> str:
    return reminder("self_test_failed", language_of(draft, person), channel=channel, reason=why)
