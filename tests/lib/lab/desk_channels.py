"""How channels behave in stories of the desk, and what delivery makes of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Final

from alerting.notification import Notification, NotificationState, Reason


class Manner(enum.Enum):
    """How a channel behaves."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    """Fails for good."""
    LATER = "later"
    """Fails for now."""
    UNSURE = "unsure"
    """The message arrives, but the answer is lost."""
    LOST = "lost"
    """The message does not arrive, and the answer is lost."""
    HANG = "hang"
    """Takes the message for `HANG_SECONDS`, then fails for now."""
    FULL = "full"
    """Hangs in every slot it has: nothing more is even tried."""
    SLOW = "slow"
    """Takes `HANG_SECONDS`, then the message arrives."""


HANG_SECONDS: Final = 20

OUTCOMES: Final = {
    Manner.ACCEPT: (NotificationState.ACCEPTED, None),
    Manner.SLOW: (NotificationState.ACCEPTED, None),
    Manner.REFUSE: (NotificationState.FAILED, Reason.REFUSED),
    Manner.LATER: (NotificationState.PENDING, Reason.SERVER),
    Manner.HANG: (NotificationState.PENDING, Reason.TIMEOUT),
    Manner.UNSURE: (NotificationState.AMBIGUOUS, Reason.TIMEOUT),
    Manner.LOST: (NotificationState.AMBIGUOUS, Reason.TIMEOUT),
}
"""State and reason on the receipt of each."""


def together(due: Iterable[Notification]) -> Iterator[list[Notification]]:
    """Yield what leaves as one message, in order: what shares a bundle, a channel, a person and a kind."""
    messages: dict[tuple[object, ...], list[Notification]] = {}
    for row in due:
        one = (row.bundle, row.channel, row.to, row.kind) if row.bundle else (row.id,)
        messages.setdefault(one, []).append(row)
    yield from messages.values()
