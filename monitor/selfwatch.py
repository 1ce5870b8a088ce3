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
DESK_EVERY: Final = 10
"""Beats between two questions to an idle desk: that it has nothing to do is no proof that it could."""
STORE_ANSWERS: Final = 10.0
"""Seconds after which a store that has not answered is in trouble."""
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
        self._began: dict[str, float] = {}
        """What was asked and has not answered yet, by part, on the loop's clock."""
        self._asking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        feed = watchdog_seconds()
        due, beat, fed = loop.time(), 0, float("-inf")
        try:
            while True:
                due += BEAT
                await asyncio.sleep(due - loop.time())
                now = loop.time()
                self._vitals.loop_lag = max(0.0, now - due)
                if now - due > BEAT:
                    due = now  # all were held up: no burst of beats, and nobody is blamed before the next one
                    continue
                self._ask_around(beat, now)
                beat += 1
                if not self._stuck(now) and feed is not None and now - fed >= feed / 3:
                    fed = now
                    notify("WATCHDOG=1", patience=0)
        finally:
            for task in self._asking:
                task.cancel()

    def _ask_around(self, beat: int, now: float) -> None:
        if beat % STORE_EVERY == 0 or not self._vitals.troubles.keys().isdisjoint(("store", "disk")):
            self._ask("store", self._prove_store, now)
        if beat % DESK_EVERY == 0 or self._busy():
            self._ask("desk", self._pass_time, now)
        if now - self._began.get("store", now) > STORE_ANSWERS:
            self._vitals.troubles["store"] = "the store does not answer"

    def _ask(self, part: str, question: Callable[[], Awaitable[None]], now: float) -> None:
        """Ask beside the beat, which never waits: one question at a time to each part."""
        if part in self._began:
            return
        self._began[part] = now

        async def ask() -> None:
            try:
                await question()
            finally:
                del self._began[part]

        task = asyncio.get_running_loop().create_task(ask(), name=f"ask {part}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _prove_store(self) -> None:
        try:
            scarce = await self._store.check(self._clock.now())
        except StoreError as problem:
            self._vitals.troubles["store"] = str(problem)
        else:
            self._vitals.troubles.pop("store", None)
            if scarce:
                self._vitals.troubles["disk"] = scarce
            else:
                self._vitals.troubles.pop("disk", None)

    async def _pass_time(self) -> None:
        try:
            await self._tick()
        except Exception as problem:  # it is in the journal and in the vitals already
            log.debug("tick: %s", problem)

    def _stuck(self, now: float) -> bool:
        silent = [name for name, when in self._answered.items() if now - when() > SILENT]
        silent += [name for name, began in self._began.items() if now - began > SILENT]
        if silent and "stuck" not in self._vitals.troubles:
            log.critical("no answer from %s: systemd's watchdog is no longer fed", ", ".join(silent))
        if silent:
            self._vitals.troubles["stuck"] = f"no answer from {', '.join(silent)}"
        elif self._vitals.troubles.pop("stuck", None) is not None:
            log.warning("every part answers again")
        return bool(silent)
