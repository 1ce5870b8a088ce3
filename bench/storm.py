"""Many targets die in the same instant, each its own incident: when the last page arrives, and what it costs."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import receiver
from lib.cost import cpu
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import THRESHOLDS, checks, staff
from lib.nginx import Nginxes, nginxes
from lib.nightbell import nightbell
from lib.process import TARGETS, Unavailable, answers, free_ports, running

TEXT = """\
{count:,} checks, `failures: 1`, grouping per check and no bundling of pages: every endpoint its own incident and its
own webhook. All servers are killed in one instant; from it counts the time until the last page is received, and the
CPU of all processes until then, the checks themselves included."""
GOALS = {10: (10.2, 0.6), 1: (1.5, None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One storm, in seconds from the death of the targets."""

    first: float
    last: float
    cpu: float


def measure(extent: Extent) -> Section:
    """Let each interval see some storms."""
    figures = []
    for every in extent.storm_intervals:
        storms = [storm(every, extent, f"{every}-{turn}") for turn in range(extent.times)]
        last, used = GOALS[every] if extent.storm == 1000 else (None, None)
        first = statistics.median(one.first for one in storms)
        figures += [
            Figure(what=f"last page received, checks every {every} s", unit="s", goal=last,
                   value=statistics.median(one.last for one in storms), note=f"first after {first:.2f} s"),
            Figure(what=f"CPU until then, checks every {every} s", unit="s", goal=used,
                   value=statistics.median(one.cpu for one in storms)),
        ]  # fmt: skip
    title = f"{extent.storm:,} endpoints fail at once"
    return Section(key="storm", title=title, text=TEXT.format(count=extent.storm), figures=figures)


def storm(every: int, extent: Extent, name: str) -> Storm:
    """Kill all targets and wait for every page. Raises Unavailable where some do not come."""
    folder, (port,) = extent.folder / name, free_ports(1)
    messages = folder / "pages.txt"
    with (
        running("receiver", [sys.executable, receiver.__file__, port, messages], folder, core=TARGETS,
                ready=lambda: answers(port, "/")),
        nginxes(folder / "nginx") as targets,
        nightbell(_config(targets, extent.storm, every, port), folder / "nightbell") as daemon,
    ):  # fmt: skip
        time.sleep(every + 5)
        began, before = time.monotonic(), cpu(daemon.program.pids)
        for target in targets.programs:
            target.process.kill()
        used = before
        deadline = began + 3 * every + 30
        size, still = 0, 0.0
        while time.monotonic() < deadline:
            time.sleep(0.01)
            if messages.stat().st_size != size:
                size, used, still = messages.stat().st_size, cpu(daemon.program.pids), time.monotonic()
            if time.monotonic() - still > 1 and _paged(messages) >= extent.storm:
                break
        daemon.program.must_live()
    at = [arrival.at - began for arrival in receiver.arrivals(messages, "page")]
    if _paged(messages) < extent.storm:
        raise Unavailable(
            f"only {_paged(messages)} of {extent.storm} pages came within {deadline - began:.0f} s"
        )
    return Storm(first=min(at), last=max(at), cpu=used.since(before))


def _paged(messages: Path) -> int:
    return len({arrival.body["incident"] for arrival in receiver.arrivals(messages, "page")})


def _config(targets: Nginxes, size: int, every: int, hook: int) -> dict[str, Any]:
    people = staff(f"http://127.0.0.1:{hook}/hook", parallel=16)
    people["defaults"] |= {
        "every": f"{every}s", "retry_every": f"{min(every, 5)}s", "failures": 1, "group_by": "check",
    }  # fmt: skip
    return {**people, "paging": {"bundle": "off"}, "thresholds": THRESHOLDS, "checks": checks(targets, size)}
