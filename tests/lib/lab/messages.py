"""Messages to try notifiers with, and one attempt of delivery as the daemon would make it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from alerting.notification import Kind
from alerting.notifiers.api import Accepted, DeliveryError, Message, Notifier, Progress
from alerting.severity import Severity

ACK = "https://status.example.com/ack/abc.def"


def a_message(**fields: Any) -> Message:
    """Return a page to 李雷; `fields` replace its own."""
    page: dict[str, Any] = {
        "id": "N-7",
        "kind": Kind.PAGE,
        "dedup_key": "N-7.key",
        "to": "li",
        "address": "li@shop.example",
        "title": "INC-1 下单结算: home is down",
        "text": f"home is down since 08:00\nAcknowledge:\n{ACK}\nor: nightbell ack INC-1\n库存正常",
        "at": datetime(2027, 1, 4, 0, 0, 5, tzinfo=UTC),
        "incident": "INC-1",
        "ticket": "T-1",
        "ack_url": ACK,
        "severity": Severity.CRITICAL,
        "state": "open",
    }
    return Message(**{**page, **fields})


async def refusal(notifier: Notifier, message: Message | None = None) -> DeliveryError:
    """Send once, expecting it to fail; return how."""
    try:
        accepted = await notifier.send(message or a_message(), Progress())
    except DeliveryError as error:
        return error
    raise AssertionError(f"was accepted: {accepted}")


async def accepted(notifier: Notifier, message: Message | None = None) -> Accepted:
    """Send once, expecting it to pass."""
    progress = Progress()
    receipt = await notifier.send(message or a_message(), progress)
    assert progress.sent
    return receipt


async def cut_short(notifier: Notifier, until: Callable[[], Awaitable[object]]) -> Progress:
    """Begin to send, cancel once `until` returns; return how far it had come."""
    progress = Progress()
    sending = asyncio.ensure_future(notifier.send(a_message(), progress))
    waiting = asyncio.ensure_future(until())
    await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert not sending.done(), "ended by itself"
    sending.cancel()
    await asyncio.wait({sending}, timeout=5)
    assert sending.cancelled()
    return progress


async def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Return as soon as `holds()`; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - looks at other processes and the kernel's tables
            await asyncio.sleep(0.01)
