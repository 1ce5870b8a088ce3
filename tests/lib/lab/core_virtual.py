"""Virtual time: an event loop that jumps to its next timer instead of waiting for it.

Half an hour of timers passes in a millisecond, while sockets and threads work as ever: time stands still as long
as a thread is at work for the loop, or something real may still arrive.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

START: Final = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)
"""The wall time at which virtual time begins: a Monday, 10:00 in Shanghai."""

GRACE: Final = 0.003
"""Real seconds that open sockets get to have something to say, before time may jump over them."""

PATIENCE: Final = 20.0
"""Real seconds for which work outside the loop may take before it is a failure of the test."""


class Stuck(AssertionError):
    """Nothing can ever happen again, or work outside the loop does not end."""


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]  # its base is chosen by the platform
    """Selects like any other; when nothing is ready it asks the loop whether time may jump."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        if not self.loop.outside and len(self.get_map()) > 1:  # one is the loop's own, to be woken by threads
            ready = super().select(GRACE)
            if ready:
                return ready
        if self.loop.outside or timeout is None:
            ready = super().select(PATIENCE)
            if not ready:
                raise Stuck(f"nothing happens any more; at work outside: {self.loop.outside}")
            return ready
        self.loop.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop whose clock is its own. `outside` counts what threads are doing for it right now."""

    def __init__(self) -> None:
        self.outside = 0
        self._virtual = 1000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        self._virtual += seconds

    @contextmanager
    def work_outside(self) -> Iterator[None]:
        """Hold the time while something real is waited for."""
        self.outside += 1
        try:
            yield
        finally:
            self.outside -= 1

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Hold the time until the call has returned, also where nobody waits for it any more."""
        self.outside += 1
        call = executor.submit(func, *args)
        answer: asyncio.Future[T] = asyncio.wrap_future(call, loop=self)
        # Ours is called after the one that carries the answer over: time moves on only when that has arrived.
        call.add_done_callback(lambda _: self.call_soon_threadsafe(self._came_back))
        return answer

    def _came_back(self) -> None:
        self.outside -= 1


class VirtualClock:
    """The daemon's clock, bound to the loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, at: datetime = START) -> None:
        self._loop = loop
        self._at = at
        self._zero = loop.time()

    def now(self) -> datetime:
        return self._at + timedelta(seconds=self._loop.time() - self._zero)

    def monotonic(self) -> float:
        return self._loop.time()


class Outside:
    """Wraps what is served by a thread of its own: every awaited method holds the time until it has answered."""

    def __init__(self, wrapped: object, loop: VirtualLoop) -> None:
        self._wrapped = wrapped
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **options: Any) -> Any:
            with self._loop.work_outside():
                return await found(*args, **options)

        return call


def virtually(story: Callable[[], Coroutine[Any, Any, T]], *, within: float = 60) -> T:
    """Run a story in virtual time; fail when it takes longer than `within` real seconds."""
    began = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        answer = runner.run(story())
        assert not runner.get_loop().outside  # type: ignore[attr-defined]
    assert time.monotonic() - began < within, f"it took {time.monotonic() - began:.1f} s of real time"
    return answer


def clock() -> VirtualClock:
    """Return the clock of the running loop."""
    return VirtualClock(asyncio.get_running_loop())


async def wait_for(what: Callable[[], object], *, within: float = 3600, every: float = 0.1) -> None:
    """Let time pass until something is true; fail when it is not within so many seconds of the loop's time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not what():
        assert loop.time() < end, "it did not become true in time"
        await asyncio.sleep(every)


async def settle(*awaitables: Awaitable[Any]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
