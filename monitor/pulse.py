"""The pulse: what has the scheduler start the outward heartbeat, on the way that every sample and page takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """A turn of the scheduler that is no check. Times in seconds."""

    name: str = "heartbeat:"
    """No check's: names of checks hold no colon."""
    every: float
    retry_every: float
    fingerprint: str
    host: None = None

    @classmethod
    def of(cls, every: timedelta) -> Self:
        """Return the pulse that beats so often."""
        seconds = every.total_seconds()
        return cls(every=seconds, retry_every=seconds, fingerprint=f"heartbeat {seconds}")
