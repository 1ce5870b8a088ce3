"""A mail server that is nothing but its script, so that it can fail inside what a real one does as a whole.

    async with Postmaster(tls, at="PASSWORD", act="451 4.7.0 later") as server:
        server.port, server.heard, server.mails

Its steps: BANNER EHLO STARTTLS HANDSHAKE EHLO2 AUTH PASSWORD MAIL RCPT DATA BODY DOT QUIT. At `at` it acts:

    CODE words    that reply instead of the good one (HANDSHAKE: in the clear; BODY: in the midst of the mail)
    hang          says nothing any more
    close, rst    closes or resets
    flood         a reply without end

It speaks AUTH LOGIN only, which has a step more than PLAIN. What was said before encryption is in `clear`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from types import TracebackType
from typing import Final, Self

STEPS: Final = (
    "BANNER", "EHLO", "STARTTLS", "HANDSHAKE", "EHLO2", "AUTH", "PASSWORD", "MAIL", "RCPT", "DATA", "BODY",
    "DOT", "QUIT",
)  # fmt: skip

GOOD: Final = {
    "BANNER": "220 lab",
    "EHLO": "250-lab\r\n250 STARTTLS",
    "STARTTLS": "220 go ahead",
    "EHLO2": "250-lab\r\n250 AUTH LOGIN",
    "AUTH": "334 UGFzc3dvcmQ6",
    "PASSWORD": "235 welcome",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "DOT": "250 ok: queued as LAB1",
    "QUIT": "221 bye",
}


class _GoneError(Exception):
    """The conversation is over."""


class Postmaster:
    """Listens on loopback while the context is open."""

    def __init__(self, tls: ssl.SSLContext, *, at: str = "", act: str = "") -> None:
        self.port = 0
        self.at = at
        self.act = act
        self.mails: list[bytes] = []
        self.clear = b""
        self.steps: list[str] = []
        self.done = asyncio.Event()
        """Set when a conversation is over."""
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (_GoneError, OSError, EOFError, asyncio.CancelledError):
            pass  # over, one way or another
        finally:
            self._tasks.discard(task)
            self.done.set()
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in STEPS:
            if step == "HANDSHAKE":
                if self.at == step:
                    await reader.read(1)  # it has begun
                await self._reached(step, writer)
                await writer.start_tls(self._tls)
                continue
            if step == "BODY":
                await reader.read(10)
                await self._reached(step, writer)
                continue
            if step == "DOT":
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
            elif step != "BANNER":
                line = await reader.readline()
                if not line:
                    raise _GoneError
                if STEPS.index(step) <= STEPS.index("STARTTLS"):
                    self.clear += line
            await self._reached(step, writer)
            writer.write(GOOD[step].encode() + b"\r\n")
            await writer.drain()

    async def _reached(self, step: str, writer: asyncio.StreamWriter) -> None:
        """Act, where it is the time to; else return and go on well."""
        self.steps.append(step)
        if step != self.at:
            return
        if self.act == "hang":
            await asyncio.Event().wait()
        if self.act == "rst":
            plain: socket.socket = writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise _GoneError
        if self.act[:3].isdigit():
            writer.write(self.act.encode() + b"\r\n")
            await writer.drain()
            await asyncio.Event().wait()  # it says no more, whatever comes
        while self.act == "flood":
            writer.write(b"250-and more\r\n" * 100)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        raise _GoneError
