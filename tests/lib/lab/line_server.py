"""A receiver that counts its connections and is told what to do with each: before its request (0) and with it (1).

async with LineServer(lambda connection, request: "late" if request == 2 else "ok") as server:
    server.url, server.taken            # (connection, 1, body), connections counted from one

ok          200 {"id": "CONNECTION.REQUEST"}
cut         reads the request, then resets the connection
late        answers once `server.released` is set
talk        the same answer, and another that nobody asked for right behind it
hint        an interim answer (103) before the true one
half        a length that is longer than what comes, and the end of the connection
endless     a head without end
bad-chunk   a head, and a chunk that is none
trailers    a head, a whole body, and headers behind it without end
early       503 as soon as somebody connects, before anything is read
welcome     200 as soon as somebody connects
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Self


class LineServer:
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
        self.endless = 0
        """Bytes of trailers that were taken."""
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
        connection = self.connections
        try:
            if (early := self._act(connection, 0)) in _EARLY:
                writer.write(_answer("{}", _EARLY[early]))
                await writer.drain()
            await self._one(reader, writer, connection)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        body = (await reader.readexactly(length)).decode()
        self.heads.append(head)
        self.taken.append((connection, 1, body))
        word = self._act(connection, 1)
        answer = _answer(f'{{"id": "{connection}.1"}}')
        match word:
            case "cut":
                plain = writer.get_extra_info("socket")
                plain.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return
            case "late":
                await self.released.wait()
            case "talk":
                answer += _answer('{"id": "nobody asked"}')
            case "hint":
                answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer
            case "half":
                answer = answer.replace(b"Content-Length: ", b"Content-Length: 1")
            case "endless":
                answer = b"HTTP/1.1 200 OK\r\n" + b"X-More: 0123456789\r\n" * 5000
            case "bad-chunk":
                answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
            case "trailers":
                answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-More: "
        writer.write(answer)
        await writer.drain()
        while word == "trailers" and not writer.is_closing():
            writer.write(b"a" * 65536)
            await writer.drain()
            self.endless += 65536
        if word == "bad-chunk":
            await reader.read()  # until the other side leaves


_EARLY = {"early": "503 Busy", "welcome": "200 OK"}


def _answer(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
