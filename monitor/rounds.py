"""The rounds: once a minute the daemon looks whether anything that is open has been forgotten, and mends it.

What must never happen is looked for all the same: an open incident without a next action, a send whose lease has
run out. It shouts about what it finds. On its way it starts the daily self-tests of channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from alerting.desk.audit import audit
from alerting.inputs import Audit, Input, Interrupted, Refused, SelfTest
from alerting.notification import Notification
from alerting.plan import Plan
from alerting.state import State
from config.model import Config
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery.leaving import keys
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell.rounds")

EVERY: Final = 60.0
"""Seconds between two rounds."""
JUMP: Final = 30.0
"""By so many seconds more or less than that the machine, or we, have slept, or the clock was set."""


class World(Protocol):
    """What the rounds look at."""

    config: Config
    state: State
    store: StoreThread
    clock: Clock
    vitals: Vitals

    async def submit(self, given: Input) -> str:
        """Decide, record, act."""
        ...


class Sends(Protocol):
    """What the rounds ask delivery. Both return ids of notifications."""

    def under_way(self) -> Collection[str]:
        """Return what is being sent right now."""
        ...

    async def never_left(self) -> Collection[str]:
        """Return what we have claimed, the store has as being sent, and certainly has not left."""
        ...


class Rounds:
    """Walks round once a minute."""

    def __init__(self, world: World, sends: Sends) -> None:
        """`sends` is delivery."""
        self._world = world
        self._sends = sends
        self._tested_until = world.clock.now()

    async def run(self) -> None:
        """Walk until cancelled. The first round is a minute after the start: what was left has its chance before.

        The same after a jump of the time: what is overdue then was not forgotten, it has had no chance yet.
        """
        clock, jumped = self._world.clock, False
        while True:
            wall, steady = clock.now(), clock.monotonic()
            await asyncio.sleep(EVERY)
            passed = (clock.now() - wall).total_seconds(), clock.monotonic() - steady
            jumped = not jumped and any(abs(seconds - EVERY) > JUMP for seconds in passed)
            if jumped:
                log.warning("the time has jumped: the audit waits for the next round")
            else:
                await self._quietly("audit", self._audit)
            await self._quietly("look for lost sends", self._overdue)
            await self._quietly("test channels", self._self_tests)

    async def _quietly(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Take one step of the round; none may keep the others from being taken."""
        try:
            await step()
        except StoreError as problem:
            log.debug("cannot %s: %s", what, problem)  # the store's own trouble is said elsewhere
        except Exception:
            log.exception("cannot %s", what)

    async def _audit(self) -> None:
        world = self._world
        findings = audit(world.state, world.config.plan, world.clock.now())
        world.vitals.findings = len(findings)
        if not findings:
            world.vitals.troubles.pop("audit", None)
            return
        for finding in findings:
            log.critical("audit: %s", finding.text)
        world.vitals.troubles["audit"] = f"{findings[0].text}" + (
            f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        )
        await world.submit(Audit())

    async def _overdue(self) -> None:
        world = self._world
        before = set(self._sends.under_way())
        overdue = await world.store.overdue(world.clock.now())
        unsent = await self._sends.never_left() if overdue else ()
        # What has ended or has been begun while the store was asked is not lost.
        under_way = before | set(self._sends.under_way())
        lost = [row for row in overdue if row.id not in under_way]
        if lost and world.vitals.troubles.keys().isdisjoint(("store", "records")):  # else receipts may wait
            log.error("taking up %d notifications whose sending was lost sight of", len(lost))
            known = world.state.records[Notification]
            for row in lost:
                seen = known.get(row.id)
                # The number of the attempt that was claimed: the receipt is for that one.
                known[row.id] = (
                    replace(seen, attempts=row.attempts) if isinstance(seen, Notification) else row
                )
            left = Interrupted(
                notifications=tuple(row.id for row in lost if row.id not in unsent),
                unsent=tuple(row.id for row in lost if row.id in unsent),
                left_as=keys(lost),
            )
            await world.submit(left)

    async def _self_tests(self) -> None:
        world = self._world
        before, self._tested_until = self._tested_until, world.clock.now()
        for channel in due_tests(world.config.plan, before, self._tested_until):
            try:
                await world.submit(SelfTest(channel=channel))
            except Refused as refused:
                log.warning("%s", refused.message)


def due_tests(plan: Plan, before: datetime, now: datetime) -> tuple[str, ...]:
    """Return the channels whose daily test falls after `before` and not after `now`, by the site's wall clock.

    What fell into a time the daemon was down or asleep for more than a day is not made up for.
    """
    zone = plan.site.zone
    days = {moment.astimezone(zone).date() for moment in (max(before, now - timedelta(days=1)), now)}
    return tuple(
        channel.id
        for channel in plan.channels.values()
        if channel.self_test is not None
        and any(before < datetime.combine(day, channel.self_test, zone) <= now for day in days)
    )
