"""What HTTPS checks cost: with a full handshake each, the same in worker processes, and over kept connections."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.certificates import certificates
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import fleet
from lib.nginx import Nginxes, nginxes
from lib.nightbell import nightbell
from lib.process import MEASURED, Unavailable
from lib.scrape import Scraper
from lib.window import pss, watch

TEXT = """\
{count:,} checks every 10 s, everything on as above, certificates verified (P-256, TLS 1.3, nothing resumed). Fresh is
the default; `connection: reuse` keeps one connection open between runs. With `workers: auto` the daemon may use every
core, also that of the targets."""
KEPT = 75
"""Seconds for which a server keeps an idle connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to run the checks. `goal` is in milliseconds of CPU per check."""

    name: str
    title: str
    goal: float | None = None
    reuse: bool = False
    workers: int | str = 1


WAYS = (
    Way(name="fresh", title="full handshake", goal=1.6),
    Way(name="workers", title="full handshake, workers: auto", workers="auto"),
    Way(name="reuse", title="connection kept", goal=0.15, reuse=True),
)


def measure(extent: Extent) -> Section:
    """Measure both uses of connections."""
    ca, chain, key = certificates(extent.folder / "certificates")
    figures = []
    for way in WAYS:
        with nginxes(
            extent.folder / f"nginx-{way.name}",
            keepalive=KEPT if way.reuse else 0,
            certificate=(chain, key),
        ) as targets:
            try:
                value, note = _cpu_ms(targets, way, ca, extent)
            except Unavailable as problem:
                value, note = None, _why(problem)
        figures.append(
            Figure(what=f"CPU per HTTPS check, {way.title}", unit="ms", value=value, goal=way.goal, note=note)
        )
    return Section(key="tls", title="HTTPS checks", text=TEXT.format(count=extent.tls), figures=figures)


def _cpu_ms(targets: Nginxes, way: Way, ca: Path, extent: Extent) -> tuple[float, str]:
    """Return CPU per check, and what else is to be said."""
    keys: dict[str, Any] = {"ca": str(ca)} | ({"connection": "reuse"} if way.reuse else {})
    config = fleet(targets, extent.tls, more={"workers": way.workers}, **keys)
    core = MEASURED if way.workers == 1 else None
    with nightbell(config, extent.folder / way.name, core=core) as daemon, Scraper(daemon.port) as scraper:
        watch([daemon.program], targets, extent.settle, scraper=scraper)
        windows = [
            watch([daemon.program], targets, extent.window, scraper=scraper) for _ in range(extent.windows)
        ]
        memory = pss([daemon.program])["children"]
        processes = len(daemon.program.pids) - 1
    answered = sum(window.answered for window in windows)
    if not answered:
        raise Unavailable("no check reached its target")
    note = f"a new connection for {sum(window.opened for window in windows) / answered:.0%} of the checks"
    if way.workers != 1:
        rate = answered / sum(window.seconds for window in windows)
        note = f"{rate:.0f} checks/s in {processes} worker processes, {memory / max(1, processes) / 1e6:.0f} MB each"
    return statistics.median(window.cpu_ms_per_check for window in windows), note


def _why(problem: Unavailable) -> str:
    """Return what the daemon has against the configuration, or whatever else came between."""
    lines = str(problem).splitlines()
    return next((line.strip() for line in lines if "connection" in line), lines[0])
