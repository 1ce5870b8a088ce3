"""Memory that is free goes back to the system: a configuration once read, an answer once sent leave much of it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Give free memory back; a few milliseconds. Where the C library cannot do that, nothing happens."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # of glibc
    except (AttributeError, OSError):
        return None
    return trim
