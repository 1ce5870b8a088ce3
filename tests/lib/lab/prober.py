"""How long a daemon's loop stands still, seen from outside: a process of its own asks /readyz all the time.

    with Prober(port) as prober: …; prober.told()

An answer takes as long as the loop is kept from giving it. What the prober itself came too late by, because the
machine gave it no time, is told beside it: the daemon on the same machine may have fared alike.
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

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.prober", str(self._port)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def told(self) -> Told:
        """End, and return figures in seconds: `median` and `longest` answer, `worst` with their times, `asked`, and
        by how much the prober itself was `late` at most.
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


def ask(port: int) -> Told:
    """Ask until the input ends."""
    took: list[tuple[float, float]] = []
    late, due = 0.0, time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while True:
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
        began = time.monotonic()
        late = max(late, began - due)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        ended = time.monotonic()
        took.append((ended - began, time.time()))
        due = max(due + EVERY, ended)
    took.sort(reverse=True)
    return {
        "asked": len(took),
        "median": took[len(took) // 2][0],
        "longest": took[0][0],
        "late": late,
        "worst": took[:WORST],
    }


if __name__ == "__main__":
    print(json.dumps(ask(int(sys.argv[1]))))
