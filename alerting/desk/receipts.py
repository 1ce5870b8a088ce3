"""Receipts: what came of each attempt to deliver, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.altered import altered
from alerting.desk import messages, next_channel, outward, self_test
from alerting.desk.facts import goes_on_as, name_of
from alerting.draft import Draft
from alerting.incidents.incident import Incident, IncidentState
from alerting.inputs import Interrupted, Received
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt

_REPEATED: Final = (Kind.PAGE, Kind.RECOVERY, Kind.REMINDER, Kind.TICKET, Kind.HANDOVER)
"""Repeated once when nobody knows whether it arrived: silence is worse than a duplicate. Customers' words are held."""

REST: Final = timedelta(seconds=10)
"""What we died of sending more than once rests so long: should it be what kills us, all else has time to leave."""


def received(draft: Draft, given: Received) -> str:
    """Book a receipt on its notification and do what follows."""
    receipt = given.receipt
    row = draft.get(Notification, receipt.notification)
    if row is None or receipt.attempt < row.attempts:
        draft.book(
            receipt
        )  # its incident has left the state, or a later attempt is known: only the record is kept
        return receipt.notification
    receipt = _weigh(draft, row, receipt)
    draft.book(receipt)
    row = draft.put(
        altered(
            row,
            state=receipt.state,
            attempts=receipt.attempt,
            reason=receipt.reason,
            detail=receipt.detail,
            not_before=receipt.retry_at or row.not_before,
            repeated=row.repeated or _unsure(given.receipt),
            left_as=row.left_as or given.receipt.left_as,
        )
    )
    _tell_timeline(draft, row)
    incident = draft.get(Incident, row.incident)
    if row.announcement is not None:
        outward.delivered(draft, row)
    if incident is not None and incident.state is IncidentState.RESOLVED and not row.state.alive:
        over = goes_on_as(draft, incident)
        if over.state is IncidentState.RESOLVED:
            messages.tell_it_is_over(draft, over, only=row)  # it left before the end was known
    next_channel.after(draft, incident, row)
    self_test.answered(draft, row)
    return row.id


def _unsure(receipt: Receipt) -> bool:
    return receipt.state is NotificationState.AMBIGUOUS


def _weigh(draft: Draft, row: Notification, receipt: Receipt) -> Receipt:
    """Decide what an outcome means: repeat what may be lost once, drop what is no longer wanted."""
    if row.state is NotificationState.CANCELLED and receipt.state is not NotificationState.ACCEPTED:
        return replace(receipt, state=NotificationState.CANCELLED, reason=row.reason, retry_at=None)
    # Our own death says nothing of the provider: it may have refused each time, and nobody heard of it.
    died = receipt.reason is Reason.INTERRUPTED
    if receipt.state is NotificationState.AMBIGUOUS and row.kind in _REPEATED and (died or not row.repeated):
        again = receipt.retry_at or (draft.now + REST if row.repeated else draft.now)
        receipt = replace(receipt, state=NotificationState.PENDING, retry_at=again)
    if receipt.state is NotificationState.PENDING and (receipt.retry_at or draft.now) >= row.not_after:
        return replace(receipt, state=NotificationState.EXPIRED, reason=Reason.TOO_LATE, retry_at=None)
    return receipt


def _tell_timeline(draft: Draft, row: Notification) -> None:
    if row.state is NotificationState.PENDING and row.attempts > 1:
        return  # the first failure and the end are news, the retries between are not
    to = f" to {name_of(draft, row.to)}" if row.to else ""
    why = f": {row.detail or row.reason.value}" if row.reason else ""
    words = {NotificationState.PENDING: "not delivered yet"}.get(row.state, row.state.value)
    draft.note(
        row.incident,
        "delivery",
        f"{row.kind.value} {row.id}{to} by {row.channel} {words}{why}",
        who=row.channel,
        data={"notification": row.id, "state": row.state.value},
    )


def interrupted(draft: Draft, given: Interrupted) -> str:
    """Take up what a former process was sending when it died: what may have arrived, and what certainly did not."""
    for number in given.notifications:
        said = "the daemon stopped while it was being sent"
        _stopped(draft, number, NotificationState.AMBIGUOUS, said, given.left_as.get(number, ""))
        row, tried = draft.get(Notification, number), given.tried.get(number, 0)
        if row is not None and row.attempts < tried:
            draft.put(replace(row, attempts=tried))  # so that those attempts are weighed once
    for number in given.unsent:
        _stopped(draft, number, NotificationState.PENDING, "the daemon stopped before it was sent")
    return ""


def _stopped(draft: Draft, number: str, state: NotificationState, detail: str, left_as: str = "") -> None:
    row = draft.get(Notification, number)
    receipt = Receipt(
        notification=number,
        attempt=row.attempts if row is not None else 0,
        state=state,
        at=draft.now,
        reason=Reason.INTERRUPTED,
        detail=detail,
        retry_at=draft.now if state is NotificationState.PENDING else None,
        left_as=left_as,
    )
    received(draft, Received(receipt=receipt))
