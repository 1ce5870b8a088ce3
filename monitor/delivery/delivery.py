"""Delivery: outbox → channel → receipt. Claims what is due, sends it once, reports what came of it.

A row is claimed, and the claim on the disk, before its first byte leaves. What became of it enters the
pipeline at the top like everything else; whether and when it is tried again is decided there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

from alerting.desk.wanted import unwanted
from alerting.inputs import Received
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.state import Changes, State
from config.model import Channel, Config
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery.backoff import wait
from monitor.delivery.compose import compose
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell.delivery")

CLAIM: Final = 64
"""Rows claimed at once, where the channels have room for them."""
LEASE_BEYOND: Final = timedelta(seconds=30)
"""A lease outlives the longest deadline by this."""
LOOK: Final = 10.0
"""Seconds after which the outbox is looked at even if nobody woke us."""
TRY_AGAIN: Final = 1.0
"""Seconds between two looks while the store fails."""
CUT: Final = 1.0
"""Seconds in which a send that was cut off must be out of the way."""
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
        self._sending: dict[asyncio.Task[None], Notification] = {}
        self.answered = asyncio.get_running_loop().time()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    async def run(self) -> None:
        """Claim and send, until cancelled."""
        while True:
            self._woken.clear()
            try:
                pause = self._remembered() if self._failing() else await self._round()
            except StoreError as problem:
                log.error("cannot claim notifications, trying again: %s", problem)  # noqa: TRY400 - no traceback helps
                self._vitals.troubles.setdefault("store", str(problem))
                pause = TRY_AGAIN
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
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=CUT)

    async def settled(self) -> None:
        """Return when all that is being sent right now has ended, however it ends."""
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def _round(self) -> float:
        """Claim what may be sent now and begin sending; return how long to sleep at most.

        Never more than the channels have room for: what is claimed counts as sent should we die.
        """
        now = self._clock.now()
        room = self._room()
        most = min([CLAIM, *(free for free in room.values() if free > 0)])
        rows = await self._store.claim(self._owner, now, self._lease(), most, _full(room))
        for row in rows:
            self._begin(row)
        if len(rows) == most:
            return 0
        due = await self._store.next_due(now, _full(self._room()))
        return LOOK if due is None else min(LOOK, max(0.01, (due - self._clock.now()).total_seconds()))

    def _failing(self) -> bool:
        return not self._vitals.troubles.keys().isdisjoint(("store", "records"))

    def _remembered(self) -> float:
        """Send the pages that are due from what is only remembered: the store fails, people must hear all the same."""
        now = self._clock.now()
        under_way = {row.id for row in self._sending.values()}
        pages = [
            row
            for row in self._world.state.records[Notification].values()
            if isinstance(row, Notification)
            and row.kind is Kind.PAGE
            and row.state is NotificationState.PENDING
            and row.not_before <= now
            and row.id not in under_way
        ]
        room = self._room()
        for row in sorted(pages, key=lambda page: page.not_before):
            free = room.get(row.channel, 1)
            if free > 0:
                room[row.channel] = free - 1
                self._begin(replace(row, attempts=row.attempts + 1), remembered=True)
        return TRY_AGAIN

    def _room(self) -> dict[str, int]:
        """Return by channel how many more sends may begin."""
        busy = Counter(row.channel for row in self._sending.values())
        return {name: one.parallel - busy[name] for name, one in self._world.config.channels.items()}

    def _lease(self) -> timedelta:
        longest = max((one.timeout for one in self._world.config.channels.values()), default=0.0)
        return timedelta(seconds=longest) + LEASE_BEYOND

    def _begin(self, row: Notification, *, remembered: bool = False) -> None:
        sending = self._deliver(row, remembered=remembered)
        task = asyncio.get_running_loop().create_task(sending, name=f"send {row.id}")
        self._sending[task] = row
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("cannot book a receipt: %s", problem, exc_info=problem)

    async def _deliver(self, row: Notification, *, remembered: bool) -> None:
        receipt = await self._attempt(row, remembered=remembered)
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
        try:
            await self._submit(Received(receipt=receipt))
        except StoreError:
            pass  # it waits in the pipeline, in order, until the store works again
        except Exception:
            log.exception("cannot decide on the receipt of %s, it is only booked", row.id)
            await self._store.record(Changes(receipts=(receipt,)))

    async def _attempt(self, row: Notification, *, remembered: bool) -> Receipt:
        try:
            return await self._send_if_wanted(row, remembered=remembered)
        except Exception as cause:  # ours, before anything was sent: the row must not stay "sending" for ever
            log.exception("cannot prepare %s", row.id)
            words = f"{type(cause).__name__} before it was sent"
            return self._failed(row, DeliveryError(words, reason=Reason.INTERNAL))

    async def _send_if_wanted(self, row: Notification, *, remembered: bool) -> Receipt:
        now = self._clock.now()
        reason = unwanted(self._world.state, row, now)
        if reason is not None:
            late = reason is Reason.TOO_LATE
            state = NotificationState.EXPIRED if late else NotificationState.CANCELLED
            return _receipt(row, state, now, reason)
        config = self._world.config
        message = compose(row, config.plan, self._world.ack_key, now, remembered=remembered)
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


def _full(room: dict[str, int]) -> frozenset[str]:
    return frozenset(name for name, free in room.items() if free <= 0)


def _receipt(row: Notification, state: NotificationState, at: datetime, reason: Reason) -> Receipt:
    return Receipt(notification=row.id, attempt=row.attempts, state=state, at=at, reason=reason)
