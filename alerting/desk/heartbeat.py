"""The outward heartbeat: a row like any other, so that it stops when scheduler, store, outbox or sender does."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from alerting.desk.facts import dedup_key
from alerting.draft import Draft
from alerting.inputs import Beat
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.state import channel_key

CHANNEL: Final = "heartbeat"


def beat(draft: Draft, _given: Beat) -> str:
    """Queue the next beat instead of one that has not left yet; return its id, empty where nobody is told."""
    lives = draft.plan.heartbeat
    number = f"H-{int(draft.now.timestamp())}"
    if lives is None or draft.get(Notification, number) is not None:
        return ""
    waiting = draft.about(
        Notification,
        channel_key(Kind.HEARTBEAT, CHANNEL),
        lambda row: row.state is NotificationState.PENDING,
    )
    for row in list(waiting):
        draft.put(replace(row, state=NotificationState.CANCELLED, reason=Reason.REPLACED))
    draft.put(
        Notification(
            id=number,
            kind=Kind.HEARTBEAT,
            dedup_key=dedup_key(draft.now, CHANNEL, number),
            channel=CHANNEL,
            to=None,
            title="heartbeat",
            text="All is well.",
            created_at=draft.now,
            not_before=draft.now,
            not_after=draft.now + lives,
        )
    )
    return number
