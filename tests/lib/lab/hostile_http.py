"""A web server that misbehaves, one way for each path. `PATHS` is the list.

In a test: `async with hostile() as server: server.url("/hang")`; with `tls=context` the same over TLS. From a
shell: `python -m lab.hostile_http --port 0` prints the port and serves until it is told to end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import re
import signal
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import brotli

_BLOCK: Final = b"x" * 65536
_TEN_GIGABYTES: Final = 10 * 1000**3


@dataclass(slots=True)
class Request:
    """What a client asked for, as it was received."""

    method: str
    path: str
    query: str
    head: bytes
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header's value, None when it was not sent."""
        match = re.search(rb"(?im)^" + re.escape(name.encode()) + rb":[ \t]*(.*?)\r?$", self.head)
        return match[1].decode("latin-1") if match else None


@dataclass(slots=True)
class Hostile:
    """A running server: where it is, what it was asked, how often each path, and how many bytes it could send."""

    port: int
    scheme: str
    host: str
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    open: int = 0

    def url(self, path: str = "/ok") -> str:
        """Return the URL of a path."""
        return f"{self.scheme}://{self.host}:{self.port}{path}"


class Wire:
    """The raw connection as a misbehaviour sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Hostile) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            self.server.sent += len(piece)

    async def drip(self, data: bytes, every: float = 0.02) -> None:
        for number in range(len(data)):
            await self.say(data[number : number + 1])
            await asyncio.sleep(every)

    def reset(self) -> None:
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Misbehaviour = Callable[[Wire, Request], Awaitable[None]]


def answer(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a well-behaved answer."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def says(data: bytes) -> Misbehaviour:
    """Send these bytes and close."""

    async def misbehave(wire: Wire, _request: Request) -> None:
        await wire.say(data)

    return misbehave


def redirects(location: str, status: str = "302 Found") -> Misbehaviour:
    """Redirect to a place; {port} is the server's own."""

    async def misbehave(wire: Wire, _request: Request) -> None:
        place = location.format(port=wire.server.port, scheme=wire.server.scheme)
        await wire.say(answer(b"", status=status, headers=f"Location: {place}\r\n"))

    return misbehave


async def hang(wire: Wire, _request: Request) -> None:
    await wire.reader.read()


