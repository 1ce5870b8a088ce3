"""Web servers that stop listening, one after the other, at instants they note.

    python bench/lib/doors.py COUNT GAP INTERVAL LEDGER

Opens COUNT listeners on loopback and writes their ports to LEDGER. At SIGUSR1 it begins to close them for good, one
every GAP seconds: when its turn has come, a door waits until it is asked, and then for its own share of INTERVAL,
the time between two questions. The shares are spread evenly, in no order: chance does not enter the figures. Each
closing is noted as the number of the door and the nanoseconds of the monotonic clock before its socket was closed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from pathlib import Path
from typing import IO

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Door:
    """A listener. `share` seconds after the first question from `turn` on it closes."""

    def __init__(self, number: int, share: float, ledger: IO[str]) -> None:
        """It does not listen before `open`."""
        self.number = number
        self.turn = float("inf")
        self._share = share
        self._ledger = ledger
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen, and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Visit(self), "127.0.0.1", 0, backlog=256)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def asked(self) -> None:
        """Note that somebody came."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self.turn:
            self.turn = float("inf")
            loop.call_later(self._share, self._close)

    def _close(self) -> None:
        assert self._server is not None
        now = time.monotonic_ns()
        self._server.close()
        self._ledger.write(f"{self.number} {now}\n")


class Visit(asyncio.Protocol):
    """Answers whatever it is asked, and hangs up."""

    def __init__(self, door: Door) -> None:
        """Through which door it came."""
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where the answer goes."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._door.asked()

    def data_received(self, data: bytes) -> None:
        """Answer once the head is there; ours come in one piece."""
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)
            self._transport.close()


async def main(count: int, gap: float, interval: float, ledger: Path) -> None:
    """Open, wait for the signal, close."""
    loop = asyncio.get_running_loop()
    begin = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, begin.set)
    shares = [interval * (number + 0.5) / count for number in range(count)]
    random.Random(1).shuffle(shares)
    with ledger.open("w", encoding="ascii", buffering=1) as out:
        doors = [Door(number, share, out) for number, share in enumerate(shares)]
        ports = [await door.open() for door in doors]
        out.write(" ".join(str(port) for port in ports) + "\n")
        await begin.wait()
        start = loop.time()
        for door in doors:
            door.turn = start + door.number * gap
        await loop.create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
