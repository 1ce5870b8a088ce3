"""The event loop that the daemon and its worker processes run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

COLLECT_CYCLES: Final = (20_000, 20, 20)
"""New objects before the collector looks for cycles, and so on: runs leave none, so there is little to be found."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes it: uvloop's; None, for asyncio's own, where there is none."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform: asyncio's own loop does the same, slower
        return None
    return uvloop.new_event_loop
