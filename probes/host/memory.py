"""How much memory of this machine is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import psutil

from probes.api import Metric, Reading, Run, no_url
from probes.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Measures how much memory of this machine is left for programs.

    Available is what the kernel says can be had without swapping: caches that can be dropped count as available.
    """

    KIND: ClassVar[str] = "memory"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "total_bytes": Metric(unit=Unit.BYTES, help="Memory of this machine."),
        "available_bytes": Metric(unit=Unit.BYTES, help="Memory that can be had without swapping."),
        "available_ratio": Metric(unit=Unit.RATIO, help="Available share of all memory."),
        "used_ratio": Metric(unit=Unit.RATIO, help="Share of all memory that is not available."),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    target: ClassVar[str | None] = None

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Read what the kernel says is available."""
        memory = await run.offload(psutil.virtual_memory)
        values = {"total_bytes": float(memory.total), "available_bytes": float(memory.available)}
        if memory.total > 0:
            # In some containers the kernel reports more available than there is.
            available = min(memory.available / memory.total, 1.0)
            values["available_ratio"] = available
            values["used_ratio"] = 1.0 - available
        return Reading(values=values)
