"""What HTTPS checks cost: with a full handshake each, and over connections that are kept."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from lib.certificates import certificates
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import fleet
from lib.nginx import Nginxes, nginxes
from lib.nightbell import nightbell
from lib.process import Unavailable
from lib.scrape import Scraper
from lib.window import watch

TEXT = """\
{count:,} checks every 10 s, everything on as above, certificates verified (P-256, TLS 1.3, nothing resumed). Fresh is
the default; `connection: reuse` keeps one connection open between runs."""
GOALS = {"fresh": 1.6, "reuse": 0.15}
KEPT = 75
"""Seconds for which a server keeps an idle connection."""


def measure(extent: Extent) -> Section:
    """Measure both uses of connections."""
    ca, chain, key = certificates(extent.folder / "certificates")
    figures = []
    for use, goal in GOALS.items():
        what = f"CPU per HTTPS check, {'full handshake' if use == 'fresh' else 'connection kept'}"
        keepalive = KEPT if use == "reuse" else 0
        with nginxes(
            extent.folder / f"nginx-{use}", keepalive=keepalive, certificate=(chain, key)
        ) as targets:
            try:
                value, opened = _cpu_ms(targets, use, ca, extent)
            except Unavailable as problem:
                figures.append(Figure(what=what, unit="ms", goal=goal, note=_why(problem)))
            else:
                note = f"a new connection for {opened:.0%} of the checks"
                figures.append(Figure(what=what, unit="ms", value=value, goal=goal, note=note))
    return Section(key="tls", title="HTTPS checks", text=TEXT.format(count=extent.tls), figures=figures)


def _cpu_ms(targets: Nginxes, use: str, ca: Path, extent: Extent) -> tuple[float, float]:
    """Return CPU per check, and the share of the checks that opened a connection."""
    keys: dict[str, Any] = {"ca": str(ca)} | ({} if use == "fresh" else {"connection": use})
    config = fleet(targets, extent.tls, **keys)
    with nightbell(config, extent.folder / use) as daemon, Scraper(daemon.port) as scraper:
        watch([daemon.program], targets, extent.settle, scraper=scraper)
        windows = [
            watch([daemon.program], targets, extent.window, scraper=scraper) for _ in range(extent.windows)
        ]
    answered = sum(window.answered for window in windows)
    if not answered:
        raise Unavailable("no check reached its target")
    opened = sum(window.opened for window in windows) / answered
    return statistics.median(window.cpu_ms_per_check for window in windows), opened


def _why(problem: Unavailable) -> str:
    """Return what the daemon has against the configuration, or whatever else came between."""
    lines = str(problem).splitlines()
    return next((line.strip() for line in lines if "connection" in line), lines[0])
