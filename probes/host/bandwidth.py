"""How much traffic passes the network interfaces of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar, Final

import psutil

from probes.api import Metric, ProbeFailed, Reading, Run, no_url
from probes.host.rates import per_second
from probes.sample import ErrorClass
from probes.units import BitsPerSecond, Unit

# Loopback, and what containers, virtual machines and tunnels bring along: their traffic passes a real one too.
_VIRTUAL: Final = re.compile(
    r"lo\d*|(veth|docker|br-|virbr|vnet|tap|ifb|dummy|cni|cali|flannel|lxc|nerdctl|podman).*"
)
_MEGABIT: Final = 1e6
# A link of unknown speed reports nothing, -1 or that number unsigned.
_IMPLAUSIBLE_MEGABITS: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """Measures the traffic of the network interfaces of this machine, each on its own.

    Without `interface` all that look physical are measured; loopback, container and virtual ones are left out.
    Rates are since the previous run of the same check, so the first run after a start has none.

    interface: the only one to measure, whatever it is
    capacity: what the link can carry, for the shares; default is the speed the link itself reports
    """

    KIND: ClassVar[str] = "bandwidth"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = "device"
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "receive_bits_per_second": Metric(unit=Unit.BITS_PER_SECOND, help="Traffic received."),
        "transmit_bits_per_second": Metric(unit=Unit.BITS_PER_SECOND, help="Traffic sent."),
        "receive_ratio": Metric(unit=Unit.RATIO, help="Share of the capacity that is received."),
        "transmit_ratio": Metric(unit=Unit.RATIO, help="Share of the capacity that is sent."),
        "ratio": Metric(unit=Unit.RATIO, help="The larger of both shares of the capacity."),
        "errors_per_second": Metric(unit=Unit.COUNT, help="Packets damaged, received and sent."),
        "drops_per_second": Metric(unit=Unit.COUNT, help="Packets dropped, received and sent."),
        "link": Metric(
            unit=Unit.COUNT,
            help="1 while the interface is up and has a carrier, else 0.",
            exposed="node_network_up",
        ),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"interface": "eth0", "capacity": "1Gbit/s"}
    target: ClassVar[str | None] = None

    interface: str | None = None
    capacity: BitsPerSecond | None = None

    def __post_init__(self) -> None:
        """Refuse what can be no interface and no capacity."""
        if self.interface is not None and not re.fullmatch(r"[^\s/\x00-\x1f\x7f]{1,64}", self.interface):
            raise ValueError(f"interface must be a name like eth0, not {self.interface[:40]!r}")
        if self.capacity is not None and self.capacity <= 0:
            raise ValueError("capacity must be more than nothing")

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Compare the interfaces' counters with those of the previous run."""
        counters, links = await run.offload(_read)
        now = monotonic()
        before: tuple[float, Mapping[str, Mapping[str, float]]] | None = run.memory.get("counters")
        measured = {
            name: counts for name, counts in counters.items() if self._wants(name, counts, links.get(name))
        }
        run.memory["counters"] = (now, measured)
        if self.interface is not None and self.interface not in measured:
            raise ProbeFailed(
                ErrorClass.ASSERTION, f"cannot measure {self.interface}: there is no such interface"
            )
        parts = {}
        for name, counts in measured.items():
            link = links.get(name)
            values = {} if before is None else rates(before[1].get(name, {}), counts, now - before[0])
            values.update(ratios(values, self.capacity or _speed(link)))
            if link is not None:
                values["link"] = float(link.isup)
            parts[name] = values
        return Reading(parts=parts)

    def _wants(self, name: str, counts: Mapping[str, float], link: Any) -> bool:
        if self.interface is not None:
            return name == self.interface
        if _VIRTUAL.fullmatch(name):
            return False
        # A port nobody ever plugged in is no news; one that has carried traffic and is down is.
        return (link is not None and link.isup) or any(counts.values())


def rates(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Return what passed between two readings, for each second; nothing for a counter that fell."""
    values = per_second(before, after, seconds)
    return {
        **{
            f"{way}_bits_per_second": values[f"{way}_bytes"] * 8
            for way in ("receive", "transmit")
            if f"{way}_bytes" in values
        },
        **{f"{what}_per_second": values[what] for what in ("errors", "drops") if what in values},
    }


def ratios(values: Mapping[str, float], capacity: float | None) -> dict[str, float]:
    """Return the shares of `capacity`, which may exceed 1 when the capacity is given too small."""
    if not capacity:
        return {}
    shares = {
        f"{way}_ratio": values[f"{way}_bits_per_second"] / capacity
        for way in ("receive", "transmit")
        if f"{way}_bits_per_second" in values
    }
    return {**shares, "ratio": max(shares.values())} if shares else {}


def _speed(link: Any) -> float | None:
    if link is None or not 0 < link.speed < _IMPLAUSIBLE_MEGABITS:
        return None
    return float(link.speed * _MEGABIT)


def _read() -> tuple[dict[str, dict[str, float]], Mapping[str, Any]]:
    # nowrap=False: psutil's own wrap handling keeps every interface it ever saw, and adds up resets as traffic.
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    return {
        name: {
            "receive_bytes": float(io.bytes_recv),
            "transmit_bytes": float(io.bytes_sent),
            "errors": float(io.errin + io.errout),
            "drops": float(io.dropin + io.dropout),
        }
        for name, io in counters.items()
    }, psutil.net_if_stats()
