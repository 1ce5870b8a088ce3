"""What processes cost, read from /proc: nothing in them takes part in the measurement.

Memory is PSS (what is shared counts by shares), CPU the scheduler's own nanoseconds, of all threads.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of some processes together: memory in bytes, CPU nanoseconds of each of their threads since it began."""

    processes: int
    pss_bytes: int
    threads: dict[int, int] = field(default_factory=dict)

    def since(self, before: Cost) -> float:
        """Return the CPU seconds used since `before`. A thread that has ended in between takes its part with it."""
        return sum(now - before.threads.get(thread, 0) for thread, now in self.threads.items()) / 1e9


def cost(pids: Iterable[int]) -> Cost:
    """Return what processes cost by now. One that is gone costs nothing."""
    threads: dict[int, int] = {}
    count = pss = 0
    for pid in pids:
        with contextlib.suppress(*GONE):
            pss += _pss(pid)
            threads |= _threads(pid)
            count += 1
    return Cost(processes=count, pss_bytes=pss, threads=threads)


def cpu(pids: Iterable[int]) -> Cost:
    """Return their CPU alone: reading PSS walks all pages and takes milliseconds of the process's own memory lock."""
    threads: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(*GONE):
            threads |= _threads(pid)
    return Cost(processes=0, pss_bytes=0, threads=threads)


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *descendants(pid)]


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    found: list[int] = []
    with contextlib.suppress(*GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text(encoding="ascii").split():
                found += [int(child), *descendants(int(child))]
    return found


@contextlib.contextmanager
def on_core(number: int | None) -> Iterator[None]:
    """Have what is started here run on one core (None: on any). A machine with a single core has no choice."""
    allowed = os.sched_getaffinity(0)
    cores = sorted(allowed)
    if number is not None and len(cores) > number:
        os.sched_setaffinity(0, {cores[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def _threads(pid: int) -> dict[int, int]:
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(*GONE):
            found[int(thread.name)] = int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return found
