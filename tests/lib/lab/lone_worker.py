"""A worker process without a crew: what it is told is written, and what it says read, by the test itself.

python -m lab.lone_worker UNREAD STOPPED    its line as standard input
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.engine.loop import loop_factory
from monitor.engine.workers.wire import Order, Report, Watch, pack_order, read_report
from monitor.engine.workers.worker import Worker
from probes.api import Probe


@contextmanager
def lone_worker(
    *orders: Order, unread: int = 1 << 26, stopped: float = 35.0, room: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Run one with these orders; give its process, and our end of the line. `room`: bytes the kernel holds for it."""
    ours, theirs = socket.socketpair()
    with ours:
        if room is not None:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "lab.lone_worker", str(unread), str(stopped)],
                stdin=theirs.fileno(),
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            )
        try:
            frame = pack_order(Watch(orders=orders))
            ours.sendall(len(frame).to_bytes(4, "little") + frame)
            yield process, ours
        finally:
            process.kill()
            process.wait(10)


def order(number: int, probe: Probe, **fields: Any) -> Order:
    """Return a check that is due at once, ten times a second."""
    usual: dict[str, Any] = {
        "number": number, "name": f"c-{number}", "every": 0.1, "timeout": 0.1, "retry_every": 0.1, "fingerprint": "f",
        "wait": 0.0,
    }  # fmt: skip
    return Order(probe=probe, **usual | fields)


def reports(line: socket.socket) -> Iterator[Report]:
    """Give what it says until it says no more."""
    with line.makefile("rb") as said:
        while head := said.read(4):
            yield read_report(said.read(int.from_bytes(head, "little")), str)


async def _serve(unread: int, stopped: float) -> None:
    line = socket.socket(fileno=0)
    line.setblocking(False)
    worker = Worker(100, 100, unread=unread, stopped=stopped)
    logging.getLogger().handlers[:] = [worker]
    await worker.serve(line)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
