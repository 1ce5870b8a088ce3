"""What the sample history costs: thread CPU, memory and bytes on the disk for each sample.   bench/history.py [CHECKS]

Each check gives a sample every ten seconds, with thirteen values of which nearly all change: more than most have.
The clock is told the time, so that ten minutes pass in less than one.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from config.model import History
from monitor.history.keeper import TAKEN, Keeper
from monitor.history.words import Figures
from probes.sample import Outcome, Sample

SECONDS = 700
DAY = timedelta(days=1)


class Told:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.at = datetime(2027, 1, 4, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


def sample(name: str, at: datetime, random: Random) -> Sample:
    one = random.random
    return Sample(
        check=name,
        at=at,
        duration=one(),
        outcome=Outcome.UP,
        values={
            "status_code": 200.0, "http_version": 1.1, "redirects": 0.0, "duration_seconds": one(),
            "tls": 1.0, "body_bytes": 5123.0, "certificate_seconds": 8e6 - at.timestamp() % 1e6,
        },
        phases={"resolve": one(), "connect": one(), "tls": one(), "processing": one(), "transfer": one()},
    )  # fmt: skip


def pass_through(keeper: Keeper, clock: Told, names: list[str], seconds: int) -> float:
    """Have so many seconds pass; return the CPU that took."""
    random, spent = Random(1), 0.0
    for second in range(seconds):
        clock.at += timedelta(seconds=1)
        batch = [sample(name, clock.at, random) for name in names[second % 10 :: 10]]
        began = time.thread_time()
        for first in range(0, len(batch), TAKEN):
            keeper.take(batch[first : first + TAKEN])
        if keeper.due():
            keeper.flush()
        while keeper.tend():
            pass
        spent += time.thread_time() - began
    return spent


def main() -> int:
    """Measure and print."""
    names = [f"check-{number:05d}" for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)]
    limits = History(size=2e9, raw=2 * DAY, minutes=14 * DAY, hours=400 * DAY, days=1830 * DAY)
    with tempfile.TemporaryDirectory() as folder:
        clock, figures = Told(), Figures()
        keeper = Keeper(Path(folder) / "history.db", limits, clock, figures, lambda _: None)
        spent = pass_through(keeper, clock, names, SECONDS)
        print(
            f"CPU            {100 * spent / SECONDS:.2f} % of a core, {1e6 * spent / figures.written:.1f} µs a sample"
        )
        print(f"on the disk    {figures.bytes / figures.written:.0f} bytes a sample, minutes included")
        tracemalloc.start()
        keeper = Keeper(Path(folder) / "again.db", limits, clock, Figures(), lambda _: None)
        pass_through(keeper, clock, names, 30)
        held, most = tracemalloc.get_traced_memory()
        print(
            f"memory         {held / 1e6:.1f} MB, {most / 1e6:.1f} MB at most (samples on their way included)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
