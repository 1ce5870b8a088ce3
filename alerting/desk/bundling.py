"""Bundling: pages of further incidents to one person are collected, so that a storm is one message a minute.

The first page to a person passes at once. Within `plan.bundle` of it the pages of further incidents wait for each
other; then they leave as one message, and the next window begins with that one. An incident told of by itself
goes on by itself: its later pages never wait. One that was told of in a bundle is told of in bundles again, or a
storm would be a bundle the first time and thousands of single pages the second. What a person asks for by hand, and
what has become worse than somebody knew, never waits. Notices of recovery, reminders and words on tickets are
collected likewise, each among their like.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.draft import Draft
from alerting.notification import Notification, NotificationState
from alerting.state import COLLECTED, bundle_key, person_key

_ARRIVED: Final = (NotificationState.ACCEPTED, NotificationState.AMBIGUOUS)

GATHER: Final = timedelta(seconds=5)
"""So long the next channel waits for all that failed in one bundle: their receipts come one by one."""


def place(draft: Draft, row: Notification, *, hurry: bool = False) -> Notification:
    """Return a new message as it leaves: at once, or together with others. `hurry`: it must not wait."""
    window = draft.plan.bundle
    if window is None or hurry or row.by_hand or row.to is None or row.kind not in COLLECTED:
        return row
    if _told_alone(draft, row):
        return row
    collected = draft.newest(Notification, person_key(row.kind, row.to, collected=True))
    if collected is not None and draft.now < due_since(collected) <= draft.now + window:
        leaves = due_since(collected)
        return replace(row, bundle=collected.bundle, bundle_until=leaves, not_before=leaves)
    single = draft.newest(Notification, person_key(row.kind, row.to, collected=False))
    # What lies in the future is from before the clock was set back: that tells nothing of how long ago it was.
    known = [one for one in (collected, single) if one is not None and due_since(one) <= draft.now]
    last = max(known, key=due_since, default=None)
    until = draft.now if last is None else due_since(last) + window
    if last is None or until <= draft.now or _subject(last) == _subject(row):
        return row
    return replace(row, bundle=row.id, bundle_until=until, not_before=until)


def follow(draft: Draft, failed: Notification, row: Notification) -> Notification:
    """Return what asks the next channel after `failed`: what was to leave together stays together."""
    if not failed.bundle:
        return row
    key = bundle_key(failed.bundle, row.channel)
    first = draft.newest(Notification, key, lambda one: one.attempts == 0 and one.not_before > draft.now)
    leaves = first.not_before if first is not None else draft.now + GATHER
    return replace(row, bundle=failed.bundle, not_before=leaves)


def hasten(draft: Draft) -> None:
    """Let leave now what was to wait for others for a while, and would wait for longer: the clock was set back."""
    longest = draft.now + max(draft.plan.bundle or GATHER, GATHER)
    for person in draft.plan.people:
        for kind in COLLECTED:
            for collected in (True, False):
                last = draft.newest(Notification, person_key(kind, person, collected=collected))
                if last is not None and _untried(last) and last.not_before > longest:
                    _leave_now(draft, last)


def _untried(row: Notification) -> bool:
    return row.state is NotificationState.PENDING and row.attempts == 0


def _leave_now(draft: Draft, one: Notification) -> None:
    rows = draft.about(Notification, bundle_key(one.bundle, one.channel), _untried) if one.bundle else (one,)
    for row in list(rows):
        until = None if row.bundle_until is None else draft.now
        draft.put(replace(row, not_before=draft.now, bundle_until=until))


def due_since(row: Notification) -> datetime:
    """Return the instant at which it was to leave first."""
    return row.bundle_until or row.created_at


def _subject(row: Notification) -> str | None:
    return row.incident or row.ticket


def _told_alone(draft: Draft, row: Notification) -> bool:
    """Tell whether the person was told of this very incident by a message of its own."""
    if row.incident is None:
        return False
    told: Iterable[Notification] = draft.about(Notification, row.incident)
    return any(
        one.kind is row.kind
        and one.to == row.to
        and not one.bundle
        and one.id != row.id
        and (one.state.alive or one.state in _ARRIVED)
        for one in told
    )
