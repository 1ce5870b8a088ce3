"""The driver: brings a coroutine to its end without a task, resumed by what it waits for in the same breath.

A task, its timeout and a future for each wait cost more than the whole of what a probe does. What a coroutine driven
here awaits is a Signal (a socket that may be ready again), any future, or `asyncio.sleep(0)`. Whatever wants a task
around itself, as `asyncio.timeout` or aiohttp do, is put into one: `probes.api.in_task`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from probes.network.poller import Signal

T = TypeVar("T")


class Drive(Generic[T]):
    """One coroutine under way. `ended(result, None)` or `ended(None, problem)` is called once."""

    __slots__ = ("__weakref__", "_coroutine", "_ended", "_loop", "_step", "_waits")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T],
        ended: Callable[[T | None, BaseException | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Nothing runs before `start`."""
        self._coroutine = coroutine
        self._ended = ended
        self._loop = loop
        self._waits: Any = None
        self._step: Callable[..., None] = self._go_on  # one bound method for all waits

    def start(self) -> None:
        """Run up to the first wait."""
        self._advance(self._coroutine.send, None)

    def cancel(self) -> None:
        """Throw CancelledError at where it waits; it may still await what it has to clean up."""
        waits, self._waits = self._waits, None
        if type(waits) is Signal:
            waits.resume = None
        elif waits is not None:  # a future, or the loop's own handle
            if hasattr(waits, "remove_done_callback"):
                waits.remove_done_callback(self._step)
            waits.cancel()
        self._advance(self._coroutine.throw, asyncio.CancelledError())

    def _go_on(self, _: object = None) -> None:
        self._waits = None
        self._advance(self._coroutine.send, None)

    def _advance(self, way: Callable[[Any], Any], given: Any) -> None:
        try:
            waits = way(given)
        except StopIteration as end:
            self._step = _over  # else it would hold itself, and all that belongs to the run, until a collector comes by
            self._ended(end.value, None)
        except BaseException as problem:  # also a cancellation is an end, and told as it is
            self._step = _over
            self._ended(None, problem)
        else:
            if type(waits) is Signal:
                self._waits = waits
                waits.resume = self._step
            elif waits is None:
                self._waits = self._loop.call_soon(self._step)
            else:
                self._waits = waits
                waits._asyncio_future_blocking = False  # noqa: SLF001 - what a task says to a future it waits for
                waits.add_done_callback(self._step)


def _over(_: object = None) -> None:
    """Do nothing: there is nothing to go on with."""
