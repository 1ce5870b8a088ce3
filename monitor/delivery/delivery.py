"""Delivery: outbox → channel → receipt. Claims what is due, sends it once, reports what came of it.

A row is claimed, and the claim on the disk, before its first byte leaves. What became of it enters the
pipeline at the top like everything else; whether and when it is tried again is decided there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Final

from alerting.altered import altered
from alerting.inputs import Received
from alerting.notification import Kind, Notification, NotificationState, Receipt
from alerting.notifiers.api import Message
from alerting.state import Changes
from config.model import Channel
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery import health
from monitor.delivery.booking import Booking, receipt_again
from monitor.delivery.leaving import Leaving, together
from monitor.delivery.marks import Marks
from monitor.delivery.rates import Rates
from monitor.delivery.sending import CUT, Sender, World
from monitor.store.errors import StoreError
from monitor.store.taking import Taking
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell.delivery")

CLAIM: Final = 64
"""Rows claimed at once, where the channels have room for them."""
LEASE_BEYOND: Final = timedelta(seconds=30)
"""A lease outlives the longest deadline by this."""
LOOK: Final = 10.0
"""Seconds after which the outbox is looked at even if nobody woke us."""
GATHER: Final = 0.02
"""Seconds after which what has become free on a full channel is claimed for, where it is less than half of it."""
TRY_AGAIN: Final = 1.0
"""Seconds between two looks while the store fails."""
STORE_ANSWERS: Final = 2.0
"""Seconds after which a claim is given up: a disk that hangs must not keep pages in the outbox."""


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
        """`owner` names this process in the claims it makes. What a former one left is in `marks`."""
        self.marks = Marks(world.config.state_dir)
        self._world = world
        self._store = store
        self._clock = clock
        self._vitals = vitals
        self.owner = owner
        self._sender = Sender(world=world, clock=clock, vitals=vitals, random=random, marks=self.marks)
        self._booking = Booking(submit=submit, store=store, marks=self.marks)
        self._woken = asyncio.Event()
        self._sending: dict[asyncio.Task[None], Leaving] = {}
        self._claiming: asyncio.Task[list[Notification]] | None = None
        self._short = True
        """True where more may be due than the last claim had room for; or nobody has looked yet."""
        self._freed_meanwhile: set[str] | None = None
        """Channels on which sends have ended while it is being claimed: only then is it known whether more waits."""
        self._taking: dict[str, Notification] = {}
        """What is being recorded as claimed, by its id: it takes its room already."""
        self._closed = False
        self._soon: asyncio.TimerHandle | None = None
        self._lost_claim = False
        """True after a claim that failed: it may be on the disk all the same."""
        self._rates = Rates()
        self.answered = self._time()

    def wake(self) -> None:
        """Look at the outbox now."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._woken.set()

    def under_way(self) -> frozenset[str]:
        """Return the ids of the notifications that are being sent right now."""
        return frozenset(row.id for leaving in self._sending.values() for row in leaving.rows)

    async def never_left(self) -> frozenset[str]:
        """Return the ids of what we have claimed, the store has as being sent, and certainly has not left."""
        live = self.marks.live
        return frozenset(row.id for row in await self._store.held(self.owner) if not live.may_have_left(row))

    def take(self, rows: Iterable[Notification]) -> Taking | None:
        """Return what of `rows`, which are about to be recorded, is to be recorded as claimed; `begin` ends that.

        It spares asking the outbox for what was just put there. Only what is new and due, where nothing else that is
        due waits; pages first. None for nothing.
        """
        busy = self._short or self._taking or self._claiming is not None or self._woken.is_set()
        if busy or self._closed or self._lost_claim or self._failing():
            return None
        now, room = self._clock.now(), self._room()
        for row in sorted(rows, key=lambda row: (row.kind is not Kind.PAGE, -row.severity.rank)):
            new = row.state is NotificationState.PENDING and not row.attempts and not row.bundle
            if new and row.not_before <= now and room.get(row.channel, 0) > 0:
                room[row.channel] -= 1
                self._taking[row.id] = row
        if not self._taking:
            return None
        return Taking(ids=frozenset(self._taking), owner=self.owner, until=now + self._lease())

    async def begin(self, taken: frozenset[str] | None) -> None:
        """Begin to send what is on the disk as claimed by now; None: it may be, and is looked for. Never raises."""
        taking, self._taking = self._taking, {}
        self._lost_claim = self._lost_claim or taken is None
        rows = [
            altered(row, state=NotificationState.SENDING, attempts=1)
            for row in taking.values()
            if row.id in (taken or ())
        ]
        try:
            if self._closed:
                await self._store.release(rows)
            elif answered := self._begin_claimed(rows):
                await self._store.record(Changes(receipts=tuple(answered)))
        except StoreError as problem:
            log.error("cannot record what was sent from memory: %s", problem)  # noqa: TRY400 - no traceback helps
        except (
            Exception
        ):  # what is recorded is recorded: the pipeline goes on, and what is held is looked for
            log.exception("cannot begin to send what was recorded")
            self._lost_claim = True
        if self._lost_claim:
            self.wake()

    async def send(self, row: Notification, channel: Channel, message: Message) -> Receipt:
        """Make one attempt under the channel's deadline and say what came of it; never raises but for cancellation."""
        return await self._sender.send(row, channel, message)

    async def run(self) -> None:
        """Claim and send, until cancelled."""
        while True:
            self._woken.clear()
            self._freed_meanwhile = set()
            try:
                pause = await self._round()
            except StoreError as problem:
                log.error("cannot claim notifications, trying again: %s", problem)  # noqa: TRY400 - no traceback helps
                self._vitals.troubles.setdefault("store", str(problem))
                pause = TRY_AGAIN
            self.answered = self._time()
            freed, self._freed_meanwhile = self._freed_meanwhile, None
            for channel in freed:
                self._freed(channel)
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for what is being sent; what is left then is taken up at the next start."""
        self._closed = True
        if self._soon is not None:
            self._soon.cancel()
        if self._claiming is not None and not self._claiming.cancel():  # else what it brings is given back
            self._claiming.exception()  # looked at, so that nobody complains
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace)
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=CUT)
        self.marks.close()

    async def settled(self) -> None:
        """Return when all that is being sent right now has ended, however it ends."""
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def _round(self) -> float:
        """Claim what may be sent now and begin sending; return how long to sleep at most.

        Never more than the channels have room for: what is claimed counts as sent should we die.
        """
        self._short = True
        if self._failing() and (self._claiming is None or not self._claiming.done()):
            self._begin_remembered()
            return TRY_AGAIN
        if self._lost_claim and not await self._begin_lost():
            return TRY_AGAIN
        now = self._clock.now()
        room = self._room()
        full = _full(room)
        most = min([CLAIM, *(free for free in room.values() if free > 0)])
        if self._claiming is None:
            if room and len(full) == len(room):
                return min(LOOK, max(0.01, self._rates.wait(self._world.config.channels, self._time(), LOOK)))
            claim = self._store.claim(self.owner, now, self._lease(), most, full)
            self._claiming = asyncio.get_running_loop().create_task(claim, name="claim")
        await asyncio.wait({self._claiming}, timeout=STORE_ANSWERS)
        if not self._claiming.done():  # what it brings is taken up when it comes
            log.error("cannot claim notifications: the store does not answer")
            self._vitals.troubles.setdefault("store", "the store does not answer")
            return 0
        claiming, self._claiming = self._claiming, None
        try:
            rows = claiming.result()
        except StoreError:
            self._lost_claim = True
            raise
        answered = self._begin_claimed(rows)
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                if answered:
                    await self._store.record(Changes(receipts=tuple(answered)))
                full |= _full(self._room())
                due = None if len(rows) >= most else await self._store.next_due(now, full)
        except TimeoutError:
            return TRY_AGAIN
        if len(rows) >= most:
            return 0
        self._short = bool(full)
        pause = LOOK if due is None else (due - self._clock.now()).total_seconds()
        return min(
            LOOK, max(0.01, min(pause, self._rates.wait(self._world.config.channels, self._time(), LOOK)))
        )

    def _begin_claimed(self, rows: Iterable[Notification]) -> list[Receipt]:
        """Begin sending what was claimed, but for what an attempt from memory is sending, or has sent, already.

        Return receipts that tell the store how those ended.
        """
        remembered = {
            row.id: leaving
            for leaving in self._sending.values()
            if leaving.remembered
            for row in leaving.rows
        }
        fresh: list[Notification] = []
        answered: list[Receipt] = []
        for row in rows:
            known = self._world.state.records[Notification].get(row.id)
            if row.id in remembered:
                remembered[row.id].adopt(row)
            elif not isinstance(known, Notification) or known.attempts < row.attempts:
                fresh.append(row)
            elif known.state.alive:
                if known.attempts > row.attempts:
                    fresh.append(row)
                # else the receipt of that very attempt is on its way to the disk
            else:
                answered.append(receipt_again(known, row.attempts, self._clock.now()))
        for group in together(fresh):
            self._begin(group)
        return answered

    async def _begin_lost(self) -> bool:
        """Begin what a lost claim has taken, before more is claimed: it takes up room. False: the store hangs."""
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                answered = self._begin_claimed(await self._found_again())
                self._lost_claim = False
                if answered:
                    await self._store.record(Changes(receipts=tuple(answered)))
        except TimeoutError:
            return False
        return True

    async def _found_again(self) -> list[Notification]:
        """Return what a claim has taken whose answer was an error: certainly not sent."""
        held = await self._store.held(self.owner)
        under_way, live = self.under_way(), self.marks.live
        under_way |= self._taking.keys()
        return [row for row in held if row.id not in under_way and not live.may_have_left(row)]

    def _failing(self) -> bool:
        return not self._vitals.troubles.keys().isdisjoint(("store", "records"))

    def _begin_remembered(self) -> None:
        """Send the pages that are due from what is only remembered: the store fails, people must hear all the same."""
        now = self._clock.now()
        under_way = self.under_way()
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
        for group in together(sorted(pages, key=lambda page: page.not_before)):
            channel = group[0].channel
            free = room.get(channel, 1)
            if free > 0:
                room[channel] = free - 1
                self._begin([replace(row, attempts=row.attempts + 1) for row in group], remembered=True)

    def _room(self) -> dict[str, int]:
        """Return by channel how many more sends may begin."""
        busy = Counter(leaving.channel for leaving in self._sending.values() if not leaving.over)
        room = {name: one.parallel - busy[name] for name, one in self._world.config.channels.items()}
        now = self._time()
        room |= {
            name: min(room[name], free)
            for name, free in self._rates.free(self._world.config.channels, now).items()
        }
        if not self._failing():  # else they leave from memory, and must not be in their own way
            for row in self._taking.values():
                if row.channel in room:
                    room[row.channel] -= 1
        return room

    def _lease(self) -> timedelta:
        longest = max((one.timeout for one in self._world.config.channels.values()), default=0.0)
        return timedelta(seconds=longest) + LEASE_BEYOND

    def _begin(self, rows: Iterable[Notification], *, remembered: bool = False) -> None:
        leaving = Leaving(rows=tuple(rows), remembered=remembered)
        self._rates.pay(leaving.channel, 1, self._time())
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._deliver(leaving), name=f"send {leaving.rows[0].id}")
        self._sending[task] = leaving
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        leaving = self._sending.pop(task)
        if not leaving.over:
            self._freed(leaving.channel)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("cannot book a receipt: %s", problem, exc_info=problem)

    def _freed(self, channel: str) -> None:
        """Claim anew where more waits than there was room for: for half a channel at once, as sends end one by one."""
        if self._freed_meanwhile is not None:
            self._freed_meanwhile.add(channel)
            return
        if not self._short:
            return
        known = self._world.config.channels.get(channel)
        busy = sum(one.channel == channel and not one.over for one in self._sending.values())
        if known is None or 2 * busy <= known.parallel:
            self.wake()
        elif self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(GATHER, self.wake)

    async def _deliver(self, leaving: Leaving) -> None:
        receipts = await self._sender.attempt(leaving)
        leaving.over = True
        if not leaving.tried:
            self._rates.pay(leaving.channel, -1, self._time())
        self._freed(leaving.channel)
        self._tell(leaving.channel, receipts)
        await self._booking.book(receipts, leaving.marks)
        health.shout(self._vitals, self._world.config.plan, self._world.state, self._clock.now())

    def _tell(self, channel: str, receipts: Iterable[Receipt]) -> None:
        """Count what came of each row, and log what did not leave: a message's rows in one line."""
        lines: dict[tuple[str, str], list[str]] = {}
        for receipt in receipts:
            reason = receipt.reason.value if receipt.reason else ""
            key = (channel, receipt.state.value, reason)
            self._vitals.deliveries[key] = self._vitals.deliveries.get(key, 0) + 1
            if reason:
                lines.setdefault((receipt.state.value, receipt.detail or reason), []).append(
                    receipt.notification
                )
        for (state, why), rows in lines.items():
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            log.warning("%s%s by %s: %s (%s)", rows[0], more, channel, state, why)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _full(room: dict[str, int]) -> frozenset[str]:
    return frozenset(name for name, free in room.items() if free <= 0)
