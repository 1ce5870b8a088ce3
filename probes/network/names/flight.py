"""One piece of work that many wait for: begun once, and none of those who wait can call it off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """Work in a task of its own. Whoever drives the coroutine that joins it, a task or a driver, may give up alone."""

    __slots__ = ("_landed", "_task", "_waiting")

    def __init__(self, work: Coroutine[Any, Any, T], landed: Callable[[], object]) -> None:
        """Begin; `landed` is called at the end, whatever it is, before those who wait go on."""
        self._landed = landed
        self._waiting: list[asyncio.Future[T]] = []
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._end)

    async def join(self) -> T:
        """Return what came of it, or raise what went wrong."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future

    def _end(self, task: asyncio.Task[T]) -> None:
        self._landed()
        problem = None if task.cancelled() else task.exception()
        for future in self._waiting:
            if future.done():
                continue
            if task.cancelled():
                future.cancel()
            elif problem is not None:
                future.set_exception(problem)
            else:
                future.set_result(task.result())
