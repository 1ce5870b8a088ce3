"""Asks name servers: over one UDP socket for each server, shared by all that ask, and over TCP for long answers."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import weakref
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from probes.api import Run
from probes.network.names.message import Message, is_truncated, read
from probes.network.names.question import Question
from probes.network.names.reader import Malformed
from probes.network.spare import SPARE

PORT: Final = 53
_RECEIVE_BYTES: Final = 4096
_BATCH: Final = 64
"""Answers taken in a row before the loop gets its turn again."""
_SOCKET_QUERIES: Final = 1000
_SOCKET_SECONDS: Final = 60.0
"""How long a socket is used: a new one has a new port, which who wants to forge answers has to guess."""
_WAITING: Final = 16384
_PLAIN_SECONDS: Final = 600.0
"""How long a server that does not know EDNS is asked without."""
_NOT_UNDERSTOOD: Final = frozenset({1, 4})  # FORMERR, NOTIMP


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name server listens."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        """Return the address, with its port where that is not the usual one."""
        host, port = self.sockaddr[:2]
        if port == PORT:
            return str(host)
        return f"[{host}]:{port}" if self.family is socket.AF_INET6 else f"{host}:{port}"


class Server:
    """One name server, on one loop."""

    __slots__ = ("_channel", "_plain_until", "place")

    def __init__(self, place: Place) -> None:
        """Opens nothing before the first question."""
        self.place = place
        self._channel: _Channel | None = None
        self._plain_until = 0.0

    async def ask(self, question: Question, *, recursion: bool = True) -> bytes:
        """Return the answer to a question over UDP, as it came; for as long as it takes.

        Raises OSError when the server cannot be reached, or when we have run out of something.
        """
        edns = self._plain_until <= monotonic()
        data = await self._exchange(question, recursion=recursion, edns=edns)
        if edns and data[3] & 0x0F in _NOT_UNDERSTOOD and data[10:12] == b"\0\0":
            # It knows no EDNS, or dislikes the question: asked without, it says which.
            plain = await self._exchange(question, recursion=recursion, edns=False)
            if plain[3] & 0x0F not in _NOT_UNDERSTOOD:
                self._plain_until = monotonic() + _PLAIN_SECONDS
            return plain
        return data

    @property
    def busy(self) -> bool:
        """Say whether anybody waits for an answer."""
        return self._channel is not None and bool(self._channel.waiting)

    def close(self) -> None:
        """Let go of the socket."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _exchange(self, question: Question, *, recursion: bool, edns: bool) -> bytes:
        channel = self._open()
        try:
            number, future = channel.send(question, recursion=recursion, edns=edns)
        except OSError:
            self._give_up(channel)
            raise
        try:
            return await future
        except BaseException:  # also whoever waits no longer: it may have the address we had before
            self._give_up(channel)
            raise
        finally:
            channel.forget(number)

    def _give_up(self, channel: _Channel) -> None:
        if self._channel is channel:
            self._channel = None
            channel.retire()

    def _open(self) -> _Channel:
        channel = self._channel
        if channel is None or channel.queries >= _SOCKET_QUERIES or channel.until <= monotonic():
            fresh = _Channel(self.place)
            if channel is not None:
                channel.retire()
            self._channel = channel = fresh
        return channel


class _Channel:
    """One UDP socket, connected: the kernel drops what comes from elsewhere and reports a closed port."""

    __slots__ = ("__weakref__", "_finish", "_retired", "_socket", "queries", "until", "waiting")

    def __init__(self, place: Place) -> None:
        self._socket = socket.socket(place.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._retired = False
        self.waiting: dict[int, tuple[Question, asyncio.Future[bytes]]] = {}
        self.queries = 0
        self.until = monotonic() + _SOCKET_SECONDS
        try:
            self._socket.connect(place.sockaddr)
            loop = asyncio.get_running_loop()
            loop.add_reader(self._socket.fileno(), self._take)
        except BaseException:
            self._socket.close()
            raise
        self._finish = weakref.finalize(loop, self._socket.close)

    def send(self, question: Question, *, recursion: bool, edns: bool) -> tuple[int, asyncio.Future[bytes]]:
        """Ask, and return the id under which the answer is waited for."""
        if len(self.waiting) >= _WAITING:
            raise OSError(errno.ENOBUFS, "too many questions wait for one name server")
        number = int.from_bytes(os.urandom(2))
        while number in self.waiting:
            number = int.from_bytes(os.urandom(2))
        query = question.query(number, recursion=recursion, edns=edns)
        try:
            self._socket.send(query)
        except ConnectionRefusedError:  # what became of an earlier one
            self._socket.send(query)
        except BlockingIOError as failure:
            raise OSError(errno.ENOBUFS, "no room to send in") from failure
        self.queries += 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting[number] = question, future
        return number, future

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self.waiting.pop(number, None)
        if self._retired and not self.waiting:
            self.close()

    def retire(self) -> None:
        """Close once all answers have come."""
        self._retired = True
        if not self.waiting:
            self.close()

    def close(self) -> None:
        if self._finish.detach() is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _take(self) -> None:
        for _ in range(_BATCH):
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError as failure:
                self._fail(failure)
                return
            waits = self.waiting.get(int.from_bytes(data[:2])) if len(data) >= 12 else None
            if waits is not None and waits[0].answered_by(data) and not waits[1].done():
                waits[1].set_result(data)

    def _fail(self, failure: OSError) -> None:
        """Tell all that wait that the server cannot be reached."""
        for _, future in self.waiting.values():
            if not future.done():
                future.set_exception(OSError(failure.errno, failure.strerror))


async def ask_over_tcp(run: Run, place: Place, question: Question, *, recursion: bool = True) -> bytes:
    """Return the answer over a TCP connection. Raises ProbeFailed as connections do, and Malformed."""
    from probes.network.connection import Address, Connection  # they look names up here

    address = Address(place.family, place.sockaddr)
    number = int.from_bytes(os.urandom(2))
    query = question.query(number, recursion=recursion)
    with Connection(address, str(address)) as connection:
        await connection.connect(run, address)
        run.phase("processing")
        await connection.send(len(query).to_bytes(2) + query)
        received = bytearray()
        while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2]):
            data = await connection.receive()
            if not data:
                raise Malformed(f"it ends after {len(received)} bytes")
            received += data
    data = bytes(received[2 : 2 + int.from_bytes(received[:2])])
    if int.from_bytes(data[:2]) != number or not question.answered_by(data):
        raise Malformed("it answers another question")
    return data


async def ask(run: Run, place: Place, question: Question, *, recursion: bool = True) -> Message:
    """Return the answer over UDP, or over TCP where it is too long for that. Raises as both do."""
    data = await server(place).ask(question, recursion=recursion)
    if is_truncated(data):
        run.log("the answer of {} is longer than fits: asked again over TCP", place)
        data = await ask_over_tcp(run, place, question, recursion=recursion)
    return read(data, question)


def server(place: Place) -> Server:
    """Return the running loop's own for this place."""
    loop = asyncio.get_running_loop()
    known = _servers.get(loop)
    if known is None:
        known = _servers[loop] = {}
    found = known.get(place)
    if found is None:
        if len(known) >= SPARE.name_servers:
            _let_go(known)
        found = known[place] = Server(place)
    return found


def _let_go(known: dict[Place, Server]) -> None:
    for place, one in list(known.items()):
        if not one.busy:
            one.close()
            del known[place]


_servers: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, Server]]] = (
    weakref.WeakKeyDictionary()
)
