"""Ports that misbehave below or beside HTTP, one way for each name. `SERVES` is the list.

    async with ports() as by_name: by_name["silent"]

`deaf`, `full` and `nobody` are no servers: the kernel alone answers there, or nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Final

from lab.hostile_http import answer
from lab.probe_server import Serve, serving

_DRIP_SECONDS: Final = 0.05


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def closes(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing, and be gone."""


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def resets_when_spoken_to(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


async def endless_line(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"never the end of it " * 1000)
        await writer.drain()


async def endless_reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"250-and more\r\n" * 1000)
        await writer.drain()


async def endless_untagged(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a mail server says of itself without being asked, for ever."""
    while True:
        writer.write(b"* OK still here\r\n" * 1000)
        await writer.drain()


async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    await reader.read()


async def binary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 8 + b"\r\n")
    await writer.drain()
    await reader.read()


async def slow_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lines on which a pattern with two gaps takes long, though none takes too long."""
    writer.write((b"a" * 500 + b"\r\n") * 90)
    await writer.drain()
    await reader.read()


async def half_a_farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the own side at once, and stay."""
    writer.write_eof()
    await reader.read()


async def answers_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep the connection after an answer, and break it off with the next question."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(answer(b"needle", headers="Connection: keep-alive\r\n"))
    await writer.drain()
    await reader.read(1)
    reset(writer)


async def leaves_when_idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Promise to keep the connection, and close it just before anybody comes back."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(answer(b"needle", headers="Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"))
    await writer.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.9):
            await reader.read(1)


async def agrees_and_says_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Slip something in between agreeing to TLS and its handshake."""
    writer.write(b"220 ready\r\n")
    await reader.readline()
    writer.write(b"250-mail\r\n250 STARTTLS\r\n")
    await reader.readline()
    writer.write(b"220 go ahead\r\n250 and by the way\r\n")
    await writer.drain()
    await reader.read()


async def knows_no_starttls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 ready\r\n")
    while await reader.readline():
        writer.write(b"502 what?\r\n")


SERVES: Final[dict[str, Serve]] = {
    "silent": silent,
    "closes": closes,
    "resets": resets,
    "resets-when-spoken-to": resets_when_spoken_to,
    "endless-line": endless_line,
    "endless-reply": endless_reply,
    "endless-untagged": endless_untagged,
    "drips": drips,
    "ssh": ssh,
    "binary": binary,
    "slow-lines": slow_lines,
    "half-a-farewell": half_a_farewell,
    "answers-once": answers_once,
    "leaves-when-idle": leaves_when_idle,
    "agrees-and-says-more": agrees_and_says_more,
    "knows-no-starttls": knows_no_starttls,
}


@contextlib.asynccontextmanager
async def ports() -> AsyncIterator[dict[str, int]]:
    """Serve all of `SERVES`, and what the kernel can be made to do, and give each its port."""
    async with contextlib.AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(serving(serve)) for name, serve in SERVES.items()}
        deaf = stack.enter_context(socket.socket())
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(4096)  # the kernel accepts, nobody reads: the window closes
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):  # from then on the kernel answers no more
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        for name, one in (("deaf", deaf), ("full", full), ("nobody", nobody)):
            found[name] = one.getsockname()[1]
        yield found
