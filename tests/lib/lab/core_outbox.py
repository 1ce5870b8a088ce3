"""Messages in the outbox, and channels that fail in every way there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.state import Changes
from lab.core_parts import Provider, for_ever
from lab.core_virtual import START
from lab.core_world import Core
from lab.records import notification

ACCEPTED, PENDING, FAILED = NotificationState.ACCEPTED, NotificationState.PENDING, NotificationState.FAILED
CANCELLED, EXPIRED, AMBIGUOUS = (
    NotificationState.CANCELLED,
    NotificationState.EXPIRED,
    NotificationState.AMBIGUOUS,
)


def providers(**answers: Any) -> dict[str, Provider]:
    return {name: Provider(answer=answers.get(name)) for name in ("sms", "mail", "customers")}


def failing(reason: Reason = Reason.SERVER, **how: Any) -> Any:
    async def answer(_message: Message, _progress: Progress) -> Accepted:
        raise DeliveryError("cannot send: 503", reason=reason, **how)

    return answer


async def hang_unread(_message: Message, _progress: Progress) -> Accepted:
    return await for_ever()


async def hang_after_reading(_message: Message, progress: Progress) -> Accepted:
    progress.sent = True
    return await for_ever()


def due(number: int, **changed: Any) -> Notification:
    """A message of no incident: a reminder to Li that is wanted whatever happens."""
    usual: dict[str, Any] = {
        "kind": Kind.REMINDER,
        "incident": None,
        "created_at": START,
        "not_before": START,
        "not_after": START + timedelta(hours=24),
    }
    return notification(number, **usual | changed)


async def queue(here: Core, *rows: Notification) -> None:
    """Put messages into the outbox, and let delivery know."""
    changes = Changes(records=rows)
    await here.store.record(changes)
    here.state.apply(changes)
    here.delivery.wake()
