"""What a former process left: which of its messages may have arrived, and which certainly did not."""

from __future__ import annotations

from collections.abc import Iterable

from alerting.inputs import Interrupted
from alerting.notification import Notification, NotificationState
from alerting.state import State
from monitor.delivery.leaving import keys
from monitor.delivery.marks import Found


def left_by(sending: Iterable[Notification], state: State, found: Found) -> Interrupted:
    """Weigh the rows a former process was `sending`, and those it may have sent from memory while the store failed.

    Rows the state does not hold any more are put there: what becomes of them is decided like everything else.
    """
    sending = list(sending)
    known = state.records[Notification]
    maybe: list[str] = []
    unsent: list[str] = []
    for row in sending:
        known.setdefault(row.id, row)
        (maybe if found.may_have_left(row) else unsent).append(row.id)
    waiting = (row for row in known.values() if isinstance(row, Notification))
    maybe += [
        row.id for row in waiting if row.state is NotificationState.PENDING and found.may_have_left(row)
    ]
    return Interrupted(notifications=tuple(maybe), unsent=tuple(unsent), left_as=keys(sending))
