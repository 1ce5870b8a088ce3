"""Targets that go down and come up as told, and the truth about it on disk.

    with World(folder, targets=20) as world:
        world.checks()                      # the `checks:` of a configuration that watches them all
        world.down("target-003"); world.up("target-003")
        world.outages()                     # what really was, from the ledger

All targets live on one thread of this process: `http` ones answer 200 or 503 on one port, `tcp` ones listen or do
not. A line is in the ledger, synced, before a target goes down: no page can be older than its outage.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from lab.ledger import read
from lab.wait import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A target was down. Times in seconds since 1970; `down_to` is None while it still is."""

    target: str
    down_from: float
    down_to: float | None = None

    def lasted(self, now: float) -> float:
        return (now if self.down_to is None else self.down_to) - self.down_from


class World:
    """K targets on loopback."""

    def __init__(self, home: Path, *, targets: int, kind: Literal["http", "tcp"] = "http") -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.names = tuple(f"target-{number:03d}" for number in range(targets))
        self.kind = kind
        self.ledger = home / "truth.jsonl"
        self._down: dict[str, float] = {}
        self._ports: dict[str, int] = {}
        self._listening: dict[str, socket.socket] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="world", daemon=True)
        self._server: asyncio.Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if self.kind == "http":
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        else:
            for name in self.names:
                self._open(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        for one in self._listening.values():
            one.close()

    def checks(self, **options: str) -> str:
        """Return `checks:` in YAML, one per target by its name; `options` are added to each."""
        more = "".join(f", {name}: {value}" for name, value in options.items())
        return "checks:\n" + "".join(f"  {name}: {{{self._probe(name)}{more}}}\n" for name in self.names)

    def _probe(self, name: str) -> str:
        if self.kind == "http":
            return f"probe: http, url: 'http://127.0.0.1:{self.port}/{name}'"
        return f"probe: tcp, target: '127.0.0.1:{self._ports[name]}'"

    def down(self, name: str) -> None:
        """Take a target down from now on."""
        if name in self._down:
            return
        began = time.time()
        self._write({"target": name, "down_from": began})
        self._down[name] = began
        if self.kind == "tcp":
            self._listening.pop(name).close()

    def up(self, name: str) -> None:
        """Let a target work again from now on."""
        if name not in self._down:
            return
        if self.kind == "tcp":
            self._open(name)
        began = self._down.pop(name)
        self._write({"target": name, "down_from": began, "down_to": time.time()})

    def quiesce(self) -> None:
        """Let all work."""
        for name in list(self._down):
            self.up(name)

    def is_down(self, name: str) -> bool:
        return name in self._down

    def outages(self) -> list[Outage]:
        """Return all outages so far, oldest first."""
        found: dict[tuple[str, float], Outage] = {}
        for line in read(self.ledger):
            found[line["target"], line["down_from"]] = Outage(**line)
        return list(found.values())

    def _write(self, line: dict[str, object]) -> None:
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _open(self, name: str) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._ports.get(name) or free_port()))
        listening.listen(64)  # the kernel answers: nobody has to accept
        self._ports[name] = listening.getsockname()[1]
        self._listening[name] = listening

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(lambda: _Target(self._down), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(0.01)


class _Target(asyncio.Protocol):
    """Answers one request for /NAME: 503 while NAME is down."""

    def __init__(self, down: dict[str, float]) -> None:
        self._down = down
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head or self._transport is None:
            return
        name = self._head.split(b" ", 2)[1].strip(b"/").decode()
        status = b"503 Down" if name in self._down else b"200 OK"
        self._transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self._transport.close()
