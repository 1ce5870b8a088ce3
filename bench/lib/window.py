"""Watches something for a while: its CPU per answered check, its memory, and what a plain question takes meanwhile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lib.cost import cost, cpu, descendants, on_core
from lib.nginx import Nginxes
from lib.process import TARGETS, Program
from lib.scrape import Scrape, Scraper

ASK_EVERY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one window showed. `cpu_seconds` is of all processes watched."""

    seconds: float
    cpu_seconds: float
    opened: int
    """Connections the targets accepted, and `answered` the requests they answered."""
    answered: int
    truth_seconds: float
    """Median of what a plain blocking client needed in the same window."""
    scrapes: list[Scrape] = field(default_factory=list)

    @property
    def cpu_ms_per_check(self) -> float:
        """Return the figure it is all about."""
        return 1000 * self.cpu_seconds / max(1, self.answered)

    @property
    def cores(self) -> float:
        """Return how many cores were busy."""
        return self.cpu_seconds / self.seconds


def watch(
    programs: Sequence[Program],
    targets: Nginxes,
    seconds: float,
    *,
    scraper: Scraper | None = None,
    scrape_every: float = 10.0,
) -> Window:
    """Watch programs for a while, scraping and asking the targets from the other core. Raises Unavailable."""
    scrapes: list[Scrape] = []
    truths: list[float] = []
    with on_core(TARGETS):
        (opened, answered), began = targets.counted(), time.perf_counter()
        before = cpu(pids(programs))
        scrape_at, ask_at, end = began + scrape_every / 2, began, began + seconds
        while (now := time.perf_counter()) < end:
            if scraper is not None and now >= scrape_at:
                scrapes.append(scraper.scrape())
                scrape_at += scrape_every
            if now >= ask_at:
                truths.append(targets.ask())
                ask_at = time.perf_counter() + ASK_EVERY
            time.sleep(max(0.0, min(ask_at, end) - time.perf_counter()))
        took, used = time.perf_counter() - began, cpu(pids(programs)).since(before)
        now_opened, now_answered = targets.counted()
    for program in programs:
        program.must_live()
    return Window(
        seconds=took,
        cpu_seconds=used,
        opened=now_opened - opened,
        answered=now_answered - answered,
        truth_seconds=statistics.median(truths) if truths else 0.0,
        scrapes=scrapes,
    )


def pids(programs: Sequence[Program]) -> list[int]:
    """Return the processes of programs, and all they started."""
    return [pid for program in programs for pid in program.pids]


def pss(programs: Sequence[Program]) -> dict[str, float]:
    """Return the memory of each program itself in bytes, and under `children` that of all they started."""
    found = {program.name: float(cost([program.process.pid]).pss_bytes) for program in programs}
    children = (child for program in programs for child in descendants(program.process.pid))
    found["children"] = float(cost(children).pss_bytes)
    return found
