"""The least that Python can do: sockets, one epoll and the parser ask each target once in ten seconds. Nothing else.

Nothing is judged, kept, bounded or told, and whatever goes wrong ends it: it stands for the machine and the language,
so that a reader sees which part of our CPU is ours. `python bare.py TARGETS.json` with a list of [host, port, path].
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import select
import socket
import sys
from itertools import count
from pathlib import Path
from random import Random

import httptools
import uvloop

EVERY = 10.0
GATHER = 0.015
"""As many seconds as the daemon gathers for what is due."""
EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Ask:
    """One target, and one request of it at a time."""

    __slots__ = ("address", "over", "parser", "request", "sent", "socket")

    def __init__(self, host: str, port: int, path: str) -> None:
        self.address = host, port
        self.request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()

    def begin(self, poll: select.epoll) -> socket.SocketType:
        self.socket = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sent = self.over = False
        with contextlib.suppress(BlockingIOError):
            self.socket.connect(self.address)
        poll.register(self.socket, EVENTS)
        return self.socket

    def go_on(self) -> bool:
        """Return whether it is over."""
        if not self.sent:
            self.socket.send(self.request)
            self.sent, self.parser = True, httptools.HttpResponseParser(self)
        else:
            with contextlib.suppress(BlockingIOError):
                self.parser.feed_data(self.socket.recv(65536))
        if self.over:
            self.socket.close()
        return self.over

    def on_message_complete(self) -> None:
        self.over = True


async def ask_all(targets: list[tuple[str, int, str]]) -> None:
    """Ask them for ever."""
    loop, poll, random, number = asyncio.get_running_loop(), select.epoll(), Random(1), count()
    under_way: dict[int, Ask] = {}
    due = [(loop.time() + EVERY * random.random(), next(number), Ask(*target)) for target in targets]
    heapq.heapify(due)

    def fire() -> None:
        now = loop.time()
        while due[0][0] <= now:
            at, _, ask = due[0]
            heapq.heapreplace(due, (at + EVERY, next(number), ask))
            under_way[ask.begin(poll).fileno()] = ask
        loop.call_at(max(due[0][0], now + GATHER), fire)

    def serve() -> None:
        for descriptor, _ in poll.poll(0, 64):
            ask = under_way.get(descriptor)
            if ask is not None and ask.go_on():
                del under_way[descriptor]

    loop.add_reader(poll.fileno(), serve)
    fire()
    await loop.create_future()


if __name__ == "__main__":
    uvloop.run(ask_all(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
