"""Delivery: outbox → channel → receipt. Claims what is due, sends it once, reports what came of it.

A row is claimed, and the claim on the disk, before its first byte leaves. What became of it enters the
pipeline at the top like everything else; whether and when it is tried again is decided there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

from alerting.desk.wanted import unwanted
from alerting.inputs import Received
from alerting.notification import Notification, NotificationState, Reason, Receipt
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.state import State
from config.model import Channel, Config
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery.backoff import wait
from monitor.delivery.compose import compose
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell.delivery")

CLAIM: Final = 64
"""Rows claimed at once."""
LEASE_BEYOND: Final = timedelta(seconds=30)
"""A lease outlives the longest deadline by this."""
LOOK: Final = 10.0
"""Seconds after which the outbox is looked at even if nobody woke us."""
DETAIL: Final = 300


class World(Protocol):
    """What delivery reads at the moment it sends."""

    config: Config
    state: State
    ack_key: bytes


class Delivery:
    """Sends what is due, each channel within its own bound, so that a hung provider holds up nobody else."""

    def __init__(
        self,
        *,
        world: World,
        store: StoreThread,
        clock: Clock,
        vitals: Vitals,
        submit: Callable[[Received], Awaitable[str]],
        owner: str,
        random: Random,
    ) -> None:
        """`owner` names this process in the claims it makes."""
        self._world = world
        self._store = store
        self._clock = clock
        self._vitals = vitals
        self._submit = submit
        self._owner = owner
        self._random = random
        self._woken = asyncio.Event()
        self._sending: dict[asyncio.Task[None], str] = {}
        self.answered = asyncio.get_running_loop().time()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    async def run(self) -> None:
        """Claim and send, until cancelled."""
        while True:
            self._woken.clear()
            try:
                pause = await self._round()
            except StoreError as problem:
                log.error("cannot claim notifications, trying again: %s", problem)  # noqa: TRY400 - no traceback helps
                pause = 1.0
            self.answered = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for what is being sent; what is left then is taken up at the next start."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace)
        for task in list(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _round(self) -> float:
        """Claim what may be sent now and begin sending; return how long to sleep at most."""
        now = self._clock.now()
        full = self._full()
        rows = await self._store.claim(self._owner, now, self._lease(), CLAIM, full)
        back = []
        for row in rows:
            if row.channel in self._full():
                back.append(row)  # its channel filled up within this very round
            else:
                self._begin(row)
        if back:
            await self._store.release(back)
        if len(rows) - len(back) == CLAIM:
            return 0
        due = await self._store.next_due(now, self._full())
        return LOOK if due is None else min(LOOK, max(0.01, (due - self._clock.now()).total_seconds()))

    def _full(self) -> frozenset[str]:
        busy: dict[str, int] = {}
        for channel in self._sending.values():
            busy[channel] = busy.get(channel, 0) + 1
        known = self._world.config.channels
        return frozenset(
            name for name, count in busy.items() if name in known and count >= known[name].parallel
        )

    def _lease(self) -> timedelta:
        longest = max((one.timeout for one in self._world.config.channels.values()), default=0.0)
        return timedelta(seconds=longest) + LEASE_BEYOND

    def _begin(self, row: Notification) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(row), name=f"send {row.id}")
        self._sending[task] = row.channel
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("cannot book a receipt: %s", problem)

    async def _deliver(self, row: Notification) -> None:
        receipt = await self._attempt(row)
        key = (row.channel, receipt.state.value, receipt.reason.value if receipt.reason else "")
        self._vitals.deliveries[key] = self._vitals.deliveries.get(key, 0) + 1
        if receipt.reason is not None:
            log.warning(
                "%s by %s: %s (%s)",
                row.id,
                row.channel,
                receipt.state.value,
                receipt.detail or receipt.reason,
            )
        await self._submit(Received(receipt=receipt))

    async def _attempt(self, row: Notification) -> Receipt:
        now = self._clock.now()
        reason = unwanted(self._world.state, row, now)
        if reason is not None:
            late = reason is Reason.TOO_LATE
            state = NotificationState.EXPIRED if late else NotificationState.CANCELLED
            return _receipt(row, state, now, reason)
        config = self._world.config
        message = compose(row, config.plan, self._world.ack_key, now)
        channel = config.channels.get(row.channel)
        if message is None or channel is None:
            return _receipt(row, NotificationState.FAILED, now, Reason.NO_ADDRESS)
        return await self.send(row, channel, message)

    async def send(self, row: Notification, channel: Channel, message: Message) -> Receipt:
        """Make one attempt under the channel's deadline and say what came of it; never raises but for cancellation."""
        progress = Progress()
        limit = asyncio.timeout(channel.timeout)
        try:
            async with limit:
                accepted: Accepted = await channel.notifier.send(message, progress)
        except DeliveryError as refused:
            return self._failed(row, refused)
        except Exception as cause:
            if isinstance(cause, TimeoutError) and limit.expired():
                words = f"no answer within {channel.timeout:g} s"
                error = DeliveryError(words, reason=Reason.TIMEOUT, ambiguous=progress.sent)
            else:
                log.exception("cannot send %s by %s", row.id, row.channel)
                words = f"{type(cause).__name__} in the notifier"
                error = DeliveryError(words, reason=Reason.INTERNAL, ambiguous=progress.sent)
            return self._failed(row, error)
        return Receipt(
            notification=row.id,
            attempt=row.attempts,
            state=NotificationState.ACCEPTED,
            at=self._clock.now(),
            detail=accepted.detail[:DETAIL],
            provider_id=accepted.provider_id[:DETAIL],
        )

    def _failed(self, row: Notification, error: DeliveryError) -> Receipt:
        now = self._clock.now()
        if error.ambiguous:
            state = NotificationState.AMBIGUOUS
        else:
            state = NotificationState.PENDING if error.retry else NotificationState.FAILED
        again = None
        if state is not NotificationState.FAILED:
            again = now + wait(row.attempts, error.retry_after, self._random)
        return Receipt(
            notification=row.id,
            attempt=row.attempts,
            state=state,
            at=now,
            reason=error.reason,
            detail=error.message[:DETAIL],
            retry_at=again,
        )


def _receipt(row: Notification, state: NotificationState, at: datetime, reason: Reason) -> Receipt:
    return Receipt(notification=row.id, attempt=row.attempts, state=state, at=at, reason=reason)
