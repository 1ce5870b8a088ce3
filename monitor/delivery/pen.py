"""A thread that writes: a disk that hangs holds up the thread, and whoever asks only for a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

PATIENCE: Final = 0.5
"""Seconds that the first to meet a disk that hangs waits for it; nobody after that does."""


class Pen:
    """Does one piece of work after the other, in the order in which it was asked for."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """Nothing is begun before the first work is there."""
        self._patience = patience
        self._work: SimpleQueue[tuple[Callable[[], None], threading.Event | None] | None] = SimpleQueue()
        self._last: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def behind(self) -> bool:
        """True while work waits that was not done in time."""
        return self._last is not None and not self._last.is_set()

    def do(self, work: Callable[[], None]) -> bool:
        """Have `work`, which must not raise, done; return False where it has to wait."""
        patience = 0.0 if self.behind else self._patience
        self._last = done = threading.Event()
        self.later(work, done)
        return done.wait(patience)

    def later(self, work: Callable[[], None], done: threading.Event | None = None) -> None:
        """Have `work`, which must not raise, done in its turn; nobody waits for it."""
        self._work.put((work, done))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nightbell-marks", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Let the thread end once all is done."""
        if self._thread is not None:
            self._work.put(None)
            self._thread = None

    def _run(self) -> None:
        while (found := self._work.get()) is not None:
            work, done = found
            try:
                work()
            finally:
                if done is not None:
                    done.set()
