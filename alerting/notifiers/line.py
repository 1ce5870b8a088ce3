"""The line to one HTTP provider: a fresh connection for each message, and what is read of the one answer on it.

Nothing is kept for the next message. What is still on its way on a used connection (an answer sent twice, the refusal
of a body that nobody read) cannot be told from the answer to the next message: a page would count as taken that was
refused, or be sent again that was taken.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httptools
from aiohappyeyeballs import start_connection

from alerting.notifiers.reach import Trust, resolve

HEAD_BYTES: Final = 65536
"""Of a head; and, beside the body that is wanted, of all that comes."""
CLOSING_SECONDS: Final = 1.0
"""How long the other side may take to take leave of an encrypted connection."""
HASTE: Final = 0.25
"""Seconds after which the next of several addresses is tried beside the first."""
_BODILESS: Final = (204, 304)
_REFUSALS: Final = 400


class LookUpError(Exception):
    """The provider's name has no address; what said so is the cause."""


class NotHttpError(Exception):
    """What the provider answers is not HTTP, or longer than it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection leads to, and whether it is encrypted. `ca` as in `Trust.load`."""

    host: str
    port: int
    tls: bool
    ca: str | None = None


class Wire(asyncio.Protocol):
    """One connection, for one request and its answer, of whose body up to `most` bytes are wanted."""

    def __init__(self, most: int) -> None:
        """Nothing is asked yet."""
        self.status = 0
        self.fields: dict[str, str] = {}
        self.body = bytearray()
        self.whole = False
        """True once the answer has come to its end."""
        self._most = most
        self._read = 0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._news: asyncio.Future[None] | None = None
        self._broken: Exception | None = None
        """Why nothing more will come."""

    async def ask(self, request: bytes, leaves: Callable[[], None], patience: float | None) -> None:
        """Send the request and read its answer: the head, and of the body what comes in `patience` seconds.

        `leaves` is called before the first byte is sent: never where a refusal has come before. What becomes of the
        body is no error. Raise OSError, NotHttpError, and ConnectionError where there is no answer.
        """
        if self._broken is not None:
            raise self._broken
        if self._transport is not None and not self.status:
            leaves()
            self._transport.write(request)
        elif self.status < _REFUSALS:  # who accepts what was not said yet speaks of something else
            raise NotHttpError
        while not self.status:
            await self._more()
        try:
            async with asyncio.timeout(patience):
                while not self._enough:
                    await self._more()
        except (TimeoutError, OSError, NotHttpError):  # the status has said what there is to say
            pass

    def close(self) -> None:
        """Let it go; where the answer has not come to its end, without a word to the other side."""
        if self._transport is not None:
            if self.whole:
                self._transport.close()
            else:
                self._transport.abort()

    @property
    def _enough(self) -> bool:
        return self.whole or len(self.body) >= self._most

    async def _more(self) -> None:
        if self._broken is not None:
            raise self._broken
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment] # uvloop's own is none of asyncio's classes

    def connection_lost(self, exc: Exception | None) -> None:
        """End. Of an answer that tells no length this is the end."""
        if self.status and exc is None and not self._sized:
            self.whole = True
        self._broken = self._broken or exc or ConnectionResetError()
        self._tell()

    def data_received(self, data: bytes) -> None:
        """Take in what has come; more than is wanted is left unread."""
        if self._broken is None and not self._enough:
            self._read += len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:  # 101: what follows is no HTTP any more
                self.whole = True
            except httptools.HttpParserError:
                self._broken = None if self.whole else NotHttpError()
            if self._read > HEAD_BYTES + (self._most if self.status else 0):
                self._broken = NotHttpError()
        if self._transport is not None and (self._broken is not None or self._enough):
            self._transport.pause_reading()
        self._tell()

    @property
    def _sized(self) -> bool:
        return "content-length" in self.fields or "transfer-encoding" in self.fields

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer."""
        if not self.status:
            self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Meet the end of a head; that of an interim answer is forgotten."""
        status = self._parser.get_status_code()
        if self.status:  # another answer behind the one that counts
            return
        if 100 <= status < 200 and status != 101:
            self.fields.clear()
            return
        self.status = status
        self.whole = status in _BODILESS

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body."""
        if not self.whole and len(self.body) < self._most:
            self.body += data

    def on_message_complete(self) -> None:
        """Meet the end of the answer."""
        self.whole = self.whole or self.status > 0


async def connect(place: Place, trust: Trust, most: int) -> Wire:
    """Return a connection of one's own. Raise LookUpError, OSError, DeliveryError."""
    context = await trust.load(place.ca) if place.tls else None
    try:
        found = await resolve(place.host, place.port)
    except (OSError, UnicodeError) as error:
        raise LookUpError from error
    connected = await start_connection(
        [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for family, address in found],
        happy_eyeballs_delay=HASTE,
    )
    try:
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(most),
            sock=connected,
            ssl=context,
            server_hostname=place.host.removesuffix(".") if place.tls else None,
            ssl_shutdown_timeout=CLOSING_SECONDS if place.tls else None,
        )
    except BaseException:
        connected.close()
        raise
    return wire
