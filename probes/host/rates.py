"""Counters that only rise, made into rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TOO_SHORT: Final = 0.001


def per_second(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Return the rate of every counter that both readings hold.

    A counter that fell was reset or has wrapped: nobody knows by how much, so it has no rate for this step.
    """
    if seconds < _TOO_SHORT:
        return {}
    return {
        name: (value - before[name]) / seconds
        for name, value in after.items()
        if name in before and value >= before[name]
    }
