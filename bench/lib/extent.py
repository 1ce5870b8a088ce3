"""How long and how often: the full run, whose figures count, and a quick one that shows that all of it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Times in seconds. `folder` is where everything is written that is gone afterwards."""

    folder: Path
    settle: float = 20.0
    window: float = 30.0
    windows: int = 3
    peer_windows: int = 3
    sizes: tuple[int, ...] = (1000, 5000, 10_000, 20_000)
    peer_sizes: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {
            "stack": (1000, 5000, 10_000),
            "monit": (1000, 5000),
            "bare": (1000, 10_000),
        }
    )
    many: int = 10_000
    """Checks where start, reload and scrapes are measured."""
    times: int = 3
    """How often what is over at once is done: starts, reloads, storms."""
    outages: int = 200
    outage_gap: float = 0.5
    storm: int = 1000
    storm_intervals: tuple[int, ...] = (10, 1)
    tls: int = 5000


def quick(folder: Path) -> Extent:
    """Return the extent of a run that ends within five minutes."""
    return Extent(
        folder=folder,
        settle=11.0,
        window=10.0,
        windows=1,
        peer_windows=1,
        sizes=(1000, 5000),
        peer_sizes={"stack": (1000,), "monit": (1000,), "bare": (1000,)},
        many=2000,
        times=1,
        outages=30,
        outage_gap=0.4,
        storm=200,
        storm_intervals=(1,),
        tls=300,
    )
