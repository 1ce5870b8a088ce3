"""Which sockets can be read or written again: one epoll of our own, edge by edge, on top of the running loop.

A loop's own `add_reader` costs a system call and a handle each time a socket waits. Here a socket is made known once,
for both directions; what has become ready is fetched for many sockets at once and whoever waits goes on in the same
breath. Closing a descriptor makes the kernel forget it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Final
from weakref import WeakKeyDictionary, ref

EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_READABLE: Final = ~select.EPOLLOUT
"""Whatever else is reported, reading tells what it is."""
BATCH: Final = 64
"""Sockets served before the loop gets its turn again: what is left is still ready then."""


class Signal:
    """Says when a socket is worth another try. To be awaited after one that would have blocked, by one at a time.

    An edge that comes while nobody waits is kept, so none is missed; one too many only costs a try. It can be awaited
    in a task as well as under a driver that resumes it directly through `resume`.
    """

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_fired", "_told", "readable", "resume")

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._fired = False
        self._cancelled = False
        self._told: tuple[Callable[[Any], object], Context | None] | None = None
        self._asyncio_future_blocking = False
        self.readable = False
        """Something has come, or ended, since reading last had to wait. To be unset by who finds nothing to read."""
        self.resume: Callable[[], object] | None = None
        """Called, once, with the next edge; set by a driver while the coroutine it drives waits here."""

    def __await__(self) -> Generator[Signal, None, None]:
        """Return with the next edge, or at once where one came since the last."""
        if not self._fired:
            self._asyncio_future_blocking = True
            yield self
        self._fired = False

    def edge(self, events: int = 0) -> None:
        """Something has changed, as epoll says it: whoever waits goes on."""
        self._fired = True
        if events & _READABLE:
            self.readable = True
        resume = self.resume
        if resume is not None:
            self.resume = None
            resume()
        elif self._told is not None:
            self._tell()

    # What a task wants of anything it waits for.

    def add_done_callback(self, told: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Have `told` called through the loop with the next edge."""
        self._told = told, context

    def remove_done_callback(self, _told: Callable[[Any], object]) -> int:
        """Have nothing called."""
        self._told = None
        return 1

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop this belongs to: a socket is only ever waited for where it was opened."""
        return asyncio.get_running_loop()

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - what a task hands over
        """Wake the task that waits here with its cancellation."""
        if self._told is None:
            return False
        self._cancelled = True
        self._tell()
        return True

    def result(self) -> None:
        """Return nothing; raise what the task was cancelled with."""
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    def _tell(self) -> None:
        if self._told is not None:
            (told, context), self._told = self._told, None
            asyncio.get_running_loop().call_soon(told, self, context=context)


class Poller:
    """The sockets that are known on one loop."""

    __slots__ = ("__weakref__", "_epoll", "_signals")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with none. The loop looks at the one descriptor that stands for all."""
        self._epoll = select.epoll()
        self._signals: dict[int, Signal] = {}
        loop.add_reader(self._epoll.fileno(), self.serve)

    def add(self, descriptor: int) -> Signal:
        """Make a socket known, once, after its connect has begun: before, the kernel reports it as hung up."""
        signal = self._signals[descriptor] = Signal()
        self._epoll.register(descriptor, EVENTS)
        return signal

    def forget(self, descriptor: int) -> None:
        """Let go of a socket that is about to be closed."""
        self._signals.pop(descriptor, None)

    def serve(self) -> int:
        """Have go on whoever waits for what is ready now; return for how many sockets that was."""
        signals = self._signals
        # Looked up before any goes on: one that closes its socket may hand its number to a new one.
        ready = [(number, events, signals.get(number)) for number, events in self._epoll.poll(0, BATCH)]
        for number, events, signal in ready:
            if signal is not None and signals.get(number) is signal:
                signal.edge(events)
        return len(ready)


_pollers: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Poller]] = WeakKeyDictionary()


class _Latest:
    """Whose poller was asked for last: nearly always it is the same again."""

    loop: Callable[[], asyncio.AbstractEventLoop | None] = staticmethod(lambda: None)
    poller: Poller


def serve() -> int:
    """Have go on whoever waits on the running loop for what is ready now; return for how many sockets that was."""
    return _Latest.poller.serve() if _Latest.loop() is asyncio.get_running_loop() else 0


def poller() -> Poller:
    """Return the running loop's own."""
    loop = asyncio.get_running_loop()
    if _Latest.loop() is loop:
        return _Latest.poller
    known = _pollers.get(loop)
    if known is None:
        known = _pollers[loop] = Poller(loop)
    _Latest.loop, _Latest.poller = ref(loop), known
    return known
