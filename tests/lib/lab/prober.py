"""How long a daemon's loop stands still, seen from outside: a process of its own asks /readyz all the time.

    with Prober(daemon.pid, daemon.internal) as prober: …; prober.told()

An answer takes as long as the loop is kept from giving it. Whether by its own work or because the machine had other
things to do, the kernel tells: for how long the daemon's main thread, and the prober, stood in the queue for a
processor meanwhile.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

EVERY: Final = 0.02
"""Seconds between two questions: a gap is seen but for that much."""
WORST: Final = 10
"""So many of the longest are told with their times."""

Told = dict[str, float | list[tuple[float, float]]]


class Prober:
    """Asks from the start of the block on."""

    def __init__(self, pid: int, port: int) -> None:
        self._words = str(pid), str(port)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.prober", *self._words],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def told(self) -> Told:
        """End, and return figures in seconds: the `median` and the `longest` answer, the longest without the queue for
        a processor (`own`), the `worst` of these with what was waited in the queue, and how many were `asked`.
        """
        assert self._process is not None
        told: Told = json.loads(self._process.communicate(timeout=30)[0])
        return told

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)


def queued(pid: int) -> float:
    """Return how long the main thread of a process has stood in the queue for a processor, in seconds."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9


def ask(pid: int, port: int) -> Told:
    """Ask until the input ends."""
    took: list[tuple[float, float]] = []
    all_of_it: list[float] = []
    due, own = time.monotonic(), os.getpid()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        before, began = queued(pid) + queued(own), time.monotonic()
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        ended = time.monotonic()
        waited = queued(pid) + queued(own) - before
        all_of_it.append(ended - began)
        took.append((max(ended - began - waited, 0.0), waited))
        due = max(due + EVERY, ended)
    whole = sorted(all_of_it)
    took.sort(reverse=True)
    return {
        "asked": len(took),
        "median": whole[len(whole) // 2],
        "longest": whole[-1],
        "own": took[0][0],
        "worst": took[:WORST],
    }


if __name__ == "__main__":
    print(json.dumps(ask(*map(int, sys.argv[1:]))))
