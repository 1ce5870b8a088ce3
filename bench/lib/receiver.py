"""A webhook receiver that notes when each message arrived, and takes them all.

    python bench/lib/receiver.py PORT LEDGER

Each line of the ledger: nanoseconds of the monotonic clock, a blank, the body on one line. Its work for a message is
some 20 µs: a thousand at once are no trouble to it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message: `at` in seconds of the monotonic clock."""

    at: float
    body: dict[str, Any]


def arrivals(ledger: Path, kind: str) -> Iterator[Arrival]:
    """Yield the messages of a kind in the order they came."""
    for line in ledger.read_text(encoding="utf-8").splitlines():
        at, _, text = line.partition(" ")
        body = json.loads(text)
        if body.get("kind") == kind:
            yield Arrival(at=int(at) / 1e9, body=body)


class Receiver(asyncio.Protocol):
    """One connection: requests with Content-Length, one after the other."""

    def __init__(self, ledger: IO[bytes]) -> None:
        """Messages go to `ledger`, unbuffered."""
        self._ledger = ledger
        self._got = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where the answers go."""
        self._transport = cast(
            "asyncio.WriteTransport", transport
        )  # uvloop's own is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Note what is complete."""
        now = time.monotonic_ns()
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = _length(self._got[:end])
            if len(self._got) < end + 4 + length:
                return
            body = self._got[end + 4 : end + 4 + length]
            self._got = self._got[end + 4 + length :]
            if body:
                self._ledger.write(b"%d %s\n" % (now, body.replace(b"\n", b" ")))
            if self._transport is not None:
                self._transport.write(ANSWER)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def main(port: int, ledger: Path) -> None:
    """Listen until killed."""
    with ledger.open("ab", buffering=0) as out:
        server = await asyncio.get_running_loop().create_server(
            lambda: Receiver(out), "127.0.0.1", port, backlog=4096
        )
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
