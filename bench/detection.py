"""How long it takes from an outage to the page, where one failure is enough."""

from __future__ import annotations

import re
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from lib import doors, receiver
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import THRESHOLDS, staff
from lib.nightbell import nightbell
from lib.process import TARGETS, answers, free_ports, running, until

TEXT = """\
{count} servers, each asked once a second, `failures: 1`. Each stops listening once and notes when; a webhook receiver
notes when the page arrives. The instants are spread evenly over the time between two runs of the check, so that half a
second is the median of who needs no time at all."""


def measure(extent: Extent) -> Section:
    """Close every door once and wait for the pages."""
    ledger, messages = extent.folder / "doors.txt", extent.folder / "pages.txt"
    (port,) = free_ports(1)
    with (
        running("doors", [sys.executable, doors.__file__, extent.outages, extent.outage_gap, 1, ledger],
                extent.folder, core=TARGETS, ready=lambda: _lines(ledger) > 0) as target,
        running("receiver", [sys.executable, receiver.__file__, port, messages],
                extent.folder, core=TARGETS, ready=lambda: answers(port, "/")),
    ):  # fmt: skip
        ports = ledger.read_text(encoding="ascii").split()
        with nightbell(_config(ports, port), extent.folder / "nightbell") as daemon:
            time.sleep(5)
            target.process.send_signal(signal.SIGUSR1)
            last = extent.outages * extent.outage_gap + 2
            until(lambda: _lines(ledger) > extent.outages, last + 10, "not all doors are closed", target)
            time.sleep(5)
            daemon.program.must_live()
    closed = dict(line.split() for line in ledger.read_text(encoding="ascii").splitlines()[1:])
    took = delays({number: int(at) / 1e9 for number, at in closed.items()}, messages)
    return Section(
        key="detection",
        title="From an outage to the page",
        text=TEXT.format(count=extent.outages),
        figures=figures(took, extent.outages),
    )


def figures(took: list[float], outages: int) -> list[Figure]:
    """Return the figures of so many outages."""
    if len(took) < 2:
        return [Figure(what="outages that were not paged", unit="", value=outages - len(took), goal=0)]
    marks = statistics.quantiles(took, n=100, method="inclusive")
    return [
        Figure(what="outage to page, p50", unit="s", value=statistics.median(took), goal=0.52),
        Figure(
            what="outage to page, p99",
            unit="s",
            value=marks[98],
            goal=1.05,
            note=f"longest {max(took):.3f} s",
        ),
        Figure(what="outages that were not paged", unit="", value=outages - len(took), goal=0),
    ]


def delays(closed: dict[str, float], messages: Path) -> list[float]:
    """Return the seconds from each outage to its first page."""
    first: dict[str, float] = {}
    for arrival in receiver.arrivals(messages, "page"):
        for number in set(re.findall(r"door-(\d+)", f"{arrival.body['title']} {arrival.body['text']}")):
            first.setdefault(number, arrival.at)
    return [first[number] - at for number, at in closed.items() if number in first]


def _config(ports: list[str], hook: int) -> dict[str, Any]:
    people = staff(f"http://127.0.0.1:{hook}/hook", parallel=16)
    people["defaults"] |= {"every": "1s", "retry_every": "1s", "failures": 1, "group_by": "check"}
    asked = {f"door-{number}": f"http://127.0.0.1:{port}/" for number, port in enumerate(ports)}
    return {**people, "paging": {"bundle": "off"}, "thresholds": THRESHOLDS, "checks": asked}


def _lines(ledger: Path) -> int:
    return len(ledger.read_text(encoding="ascii").splitlines()) if ledger.exists() else 0
