"""The line to one HTTP provider: a fresh connection for each message, and in a burst of them some that are kept.

Where little happens nothing is kept. Of many messages within a second each would pay for a connection of its own; so
one that has carried its answer whole carries the next message too, within a second and while nothing has come over it.
A kept connection may die all the same while a message is on its way. Then nobody knows whether it was taken, as with a
fresh one that dies: it is never sent anew from here.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httptools
from aiohappyeyeballs import start_connection

from alerting.notifiers.reach import Trust, resolve

IDLE: Final = 1.0
"""Seconds for which a connection is kept: less than any provider keeps it, so that it is we who let it go."""
BURST: Final = 4
"""So many messages within a second are a burst: only then connections are kept."""
KEPT: Final = 16
"""Connections kept at most."""
HEAD_BYTES: Final = 65536
CLOSING_SECONDS: Final = 1.0
"""How long the other side may take to take leave of an encrypted connection."""
HASTE: Final = 0.25
"""Seconds after which the next of several addresses is tried beside the first."""
_BODILESS: Final = (204, 304)


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
    """One connection, and what is read of the one answer that is under way on it."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self.status = 0
        self.fields: dict[str, str] = {}
        self.body = bytearray()
        self.whole = False
        """True once the answer has come to its end."""
        self._stays = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._most = 0
        self._read = 0
        self._news: asyncio.Future[None] | None = None
        self._broken: Exception | None = None
        self._over = True
        """True where nothing may come: before a request, and after the end of its answer."""
        self._spoilt = False
        self._idle: asyncio.TimerHandle | None = None

    async def ask(
        self, request: bytes, leaves: Callable[[], None], most: int, patience: float | None
    ) -> None:
        """Send a request and read its answer: the head, and up to `most` bytes of body for `patience` seconds.

        `leaves` is called before the first byte is sent. What becomes of the body is no error. Raise OSError,
        NotHttpError, and ConnectionError where there is no answer.
        """
        leaves()
        self._parser = httptools.HttpResponseParser(self)
        self.status, self._read, self._most, self._over = 0, 0, most, False
        self.fields, self.body, self.whole, self._stays = {}, bytearray(), False, False
        if self._transport is not None:
            self._transport.write(request)
        while not self.status:
            await self._more()
        try:
            async with asyncio.timeout(patience):
                while not self._enough:
                    await self._more()
        except (TimeoutError, OSError, NotHttpError):  # the status has said what there is to say
            self._spoilt = True

    @property
    def fresh(self) -> bool:
        """True where it may carry another message: as far as can be seen from here, for the other side may close it."""
        return self._stays and not self._spoilt and self._broken is None

    @property
    def silent(self) -> bool:
        """True where nothing waits to be read, neither an end nor words that nobody asked for."""
        if self._broken is not None or self._spoilt or self._transport is None:
            return False
        look = select.poll()
        look.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
        return not look.poll(0)

    def keep(self, let_go: Callable[[Wire], None]) -> None:
        """Stay for a while; `let_go` is called when nobody has taken it until then."""
        self._idle = asyncio.get_running_loop().call_later(IDLE, let_go, self)

    def take(self) -> None:
        """Be used again."""
        if self._idle is not None:
            self._idle.cancel()

    def close(self, *, at_once: bool = False) -> None:
        """Let it go; `at_once` without a word to the other side."""
        self.take()
        if self._transport is not None:
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()

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
        self._broken = exc or ConnectionResetError()
        self._tell()

    def data_received(self, data: bytes) -> None:
        """Take in what has come; more than is wanted is left unread."""
        if self._over:
            self._spoilt = True
        else:
            self._read += len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:  # 101: what follows is no HTTP any more
                self._spoilt = True
            except httptools.HttpParserError:
                self._spoilt = True
                if not self.status:
                    self._broken = NotHttpError()
            if not self.status and self._read >= HEAD_BYTES:
                self._broken = NotHttpError()
        if self._transport is not None and (self._spoilt or self._enough) and not self.fresh:
            self._transport.pause_reading()
        self._tell()

    @property
    def _sized(self) -> bool:
        return "content-length" in self.fields or "transfer-encoding" in self.fields

    def on_message_begin(self) -> None:
        """Meet the beginning of an answer; of another one behind it nobody wants to know."""
        self._spoilt = self._spoilt or self._over

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer."""
        if not self.status:
            self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Meet the end of a head; that of an interim answer is forgotten."""
        status = self._parser.get_status_code()
        if self._over or (100 <= status < 200 and status != 101):
            self.fields.clear()
            return
        self.status = status
        if status in _BODILESS:
            self._end()

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body."""
        if not self._over and len(self.body) < self._most:
            self.body += data

    def on_message_complete(self) -> None:
        """Meet the end of the answer."""
        if self.status and not self._over:
            self._end()

    def _end(self) -> None:
        self.whole = self._over = True
        self._stays = self._parser.should_keep_alive()  # it knows this only now


@dataclass(slots=True, eq=False)
class Line:
    """What a notifier keeps between messages: whose certificates it believes, and in a burst its connections."""

    trust: Trust = field(default_factory=Trust)
    _kept: list[Wire] = field(default_factory=list)
    _to: Place | None = None
    _begun: deque[float] = field(default_factory=lambda: deque(maxlen=BURST))

    def busy(self) -> bool:
        """Count a message, and tell whether so many leave that connections should be kept."""
        now = asyncio.get_running_loop().time()
        self._begun.append(now)
        return len(self._begun) == BURST and now - self._begun[0] < 1.0

    async def wire(self, place: Place) -> Wire:
        """Return a connection that nobody else uses. Raise LookUpError, OSError, DeliveryError."""
        while self._kept and place == self._to:
            wire = self._kept.pop()
            wire.take()
            if wire.silent:
                return wire
            wire.close()
        context = await self.trust.load(place.ca) if place.tls else None
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
                Wire,
                sock=connected,
                ssl=context,
                server_hostname=place.host if place.tls else None,
                ssl_shutdown_timeout=CLOSING_SECONDS if place.tls else None,
            )
        except BaseException:
            connected.close()
            raise
        return wire

    def give_back(self, wire: Wire, place: Place, *, keep: bool) -> None:
        """Keep a connection for the next message, or let it go."""
        if keep and wire.fresh and len(self._kept) < KEPT:
            if place != self._to:
                self.close()
                self._to = place
            self._kept.append(wire)
            wire.keep(self._let_go)
        else:
            wire.close(at_once=not wire.whole)

    def close(self) -> None:
        """Let go of what is kept."""
        while self._kept:
            self._kept.pop().close()

    def _let_go(self, wire: Wire) -> None:
        if wire in self._kept:
            self._kept.remove(wire)
        wire.close()
