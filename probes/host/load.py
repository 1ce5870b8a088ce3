"""How many tasks of this machine wanted to run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from probes.api import Metric, Reading, Run, no_url
from probes.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Measures the load average of this machine: tasks that run, want to run or wait for disks."""

    KIND: ClassVar[str] = "load"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "load1": Metric(unit=Unit.COUNT, help="Load average over 1 minute.", exposed="node_load1"),
        "load5": Metric(unit=Unit.COUNT, help="Load average over 5 minutes.", exposed="node_load5"),
        "load15": Metric(unit=Unit.COUNT, help="Load average over 15 minutes.", exposed="node_load15"),
        "load1_per_core": Metric(unit=Unit.COUNT, help="Load average over 1 minute for each core."),
        "load5_per_core": Metric(unit=Unit.COUNT, help="Load average over 5 minutes for each core."),
        "load15_per_core": Metric(unit=Unit.COUNT, help="Load average over 15 minutes for each core."),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    target: ClassVar[str | None] = None

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:  # noqa: ARG002 - the kernel answers without blocking
        """Ask the kernel."""
        return Reading(values=loads(os.getloadavg(), os.cpu_count()))


def loads(averages: tuple[float, float, float], cores: int | None) -> dict[str, float]:
    """Return the averages as they are and for each core; what is no number is left out."""
    values = {}
    for name, average in zip(("load1", "load5", "load15"), averages, strict=True):
        if math.isfinite(average):
            values[name] = average
            if cores:
                values[f"{name}_per_core"] = average / cores
    return values
