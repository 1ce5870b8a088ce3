"""Windows: what the values of one series were lately, folded into one number with each new value.

A window knows no clock: time is the samples' own. Nothing in it is recorded; after a start it is filled from the
history of samples. All cost the same however long they are, but for P95, which keeps its values in order.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, insort
from collections import deque
from math import ceil, inf
from typing import ClassVar, Final

SLACK: Final = 64
"""Values that have left and are still held: to move the rest with each one would cost more."""
ENOUGH: Final = 0.5
"""Share of its time that a window must have seen before it says anything."""


class Function(enum.Enum):
    """What is made of the values of a window."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    P95 = "p95"
    RATE = "rate"
    DELTA = "delta"


class Window(ABC):
    """The values of the last `over` seconds. A window that has seen less than half of its time says nothing."""

    __slots__ = ("_enough", "_over", "_start", "_times", "_values")

    def __init__(self, over: float) -> None:
        """Begin empty. `over` in seconds."""
        self._over = over
        self._enough = over * ENOUGH
        self._times = array("d")
        self._values = array("d")
        self._start = 0

    def push(self, at: float, value: float) -> float | None:
        """Take the value seen `at` (seconds since any fixed moment); return what the window says, None for nothing.

        What is later than `at` was seen before the clock was set back, and is forgotten.
        """
        times = self._times
        if times and at < times[-1]:
            self._set_back(at)
        times.append(at)
        self._values.append(value)
        self._add(len(times) - 1)
        gone, start = at - self._over, self._start
        while times[start] <= gone:
            self._drop(start)
            start += 1
        self._start = start
        if start > SLACK and 2 * start > len(times):
            self._again(start, len(times))
        return self._says() if at - times[self._start] >= self._enough else None

    def __len__(self) -> int:
        """Return how many values are in it."""
        return len(self._times) - self._start

    def _set_back(self, at: float) -> None:
        self._again(self._start, bisect_left(self._times, at, self._start))

    def _again(self, start: int, end: int) -> None:
        """Keep the values from `start` to `end` alone, and fold them anew: what was added up drifts from the truth."""
        del self._times[end:], self._values[end:]
        del self._times[:start], self._values[:start]
        self._start = 0
        self._empty()
        for index in range(len(self._times)):
            self._add(index)

    @abstractmethod
    def _empty(self) -> None:
        """Fold nothing."""

    @abstractmethod
    def _add(self, index: int) -> None:
        """Fold in the newest value."""

    @abstractmethod
    def _drop(self, index: int) -> None:
        """Fold out the oldest value; a newer one is there."""

    @abstractmethod
    def _says(self) -> float:
        """Return what the function makes of the values, at least two of them."""


class Average(Window):
    """The mean."""

    __slots__ = ("_sum",)

    def __init__(self, over: float) -> None:
        """Begin empty."""
        super().__init__(over)
        self._sum = 0.0

    @property
    def folded(self) -> tuple[float, int]:
        """The sum of its values and how many they are."""
        return self._sum, len(self)

    def _empty(self) -> None:
        self._sum = 0.0

    def _add(self, index: int) -> None:
        self._sum += self._values[index]

    def _drop(self, index: int) -> None:
        self._sum -= self._values[index]

    def _says(self) -> float:
        return self._sum / (len(self._times) - self._start)


class _Extreme(Window):
    """The lowest or highest value: those that may still become it, in order."""

    __slots__ = ("_next",)
    SIGN: ClassVar[float]

    def __init__(self, over: float) -> None:
        super().__init__(over)
        self._next: deque[tuple[float, float]] = deque()

    def _empty(self) -> None:
        self._next.clear()

    def _add(self, index: int) -> None:
        value, ahead = self.SIGN * self._values[index], self._next
        while ahead and ahead[-1][1] <= value:
            ahead.pop()
        ahead.append((self._times[index], value))

    def _drop(self, index: int) -> None:
        at, ahead = self._times[index], self._next
        while ahead[0][0] <= at and len(ahead) > 1:
            ahead.popleft()

    def _says(self) -> float:
        return self.SIGN * self._next[0][1]


class Highest(_Extreme):
    """The highest value."""

    __slots__ = ()
    SIGN = 1.0


class Lowest(_Extreme):
    """The lowest value."""

    __slots__ = ()
    SIGN = -1.0


class Percentile95(Window):
    """The value that 95 % of the values do not exceed (nearest rank)."""

    __slots__ = ("_ordered",)

    def __init__(self, over: float) -> None:
        """Begin empty."""
        super().__init__(over)
        self._ordered = array("d")

    def _empty(self) -> None:
        del self._ordered[:]

    def _add(self, index: int) -> None:
        insort(self._ordered, self._values[index])

    def _drop(self, index: int) -> None:
        del self._ordered[bisect_left(self._ordered, self._values[index])]

    def _says(self) -> float:
        return self._ordered[ceil(0.95 * len(self._ordered)) - 1]


class Delta(Window):
    """How much the value has grown from the oldest to the newest; negative where it has shrunk."""

    __slots__ = ()

    def _empty(self) -> None:
        pass

    def _add(self, index: int) -> None:
        pass

    def _drop(self, index: int) -> None:
        pass

    def _says(self) -> float:
        return self._values[-1] - self._values[self._start]


class Rate(Window):
    """How fast a counter grows, per second. Where it falls it was set to nothing meanwhile, and began anew."""

    __slots__ = ("_grown",)

    def __init__(self, over: float) -> None:
        """Begin empty."""
        super().__init__(over)
        self._grown = 0.0

    def _step(self, index: int) -> float:
        before, after = self._values[index], self._values[index + 1]
        return after - before if after >= before else after

    def _empty(self) -> None:
        self._grown = 0.0

    def _add(self, index: int) -> None:
        if index > self._start:
            self._grown += self._step(index - 1)

    def _drop(self, index: int) -> None:
        self._grown -= self._step(index)

    def _says(self) -> float:
        return max(0.0, self._grown) / (self._times[-1] - self._times[self._start])


class UntilFull(Window):
    """Seconds until a share reaches 1, by the straight line that fits its values best; inf where it does not grow."""

    __slots__ = ("_n", "_t", "_tt", "_tv", "_v", "_zero")

    def __init__(self, over: float) -> None:
        """Begin empty."""
        super().__init__(over)
        self._empty()

    def _empty(self) -> None:
        self._zero = self._times[0] if self._times else 0.0
        self._n = 0
        self._t = self._v = self._tt = self._tv = 0.0

    def _add(self, index: int) -> None:
        if self._n == 0:
            self._zero = self._times[index]
        self._fold(index, 1)

    def _drop(self, index: int) -> None:
        self._fold(index, -1)

    def _fold(self, index: int, sign: int) -> None:
        at, value = self._times[index] - self._zero, self._values[index]
        self._n += sign
        self._t += sign * at
        self._v += sign * value
        self._tt += sign * at * at
        self._tv += sign * at * value

    def _says(self) -> float:
        if self._values[-1] >= 1:
            return 0.0
        spread = self._n * self._tt - self._t * self._t
        growth = (self._n * self._tv - self._t * self._v) / spread if spread > 0 else 0.0
        return (1 - self._values[-1]) / growth if growth > 0 else inf


WINDOWS: Final[dict[Function, type[Window]]] = {
    Function.AVG: Average,
    Function.MIN: Lowest,
    Function.MAX: Highest,
    Function.P95: Percentile95,
    Function.RATE: Rate,
    Function.DELTA: Delta,
}
