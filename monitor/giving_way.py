"""Threads that compute give way to the event loop."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SLICE: Final = 0.0002
"""Seconds for which a thread may compute while the event loop wants its turn."""

_lock = threading.Lock()
_now: list[float] = []
"""What the measure was before, once for each thread that computes: the first is the usual one."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Have a thread that computes for long hold up nothing that runs. Several may at once.

    By the interpreter's own measure it keeps its turn for 5 ms, and the event loop gives its turn away with every call
    to a socket: each run of a check would wait for some 30 ms, and thousands stand in line.
    """
    with _lock:
        _now.append(_now[0] if _now else sys.getswitchinterval())
        sys.setswitchinterval(SLICE)
    try:
        yield
    finally:
        with _lock:
            usual = _now.pop()
            if not _now:
                sys.setswitchinterval(usual)
