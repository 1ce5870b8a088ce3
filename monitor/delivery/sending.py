"""One attempt: a message is made, sent once under its channel's deadline, and what came of it put in receipts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final, Protocol

from alerting.desk.wanted import unwanted
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.state import State
from config.model import Channel, Config
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery import health
from monitor.delivery.backoff import wait
from monitor.delivery.compose import compose_many, plain_facts
from monitor.delivery.leaving import Leaving
from monitor.delivery.marks import Marks
from monitor.landmark import Landmark, reached

log = logging.getLogger("nightbell.delivery")

CUT: Final = 1.0
"""Seconds in which a send that was cut off must be out of the way."""
DETAIL: Final = 300


class World(Protocol):
    """What delivery reads at the moment it sends."""

    config: Config
    state: State
    ack_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a message: it was taken, or `error` says why not."""

    at: datetime
    accepted: Accepted | None = None
    error: DeliveryError | None = None
    again_at: datetime | None = None
    key: str = ""
    """The message's, where it was not taken."""

    def receipt(self, row: Notification) -> Receipt:
        """Return it as the receipt of one of the rows that left with the message."""
        if self.error is None:
            told = self.accepted or Accepted()
            return Receipt(
                notification=row.id,
                attempt=row.attempts,
                state=NotificationState.ACCEPTED,
                at=self.at,
                detail=told.detail[:DETAIL],
                provider_id=told.provider_id[:DETAIL],
            )
        state = NotificationState.PENDING if self.error.retry else NotificationState.FAILED
        return Receipt(
            notification=row.id,
            attempt=row.attempts,
            state=NotificationState.AMBIGUOUS if self.error.ambiguous else state,
            at=self.at,
            reason=self.error.reason,
            detail=self.error.message[:DETAIL],
            retry_at=self.again_at,
            left_as=self.key if self.error.ambiguous else "",
        )


