"""Planned work for stories."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerting.incidents.maintenance import PlannedWork
from lab.desk_world import World


def work(world: World, *, minutes: float = 60, after: float = 0, **fields: Any) -> PlannedWork:
    """Return work on `web` that lasts so many minutes and begins after so many; customers hear nothing of it."""
    usual: dict[str, Any] = {
        "checks": () if "services" in fields else ("web",),
        "reason": "new disks",
        "author": "li",
        "starts_at": world.now + timedelta(minutes=after),
        "length": timedelta(minutes=minutes),
        "announce": None,
    }
    return PlannedWork(**{**usual, **fields})
