"""A receiver that counts its connections and is told what to do with each request by its place.

async with KeptServer(lambda connection, request: "late" if request == 2 else "ok") as server:
    server.url, server.taken            # (connection, request, body), both counted from one

ok          200 {"id": "CONNECTION.REQUEST"}
close       the same, said to be the last on this connection, which stays open
hang-up     the same, and the connection is closed without a word of it
cut         reads the request, then resets the connection
late        answers once `server.released` is set
talk        the same answer, and another that nobody asked for right behind it
mutter      the same answer, and some bytes of more a moment later
old         an answer of HTTP/1.0
hint        an interim answer (103) before the true one
half        a length that is longer than what comes
endless     a head without end
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Self


class KeptServer:
    """Listens on loopback while the context is open."""

    def __init__(
        self,
        act: Callable[[int, int], str] = lambda _connection, _request: "ok",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.taken: list[tuple[int, int, str]] = []
        self.heads: list[str] = []
        self.connections = 0
        self.open = 0
        self.hung_up = 0
        self.muttered = False
        self.released = asyncio.Event()
        self.port = 0
        self._act = act
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        connection, request = self.connections, 0
        try:
            while await self._one(reader, writer, connection, request := request + 1):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int, request: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        body = (await reader.readexactly(length)).decode()
        self.heads.append(head)
        self.taken.append((connection, request, body))
        word = self._act(connection, request)
        answer = _answer(f'{{"id": "{connection}.{request}"}}', last=word == "close")
        match word:
            case "cut":
                plain = writer.get_extra_info("socket")
                plain.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case "late":
                await self.released.wait()
            case "talk":
                answer += _answer('{"id": "nobody asked"}')
            case "old":
                answer = answer.replace(b"HTTP/1.1", b"HTTP/1.0")
            case "hint":
                answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer
            case "half":
                answer = answer.replace(b"Content-Length: ", b"Content-Length: 1")
            case "endless":
                answer = b"HTTP/1.1 200 OK\r\n" + b"X-More: 0123456789\r\n" * 5000
        writer.write(answer)
        await writer.drain()
        if word == "mutter":
            await asyncio.sleep(0)
            writer.write(b"HTTP/1.1 200 OK\r\n")
            await writer.drain()
            self.muttered = True
        if word == "hang-up":
            writer.close()
            await writer.wait_closed()
            self.hung_up += 1
        return word != "hang-up"


def _answer(body: str, *, last: bool = False) -> bytes:
    leave = "Connection: close\r\n" if last else ""
    return f"HTTP/1.1 200 OK\r\n{leave}Content-Length: {len(body)}\r\n\r\n{body}".encode()
