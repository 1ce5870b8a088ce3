"""How busy the processors of this machine are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import psutil

from probes.api import Metric, Reading, Run, no_url
from probes.units import Unit

# psutil counts guest time inside user and nice already: adding it again would count it twice.
_COUNTED_ELSEWHERE: Final = ("guest", "guest_nice")
_IDLE: Final = ("idle", "iowait")
_SHARES: Final = {
    "user_ratio": ("user", "nice"),
    "system_ratio": ("system", "irq", "softirq"),
    "iowait_ratio": ("iowait",),
    "steal_ratio": ("steal",),
}

Times = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Measures how busy the processors of this machine are.

    Shares are of the time since the previous run of the same check, so the first run after a start has
    none of them. Time stolen by the hypervisor counts as used, time waiting for disks does not.
    """

    KIND: ClassVar[str] = "cpu"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "used_ratio": Metric(unit=Unit.RATIO, help="Share of processor time that was not idle."),
        "user_ratio": Metric(unit=Unit.RATIO, help="Share of processor time spent in programs."),
        "system_ratio": Metric(unit=Unit.RATIO, help="Share of processor time spent in the kernel."),
        "iowait_ratio": Metric(unit=Unit.RATIO, help="Share of processor time idle while waiting for disks."),
        "steal_ratio": Metric(unit=Unit.RATIO, help="Share of processor time the hypervisor gave to others."),
        "busiest_core_ratio": Metric(unit=Unit.RATIO, help="Used share of the busiest single core."),
        "cores": Metric(unit=Unit.COUNT, help="Processor cores that are online."),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    target: ClassVar[str | None] = None

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Compare the processors' clocks with those of the previous run."""
        total, cores = await run.offload(_read)
        before: tuple[Times, list[Times]] | None = run.memory.get("times")
        run.memory["times"] = (total, cores)
        values = {"cores": float(len(cores))}
        if before is not None:
            values.update(shares(before[0], total))
            if len(before[1]) == len(cores):  # a core that came or went shifts the list: nothing to compare
                busiest = [
                    used
                    for old, new in zip(before[1], cores, strict=True)
                    if (used := _used(old, new)) is not None
                ]
                if busiest:
                    values["busiest_core_ratio"] = max(busiest)
        return Reading(values=values)


def shares(before: Times, after: Times) -> dict[str, float]:
    """Return the shares of the time between two readings; nothing when no time has passed."""
    spent, total = _spent(before, after)
    if total <= 0:
        return {}
    values = {
        name: sum(spent.get(field, 0.0) for field in fields) / total for name, fields in _SHARES.items()
    }
    values["used_ratio"] = 1.0 - sum(spent.get(field, 0.0) for field in _IDLE) / total
    return {name: min(max(value, 0.0), 1.0) for name, value in values.items()}


def _used(before: Times, after: Times) -> float | None:
    return shares(before, after).get("used_ratio")


def _spent(before: Times, after: Times) -> tuple[dict[str, float], float]:
    # A clock that ran backwards (iowait does, and every clock of a core that was taken offline) counts as still.
    spent = {
        field: max(value - before.get(field, value), 0.0)
        for field, value in after.items()
        if field not in _COUNTED_ELSEWHERE
    }
    return spent, sum(spent.values())


def _read() -> tuple[Times, list[Times]]:
    return _as_times(psutil.cpu_times()), [_as_times(core) for core in psutil.cpu_times(percpu=True)]


def _as_times(times: Any) -> Times:
    fields: Sequence[str] = times._fields
    return dict(zip(fields, times, strict=True))