async def hang_after_head(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    await wire.reader.read()


async def drip_headers(wire: Wire, _request: Request) -> None:
    await wire.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Drip: drop\r\n" * 10_000)


async def drip_body(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    await wire.drip(b"x" * 100_000)


async def huge_body(wire: Wire, _request: Request) -> None:
    await wire.say(f"HTTP/1.1 200 OK\r\nContent-Length: {_TEN_GIGABYTES}\r\n\r\nneedle".encode())
    for _ in range(_TEN_GIGABYTES // len(_BLOCK)):
        await wire.say(_BLOCK)


async def endless_body(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await wire.say(_BLOCK)


async def endless_header(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        await wire.say(_BLOCK)


async def endless_interim(wire: Wire, _request: Request) -> None:
    while True:
        await wire.say(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 1000)


async def tiny_chunks(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        await wire.say(b"1\r\nx\r\n" * 10_000)
    await wire.say(b"0\r\n\r\n")


async def reset_after_request(wire: Wire, _request: Request) -> None:
    wire.reset()


async def reset_in_body(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await asyncio.sleep(0.05)
    wire.reset()


async def split_keyword(wire: Wire, _request: Request) -> None:
    await wire.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnee\r\n")
    await asyncio.sleep(0.02)
    await wire.say(b"3\r\ndle\r\n0\r\n\r\n")


async def needle_at_end(wire: Wire, _request: Request) -> None:
    size = 2 * (1 << 20)
    await wire.say(f"HTTP/1.1 200 OK\r\nContent-Length: {size + 6}\r\n\r\n".encode(), b"x" * size, b"needle")


async def gzip_bomb(wire: Wire, _request: Request) -> None:
    """Ten gigabytes of nothing, packed a thousandfold."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bomb.compress(bytes(10**7)) + bomb.flush(zlib.Z_FULL_FLUSH)
    head = bytes([31, 139, 8, 0, 0, 0, 0, 0, 0, 255])
    await wire.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", head)
    for _ in range(1000):
        await wire.say(block)


async def echo(wire: Wire, request: Request) -> None:
    await wire.say(answer(request.head + b"\r\n\r\n" + request.body))


async def refuse_and_echo(wire: Wire, request: Request) -> None:
    await wire.say(answer(request.head, status="500 Internal Server Error"))


async def status(wire: Wire, request: Request) -> None:
    code = int(request.path.rpartition("/")[2])
    await wire.say(answer(b"" if code in {204, 304} else b"status", status=f"{code} As Asked"))


async def redirect_to(wire: Wire, request: Request) -> None:
    """Redirect to whatever stands in the query."""
    await wire.say(answer(b"", status="307 Temporary Redirect", headers=f"Location: {request.query}\r\n"))


async def head_only(wire: Wire, request: Request) -> None:
    length = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n"
    await wire.say(length if request.method == "HEAD" else answer(b"hello"))
    await wire.reader.read()


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _encoded(body: bytes, encoding: str) -> Misbehaviour:
    return says(answer(body, headers=f"Content-Encoding: {encoding}\r\n"))


_RAW: Final = zlib.compressobj(9, zlib.DEFLATED, -15)
_RAW_DEFLATE: Final = _RAW.compress(b"needle") + _RAW.flush()

PATHS: Final[dict[str, Misbehaviour]] = {
    "/ok": says(answer(b"ok needle ok", headers="Content-Type: text/plain\r\nX-Version: 1.2.3\r\n")),
    "/json": says(answer(b'{"status": "ok", "queue": {"size": 7}}', headers="X-Build: 2026-11\r\n")),
    "/json-deep": says(answer(b"[" * 200_000)),
    "/empty": says(answer(b"")),
    "/no-length": says(b"HTTP/1.0 200 OK\r\n\r\nuntil the end needle"),
    "/no-reason": says(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
    "/interim": says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"needle")),
    "/after-the-end": says(answer(b"needle") + b"\0\0 and then rubbish"),
    "/echo": echo,
    "/refuse-and-echo": refuse_and_echo,
    "/head": head_only,
    "/hang": hang,
    "/hang-after-head": hang_after_head,
    "/drip-headers": drip_headers,
    "/drip-body": drip_body,
    "/huge-body": huge_body,
    "/endless-body": endless_body,
    "/endless-header": endless_header,
    "/endless-interim": endless_interim,
    "/many-headers": says(b"HTTP/1.1 200 OK\r\n" + b"Set-Cookie: a=b\r\n" * 10_000 + b"\r\n"),
    "/close-at-once": says(b""),
    "/close-in-headers": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "/close-in-body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "/close-in-chunks": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    "/reset": reset_after_request,
    "/reset-in-body": reset_in_body,
    "/chunk-size-junk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
    "/chunk-size-negative": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    "/chunk-size-huge": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nhello"),
    "/chunk-without-end": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n"),
    "/tiny-chunks": tiny_chunks,
    "/split-keyword": split_keyword,
    "/needle-at-end": needle_at_end,
    "/two-lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"),
    "/bad-length": says(b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"),
    "/binary": says(bytes(range(256)) * 4),
    "/binary-status": says(b"\xff\xfe\x00\x01 \x80\x81\r\n\r\n"),
    "/icy": says(b"ICY 200 OK\r\n\r\nradio"),
    "/line-feeds": says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "/version-9": says(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "/version-2": says(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "/status-000": says(b"HTTP/1.1 000 Nothing\r\nContent-Length: 2\r\n\r\nok"),
    "/status-099": says(b"HTTP/1.1 099 Less\r\nContent-Length: 2\r\n\r\nok"),
    "/status-1000": says(b"HTTP/1.1 1000 More\r\nContent-Length: 2\r\n\r\nok"),
    "/ssh": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "/upgrade": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n\0\0\0"),
    "/upgrade-offered": says(answer(b"needle", headers="Upgrade: h2,h2c\r\nConnection: Upgrade\r\n")),
    "/gzip": _encoded(_gzip(b"packed needle"), "gzip"),
    "/gzip-twice": _encoded(_gzip(_gzip(b"packed needle")), "gzip, gzip"),
    "/gzip-two-members": _encoded(_gzip(b"packed ") + _gzip(b"needle"), "gzip"),
    "/gzip-1000-members": _encoded(_gzip(b"") * 1000, "gzip"),
    "/gzip-cut": _encoded(_gzip(bytes(range(256)) * 8)[:-20], "gzip"),
    "/gzip-bomb": gzip_bomb,
    "/deflate": _encoded(zlib.compress(b"needle"), "deflate"),
    "/deflate-raw": _encoded(_RAW_DEFLATE, "deflate"),
    "/not-gzip": _encoded(b"plain text", "gzip"),
    "/brotli": _encoded(brotli.compress(b"packed needle"), "br"),
    "/brotli-cut": _encoded(brotli.compress(bytes(range(256)) * 8)[:-20], "br"),
    "/brotli-bomb": _encoded(brotli.compress(bytes(10**8), quality=9), "br"),
    "/not-brotli": _encoded(b"\xff" * 20, "br"),
    "/zstd": _encoded(b"\x28\xb5\x2f\xfd", "zstd"),
    "/latin-1": says(answer("Grüße".encode("latin-1"), headers="Content-Type: text/html; charset=ISO-8859-1\r\n")),
    "/gbk": says(answer("商城正常".encode("gbk"), headers="Content-Type: text/html; charset=gbk\r\n")),
    "/charset-lies": says(answer(b"needle", headers="Content-Type: text/plain; charset=utf-16\r\n")),
    "/charset-unknown": says(answer(b"needle", headers="Content-Type: text/plain; charset=x-unknown\r\n")),
    "/charset-costly": says(answer(b"needle" + b"z" * 900000, headers="Content-Type: text/html; charset=punycode\r\n")),
    "/not-utf-8": says(answer(b"\xff\xfe\0 needle \xc3", headers="Content-Type: text/plain; charset=utf-8\r\n")),
    "/bom": says(answer(b'\xef\xbb\xbf{"state": "needle"}', headers="Content-Type: application/json\r\n")),
    "/nothing-but-nuls": says(answer(b"\0" * 10_000)),
    "/backtrack": says(answer(b"a" * 50_000)),
    "/redirect": redirects("/ok"),
    "/redirect-for-ever": redirects("/redirect-for-ever"),
    "/redirect-to-file": redirects("file:///etc/passwd"),
    "/redirect-to-unix": redirects("unix:/run/docker.sock"),
    "/redirect-to-script": redirects("javascript:alert(1)"),
    "/redirect-to-metadata": redirects("http://169.254.169.254/latest/meta-data/"),
    "/redirect-to-legacy": redirects("http://2130706433/"),
    "/redirect-to-junk": redirects("http://[::1"),
    "/redirect-with-blank": redirects("/o k"),
    "/redirect-empty": redirects(""),
    "/redirect-nowhere": says(answer(b"", status="302 Found")),
    "/redirect-long": redirects("/" + "x" * 60_000),
    "/redirect-longer": redirects("/" + "x" * 100_000),
    "/redirect-to-name": redirects("{scheme}://localhost:{port}/echo"),
    "/redirect-keep-name": redirects("{scheme}://localhost:{port}/echo", "307 Temporary Redirect"),
    "/redirect-post": redirects("/echo"),
    "/redirect-see-other": redirects("/echo", "303 See Other"),
    "/redirect-keep": redirects("/echo", "308 Permanent Redirect"),
    "/redirect-to": redirect_to,
}  # fmt: skip
"""What each path does. `/status/NNN` answers with that status."""


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read one request, body included; None when the client said nothing."""
    try:
        first = await reader.readexactly(1)
        if not first.isalpha():  # such as a TLS handshake: a web server takes it for a bad request
            return Request(method="", path="/status/400", query="", head=first)
        head = first + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    method, target, _version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    # A proxy may pass on the whole URL, which any server has to take.
    path, _, query = re.sub(r"^http://[^/?]*", "", target).partition("?")
    request = Request(method=method, path=path, query=query, head=head[:-4])
    length = int(request.header("Content-Length") or 0)
    request.body = await reader.readexactly(length) if length else b""
    return request


@contextlib.asynccontextmanager
async def hostile(
    *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Hostile]:
    """Serve `PATHS` until the block ends; then every connection is cut and every handler has ended."""
    tasks: set[asyncio.Task[None]] = set()
    state = Hostile(port=port, scheme="https" if tls else "http", host=host)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer, state)
        state.open += 1
        try:
            request = await read_request(reader)
            if request is not None:
                state.requests.append(request)
                known = status if request.path.startswith("/status/") else PATHS.get(request.path)
                await (known or says(answer(b"unknown path", status="404 Not Found")))(wire, request)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left, as well it might
        finally:
            state.open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, ssl=tls, limit=1 << 17)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        await asyncio.sleep(0.005)  # what was accepted this instant becomes a task only now
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _serve_until_told(port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with hostile(port=port) as server:
        print(server.port, flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve a misbehaviour on every path.")
    parser.add_argument(
        "--port", type=int, default=0, help="port on the loopback address; 0 picks a free one"
    )
    asyncio.run(_serve_until_told(parser.parse_args().port))
