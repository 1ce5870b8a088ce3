"""A pace: a few pass at once, and of many those that come close together go together.

Where little happens nobody waits. Where a thousand things happen one by one, ten milliseconds apart, each would have
a transaction, a claim and a wait for the disk to itself: they wait for company, for a tenth of a second at most.
"""

from __future__ import annotations

from collections import deque
from typing import Final

GATHER: Final = 0.1
"""Seconds that one waits for others, at most."""
WINDOW: Final = 1.0
MANY: Final = 20
"""So many within `WINDOW` pass without waiting: more than a few outages at once make."""
FEW: Final = 8
"""No more than so many are few again: less than pass where each waits for others."""


class Pace:
    """Remembers when the last ones passed. `now` is any clock in seconds that never steps back."""

    def __init__(self) -> None:
        """Nothing has passed yet."""
        self._passed: deque[float] = deque(maxlen=MANY)
        self._many = False

    def wait(self, now: float) -> float:
        """Return for how many seconds the next should wait for others."""
        late = sum(now - one < WINDOW for one in self._passed)
        self._many = late > FEW if self._many else late == MANY
        return max(0.0, self._passed[-1] + GATHER - now) if self._many else 0.0

    def passed(self, now: float) -> None:
        """Note that one has passed."""
        self._passed.append(now)
