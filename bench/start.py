"""How long a daemon with many checks takes until it is ready, and what a reload with one change does to them."""

from __future__ import annotations

import signal
import statistics
import time
from typing import Any

from checks import LATENESS
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import fleet
from lib.nginx import Nginxes, nginxes
from lib.nightbell import Nightbell, nightbell, write
from lib.process import Unavailable, until
from lib.scrape import Metrics, Scraper

TEXT = """\
Ready is when `/readyz` says 200, asked every 5 ms from the start of the process. A reload is over when the daemon
says so in its log; before it, one of the URLs was changed."""
SAID = b"configuration reloaded"


def measure(extent: Extent) -> Section:
    """Start it some times; at the last start, reload it some times."""
    starts: list[float] = []
    reloads: list[float] = []
    with nginxes(extent.folder / "start-nginx") as targets:
        config = fleet(targets, extent.many)
        for turn in range(extent.times):
            with nightbell(config, extent.folder / f"start-{turn}") as daemon:
                starts.append(daemon.program.seconds)
                if turn == extent.times - 1:
                    reloads, worst = reloaded(daemon, targets, config, extent)
    ready, again = (2.5, 1.5) if extent.many >= 10_000 else (None, None)
    size = f"{extent.many:,} checks"
    return Section(
        key="start",
        title="Start and reload",
        text=TEXT,
        figures=[
            Figure(what=f"start to ready, {size}", unit="s", value=statistics.median(starts), goal=ready,
                   note=_all(starts)),
            Figure(what=f"reload of {size}, one changed", unit="s", value=statistics.median(reloads), goal=again,
                   note=_all(reloads)),
            Figure(what="checks late by more than 1 s around reloads", unit="", value=worst, goal=0),
        ],
    )  # fmt: skip


def reloaded(
    daemon: Nightbell, targets: Nginxes, config: dict[str, Any], extent: Extent
) -> tuple[list[float], float | None]:
    """Return the seconds each reload took, and how many runs began more than 1 s late meanwhile."""
    took = []
    places = {name: value for name, value in _written(daemon).items() if name in {"listen", "store"}}
    with Scraper(daemon.port) as scraper:
        time.sleep(extent.settle)
        before = scraper.scrape()
        for turn in range(extent.times):
            name = f"check-{turn}"
            changed = {**config["checks"][name], "url": targets.url(extent.many + turn)}
            config = {**config, "checks": {**config["checks"], name: changed}}
            write(daemon.config, {**config, **places})
            said = _said(daemon)
            daemon.program.process.send_signal(signal.SIGHUP)
            took.append(until(lambda said=said: _said(daemon) > said, 60, "not reloaded", daemon.program))  # type: ignore[misc]
            time.sleep(max(0.0, 11 - took[-1]))  # every check has had its turn
        after = scraper.scrape()
    return took, _above(1.0, before.read(), after.read())


def _said(daemon: Nightbell) -> int:
    log = daemon.program.log.read_bytes()
    if b"cannot reload" in log:
        raise Unavailable("the reload was refused")
    return log.count(SAID)


def _written(daemon: Nightbell) -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.load(daemon.config.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return loaded


def _above(bound: float, before: Metrics, after: Metrics) -> float | None:
    """Return how many runs in between were later than a bound of the histogram."""
    first, last = before.buckets.get(LATENESS, {}), after.buckets.get(LATENESS, {})
    if bound not in last:
        return None
    gained = {mark: count - first.get(mark, 0.0) for mark, count in last.items()}
    return gained[float("inf")] - gained[bound]


def _all(seconds: list[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in seconds) if len(seconds) > 1 else ""
