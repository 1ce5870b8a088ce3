"""How full the swap of this machine is, and how much it is used right now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

import psutil

from probes.api import Metric, Reading, Run, no_url
from probes.host.rates import per_second
from probes.units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Measures how full the swap of this machine is and how fast memory moves in and out of it.

    On a machine without swap there is no used share. Rates are since the previous run of the same check, so
    the first run after a start has none.
    """

    KIND: ClassVar[str] = "swap"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "total_bytes": Metric(unit=Unit.BYTES, help="Swap of this machine."),
        "used_bytes": Metric(unit=Unit.BYTES, help="Swap in use."),
        "used_ratio": Metric(unit=Unit.RATIO, help="Share of the swap in use; absent without swap."),
        "in_bytes_per_second": Metric(unit=Unit.BYTES_PER_SECOND, help="Memory read back from swap."),
        "out_bytes_per_second": Metric(unit=Unit.BYTES_PER_SECOND, help="Memory written to swap."),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    target: ClassVar[str | None] = None

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Read how full the swap is and compare its counters with those of the previous run."""
        swap = await run.offload(psutil.swap_memory)
        values = {"total_bytes": float(swap.total), "used_bytes": float(swap.used)}
        if swap.total > 0:
            values["used_ratio"] = min(swap.used / swap.total, 1.0)
        moved = {"in_bytes_per_second": float(swap.sin), "out_bytes_per_second": float(swap.sout)}
        now = monotonic()
        before: tuple[float, Mapping[str, float]] | None = run.memory.get("moved")
        run.memory["moved"] = (now, moved)
        if before is not None:
            values.update(per_second(before[1], moved, now - before[0]))
        return Reading(values=values)
