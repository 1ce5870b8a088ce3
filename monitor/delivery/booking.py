"""Booking: receipts enter the pipeline at the top; what is on the disk needs its mark no longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from alerting.inputs import Received
from alerting.notification import Notification, Receipt
from alerting.state import Changes
from monitor.delivery.marks import Marks
from monitor.store.errors import Fault, StoreError
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell.delivery")

PART: Final = 250
"""Receipts handed in at once: they share a transaction, and whoever asks meanwhile waits for no more of them."""
_NEVER: Final = (Fault.REFUSED, Fault.CLOSED)


class Booking:
    """Hands in receipts. While the store fails they wait in the pipeline, in order, and so do their marks here."""

    def __init__(
        self, *, submit: Callable[[Received], Awaitable[str]], store: StoreThread, marks: Marks
    ) -> None:
        """Take the way into the pipeline."""
        self._submit = submit
        self._store = store
        self._marks = marks
        self._waiting: list[str] = []

    async def book(self, receipts: Sequence[Receipt], marks: Sequence[str]) -> None:
        """Return once all `receipts` are recorded, or wait for the store in the pipeline."""
        before = list(self._waiting)
        outcomes: set[bool | None] = set()
        for start in range(0, len(receipts), PART):
            part = receipts[start : start + PART]
            if len(part) == 1:  # as nearly always: it needs no task of its own
                outcomes.add(await self._one(part[0]))
            else:
                outcomes |= set(await asyncio.gather(*map(self._one, part)))
        if outcomes == {True}:  # and with them all that waited before: nothing is recorded out of its order
            for name in marks:
                self._marks.clear(name)
            for name in before:
                if name in self._waiting:  # nobody else was quicker
                    self._waiting.remove(name)
                    self._marks.clear(name)
        elif None not in outcomes:
            self._waiting += marks

    async def _one(self, receipt: Receipt) -> bool | None:
        """Return True once it is recorded, False where it waits, None where it will never be."""
        for what_then in ("it is tried once more", "it is only booked"):
            try:
                await self._submit(Received(receipt=receipt))
            except StoreError as problem:
                return None if problem.fault in _NEVER else False
            except Exception:  # nothing follows from what is only booked: no next channel, no word of the end
                log.exception("cannot decide on the receipt of %s, %s", receipt.notification, what_then)
            else:
                return True
        try:
            await self._store.record(Changes(receipts=(receipt,)))
        except StoreError as problem:
            log.error("cannot book a receipt of %s: %s", receipt.notification, problem)  # noqa: TRY400 - one line
            return None
        return True


def receipt_again(known: Notification, attempt: int, at: datetime) -> Receipt:
    """Return the receipt of an attempt of which the store does not know yet how it ended."""
    return Receipt(
        notification=known.id,
        attempt=attempt,
        state=known.state,
        at=at,
        reason=known.reason,
        detail=known.detail,
    )