class Sender:
    """Makes attempts, notes how far they come, and knows how the channels are doing."""

    def __init__(self, *, world: World, clock: Clock, vitals: Vitals, random: Random, marks: Marks) -> None:
        """Nothing is sent before it is asked to."""
        self._world = world
        self._clock = clock
        self._vitals = vitals
        self._random = random
        self._marks = marks
        self._stubborn: set[asyncio.Task[Accepted]] = set()
        """Sends that were cut off and would not end."""

    async def attempt(self, leaving: Leaving) -> list[Receipt]:
        """Send once what is still wanted of `leaving`; return one receipt for each of its rows."""
        try:
            outcome = await self._send_wanted(leaving)
        except Exception as cause:  # ours, before anything was sent: no row must stay "sending" for ever
            log.exception("cannot prepare %s", leaving.rows[0].id)
            words = f"{type(cause).__name__} before it was sent"
            outcome = self._failed(leaving.rows[0], DeliveryError(words, reason=Reason.INTERNAL))
        receipts = []
        for row in leaving.rows:  # their attempts may have been adopted meanwhile
            reason = leaving.unwanted.get(row.id)
            receipts.append(outcome.receipt(row) if reason is None else _left_out(row, reason, outcome.at))
        return receipts

    async def _send_wanted(self, leaving: Leaving) -> Outcome:
        config, now = self._world.config, self._clock.now()
        leaving.unwanted |= {row.id: reason for row in leaving.rows if (reason := self._unwanted(row, now))}
        rows = leaving.left
        if not rows:
            return Outcome(at=now)
        reached(Landmark.SEND_BEGIN, rows[0].kind.value)
        message = self._compose(leaving, now)
        channel = config.channels.get(leaving.channel)
        if message is None or channel is None:
            return Outcome(at=now, error=DeliveryError("", reason=Reason.NO_ADDRESS, retry=False))
        leaving.tried = True
        if message.dedup_key != leaving.key:
            message = replace(message, dedup_key=leaving.key)
        progress = self._progress(leaving)
        outcome = await self._send(rows[0], channel, message, progress)
        if outcome.error is not None and outcome.error.ambiguous:
            with suppress(DeliveryError):
                progress.mark()  # until that is on the disk, for a notifier that did not say so
        if outcome.error is not None:
            outcome = replace(outcome, key=leaving.key)
        try:
            reached(Landmark.SEND_DONE, rows[0].kind.value)
        except Exception:  # what is known must be booked all the same
            log.exception("cannot end the attempt at %s in good order", rows[0].id)
        return outcome

    async def send(self, row: Notification, channel: Channel, message: Message) -> Receipt:
        """Make one attempt under the channel's deadline and say what came of it; raises nothing but cancellation."""
        return (await self._send(row, channel, message, Progress())).receipt(row)

    def _unwanted(self, row: Notification, now: datetime) -> Reason | None:
        if row.state is NotificationState.CANCELLED:
            return row.reason or Reason.OVER
        try:
            return unwanted(self._world.state, row, now)
        except Exception:  # a message too many is better than one too few
            log.exception("cannot tell whether %s is still wanted", row.id)
            return None

    def _compose(self, leaving: Leaving, now: datetime) -> Message | None:
        plan, remembered, found = self._world.config.plan, leaving.remembered, self._marks.found
        # A process before us may have sent it while the store failed, and died before it was recorded.
        rows = tuple(replace(row, repeated=True) if found.told_of(row) else row for row in leaving.left)
        try:
            return compose_many(rows, plan, self._world.ack_key, now, remembered=remembered)
        except Exception:
            log.exception("cannot compose %s, it leaves as plain facts", rows[0].id)
            return plain_facts(rows, plan, now, remembered=remembered)

    async def _send(
        self, row: Notification, channel: Channel, message: Message, progress: Progress
    ) -> Outcome:
        outcome = await self._try(row, channel, message, progress)
        if outcome.error is None:
            health.took(self._vitals, channel.id, self._world.config.plan, outcome.at)
        else:
            health.failed(self._vitals, channel.id, outcome.error.message[:DETAIL], outcome.at)
        return outcome

    async def _try(
        self, row: Notification, channel: Channel, message: Message, progress: Progress
    ) -> Outcome:
        try:
            accepted = await self._cut_off(channel, message, progress)
        except DeliveryError as refused:
            return self._failed(row, refused)
        except _Stubborn:  # it goes on out of our sight
            words = f"no answer within {channel.timeout:g} s, and it cannot be cut off"
            return self._failed(row, DeliveryError(words, reason=Reason.TIMEOUT, ambiguous=True))
        except _Late:
            words = f"no answer within {channel.timeout:g} s"
            error = DeliveryError(words, reason=Reason.TIMEOUT, ambiguous=progress.sent)
            return self._failed(row, error)
        except Exception as cause:
            log.exception("cannot send %s by %s", row.id, row.channel)
            words = f"{type(cause).__name__} in the notifier"
            error = DeliveryError(words, reason=Reason.INTERNAL, ambiguous=progress.sent)
            return self._failed(row, error)
        return Outcome(at=self._clock.now(), accepted=accepted)

    async def _cut_off(self, channel: Channel, message: Message, progress: Progress) -> Accepted:
        """Let the notifier send, in a task of its own: one that will not be cut off is left behind."""
        sending = asyncio.get_running_loop().create_task(channel.notifier.send(message, progress))
        try:
            await asyncio.wait({sending}, timeout=channel.timeout)
            late = not sending.done()
            if late:
                await self._end(sending)
        except asyncio.CancelledError:
            await self._end(sending)
            raise
        if not sending.done():
            raise _Stubborn
        if sending.cancelled():
            if late:
                raise _Late
            raise RuntimeError("a cancellation of its own making")
        return sending.result()

    async def _end(self, sending: asyncio.Task[Accepted]) -> None:
        sending.cancel()
        await asyncio.wait({sending}, timeout=CUT)
        if not sending.done():
            self._stubborn.add(sending)
            sending.add_done_callback(self._gone)
        elif not sending.cancelled():
            sending.exception()  # looked at, so that nobody complains

    def _gone(self, sending: asyncio.Task[Accepted]) -> None:
        self._stubborn.discard(sending)
        if not sending.cancelled():
            sending.exception()

    def _progress(self, leaving: Leaving) -> Progress:
        first = leaving.left[0]

        def mark() -> None:
            with self._noted():
                latest = max(row.attempts for row in leaving.left)
                for name in leaving.names:
                    leaving.marks.append(name)
                    self._marks.mark(name, latest, remembered=leaving.remembered)
                reached(Landmark.SEND_MARKED, first.kind.value)
            if self._marks.stuck and first.kind is not Kind.PAGE:
                raise DeliveryError("cannot note that it may have left", reason=Reason.INTERNAL)

        return Progress(mark)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Go on where a mark cannot be made: a page is worth more than knowing later whether it left."""
        try:
            yield
        except Exception as problem:
            self._marks.give_up(problem)

    def _failed(self, row: Notification, error: DeliveryError) -> Outcome:
        now = self._clock.now()
        again: datetime | None = None
        if error.retry or error.ambiguous:
            again = now + wait(row.attempts, error.retry_after, self._random)
        return Outcome(at=now, error=error, again_at=again)


class _Late(Exception):  # noqa: N818 - no answer in time
    pass


class _Stubborn(Exception):  # noqa: N818 - no answer in time, and no end either
    pass


def _left_out(row: Notification, reason: Reason, at: datetime) -> Receipt:
    state = NotificationState.EXPIRED if reason is Reason.TOO_LATE else NotificationState.CANCELLED
    return Receipt(notification=row.id, attempt=row.attempts, state=state, at=at, reason=reason)
