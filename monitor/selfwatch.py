"""The daemon watches itself: the loop's lag, the passing of time for the desk, and systemd's watchdog.

The watchdog is fed only while every part answers; an error is an answer, silence is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.systemd import notify, watchdog_seconds

log = logging.getLogger("nightbell.selfwatch")

BEAT: Final = 1.0
STORE_EVERY: Final = 60
"""Beats between two proofs that the store can be written."""
STORE_ANSWERS: Final = 10.0
SILENT: Final = 25.0
"""Seconds after which a part that has not answered counts as stuck."""


class SelfWatch:
    """Beats once a second."""

    def __init__(
        self,
        *,
        clock: Clock,
        vitals: Vitals,
        store: StoreThread,
        busy: Callable[[], bool],
        tick: Callable[[], Awaitable[object]],
        answered: Mapping[str, Callable[[], float]],
    ) -> None:
        """`answered` tells for each part when it last answered, on the loop's clock."""
        self._clock = clock
        self._vitals = vitals
        self._store = store
        self._busy = busy
        self._tick = tick
        self._answered = answered
        self._pending: asyncio.Task[object] | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        feed = watchdog_seconds()
        due, beat, fed = loop.time(), 0, 0.0
        while True:
            due += BEAT
            await asyncio.sleep(due - loop.time())
            now = loop.time()
            self._vitals.loop_lag = max(0.0, now - due)
            if now - due > BEAT:
                due = now  # we were held up: no burst of beats to catch up
            if beat % STORE_EVERY == 0:
                await self._prove_store()
            beat += 1
            if self._busy() and (self._pending is None or self._pending.done()):
                self._pending = loop.create_task(_quietly(self._tick()))
            if feed is not None and now - fed >= feed / 3 and not self._stuck(now):
                fed = now
                notify("WATCHDOG=1")

    async def _prove_store(self) -> None:
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                await self._store.check(self._clock.now())
        except (StoreError, TimeoutError) as problem:
            self._vitals.troubles["store"] = str(problem) or "the store does not answer"
        else:
            self._vitals.troubles.pop("store", None)

    def _stuck(self, now: float) -> bool:
        silent = [name for name, when in self._answered.items() if now - when() > SILENT]
        if silent and "stuck" not in self._vitals.troubles:
            log.critical("no answer from %s: systemd's watchdog is no longer fed", ", ".join(silent))
        if silent:
            self._vitals.troubles["stuck"] = f"no answer from {', '.join(silent)}"
        else:
            self._vitals.troubles.pop("stuck", None)
        return bool(silent)


async def _quietly(tick: Awaitable[object]) -> None:
    """Await a tick; what goes wrong with it is in the journal and in the vitals already."""
    try:
        await tick
    except Exception as problem:
        log.debug("tick: %s", problem)
