"""ICMP echo: one socket for each family, shared by all that ping. Answers find who waits by their sequence number."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import weakref
from collections.abc import Callable
from time import perf_counter, time
from typing import Any, Final

from probes.network.icmp import ERRORS, PROTOCOLS, REPLY, REQUEST, describe
from probes.network.poller import Signal

_HEADER: Final = struct.Struct("!BBHHH")
NONCE_BYTES: Final = 8
"""Random bytes at the start of what is sent: only who got them can send them back."""
_RECEIVE_BYTES: Final = 256
"""Enough of an answer to know it by; what is longer is cut."""
_BATCH: Final = 64
TICK_SECONDS: Final = 0.005
"""Requests that are due within one tick leave together: waking up costs more than a request."""
_WAITING: Final = 32768
_BUFFER_BYTES: Final = 1 << 20
# Numbers of Linux that Python has no names for.
_TIMESTAMP: Final = 35
_RAW_FILTER: Final = {socket.AF_INET: (255, 1), socket.AF_INET6: (58, 1)}
_REPORT_ERRORS: Final = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
_ERROR_QUEUE: Final = 0x2000
_EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")
_FROM_ICMP: Final = frozenset({2, 3})
_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_UNREACHABLE: Final = frozenset({
    errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EMSGSIZE,
})  # fmt: skip
_NOT_PERMITTED: Final = frozenset({errno.EPERM, errno.EACCES, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT})


class Volley:
    """The echoes of one run, sent one after the other: how long each that came back took, and what came instead.

    `rtts` are in seconds; `problem` says who could not pass one on, if anybody did.
    """

    __slots__ = (
        "_count", "_failure", "_interval", "_over", "_sent", "_signal", "_size", "_sockaddr", "_socket",
        "_wait", "pending", "problem", "rtts",
    )  # fmt: skip

    def __init__(
        self,
        sender: EchoSocket,
        sockaddr: tuple[Any, ...],
        *,
        count: int,
        interval: float,
        wait: float,
        size: int,
    ) -> None:
        """Nothing is under way before `fly`. `wait` is how long answers are waited for after the last request."""
        self._socket, self._sockaddr = sender, sockaddr
        self._count, self._interval, self._wait, self._size = count, interval, wait, size
        self._sent = 0
        self._over = False
        self._failure: OSError | None = None
        self._signal = Signal()
        self.pending: set[int] = set()
        self.rtts: list[float] = []
        self.problem = ""

    async def fly(self) -> None:
        """Return when all have come back or been waited for. Raises OSError where we are at fault."""
        try:
            self._go_on()
            while not self._over:
                await self._signal
        finally:
            self._over = True
            self._socket.forget(self)
        if self._failure is not None:
            raise self._failure

    def answered(self, number: int, seconds: float) -> None:
        """One came back."""
        self.rtts.append(seconds)
        self._settle(number)

    def failed(self, number: int, problem: str) -> None:
        """Somebody on the way says that one goes no further."""
        self.problem = problem
        self._settle(number)

    def _settle(self, number: int) -> None:
        self.pending.discard(number)
        if not self.pending and self._sent == self._count:
            self._end()

    def _go_on(self) -> None:
        if self._over:
            return
        self._sent += 1
        try:
            self._socket.send(self._sockaddr, self, self._size)
        except OSError as failure:
            self._failure = failure
            self._end()
            return
        if self._sent < self._count:
            self._socket.later(self._interval, self._go_on)
        elif self.pending:
            self._socket.later(self._wait, self._end)

    def _end(self) -> None:
        self._over = True
        self._signal.edge()


class EchoSocket:
    """One ICMP socket: a datagram socket where the machine permits it (`net.ipv4.ping_group_range`), else a raw one."""

    __slots__ = (
        "__weakref__", "_base", "_calls", "_family", "_id", "_next", "_nonce", "_raw", "_reply", "_request",
        "_socket", "_waiting",
    )  # fmt: skip

    def __init__(self, family: socket.AddressFamily) -> None:
        """Open it. Raises OSError: PermissionError where neither kind is permitted."""
        self._family = family
        self._socket, self._raw = _open(family)
        self._nonce = os.urandom(NONCE_BYTES)
        self._id = int.from_bytes(os.urandom(2))
        self._next = int.from_bytes(os.urandom(2))
        self._request, self._reply = REQUEST[family], REPLY[family]
        # The sum over all but the sequence number; the kernel puts in its own where it cares.
        self._base = (
            (self._request << 8) + self._id + sum(struct.unpack(f"!{NONCE_BYTES // 2}H", self._nonce))
        )
        self._waiting: dict[int, tuple[Volley, float, float]] = {}
        self._calls: dict[int, list[Callable[[], object]]] = {}
        try:
            self._configure()
            loop = asyncio.get_running_loop()
            loop.add_reader(self._socket.fileno(), self._take)
        except BaseException:
            self._socket.close()
            raise
        weakref.finalize(loop, self._socket.close)

    def send(self, sockaddr: tuple[Any, ...], volley: Volley, size: int) -> None:
        """Send one echo request with `size` bytes, at least those of the nonce, for `volley`.

        Where there is no way to the target, that is the volley's problem. Raises OSError where we are at fault.
        """
        if len(self._waiting) >= _WAITING:
            raise OSError(errno.ENOBUFS, "too many echoes are under way")
        number = self._next
        while number in self._waiting:
            number = (number + 1) & 0xFFFF
        self._next = (number + 1) & 0xFFFF
        packet = self._packet(number, size)
        volley.pending.add(number)
        self._waiting[number] = volley, perf_counter(), time()
        try:
            self._transmit(packet, sockaddr)
        except OSError as failure:
            del self._waiting[number]
            if failure.errno not in _UNREACHABLE:
                volley.pending.discard(number)
                raise
            volley.failed(number, os.strerror(failure.errno).lower())

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call after so many seconds, rounded up to `TICK_SECONDS`, which many share. It cannot be called off."""
        loop = asyncio.get_running_loop()
        tick = int((loop.time() + seconds) / TICK_SECONDS) + 1
        calls = self._calls.get(tick)
        if calls is None:
            calls = self._calls[tick] = []
            loop.call_at(tick * TICK_SECONDS, self._call, tick)
        calls.append(call)

    def _call(self, tick: int) -> None:
        for call in self._calls.pop(tick):
            call()

    def forget(self, volley: Volley) -> None:
        """Wait for none of these any more."""
        for number in volley.pending:
            self._waiting.pop(number, None)
        volley.pending.clear()

    def _transmit(self, packet: bytes, sockaddr: tuple[Any, ...]) -> None:
        try:
            self._socket.sendto(packet, sockaddr)
        except OSError as failure:
            if failure.errno not in _UNREACHABLE:
                raise
            # It may be the word about an earlier one that stands in the way: that is in the queue.
            self._take_errors()
            self._socket.sendto(packet, sockaddr)

    def _packet(self, number: int, size: int) -> bytes:
        total = self._base + number
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        header = _HEADER.pack(self._request, 0, ~total & 0xFFFF, self._id, number)
        return header + self._nonce + bytes(size - NONCE_BYTES)

    def _configure(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        if not self._raw:
            self._socket.setsockopt(*_REPORT_ERRORS[self._family], 1)
            return
        # A raw socket gets whatever ICMP the machine gets: the kernel shall pass on what concerns us. A bit refuses.
        passed = sum(1 << kind for kind in (self._reply, *ERRORS[self._family]))
        length = 4 if self._family is socket.AF_INET else 32
        refused = (1 << 8 * length) - 1 & ~passed
        self._socket.setsockopt(*_RAW_FILTER[self._family], _words(refused, length))

    def _take(self) -> None:
        receive = self._socket.recvmsg
        for _ in range(_BATCH):
            try:
                data, ancillary, _, _ = receive(_RECEIVE_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError:
                self._take_errors()
                continue
            now = perf_counter()
            if self._raw and self._family is socket.AF_INET:
                data = data[(data[0] & 0x0F) * 4 :]
            if len(data) < _HEADER.size + NONCE_BYTES:
                continue
            if data[0] == self._reply:
                if data[8:16] == self._nonce and (not self._raw or data[4:6] == self._id.to_bytes(2)):
                    self._answer(int.from_bytes(data[6:8]), now, ancillary)
            elif self._raw:
                self._take_report(data)

    def _answer(self, number: int, now: float, ancillary: list[tuple[int, int, bytes]]) -> None:
        waits = self._waiting.pop(number, None)
        if waits is None:
            return
        volley, sent, sent_at = waits
        seconds = now - sent
        for level, kind, stamp in ancillary:
            if level == socket.SOL_SOCKET and kind == _TIMESTAMP and len(stamp) == _TIMESPEC.size:
                whole, nano = _TIMESPEC.unpack(stamp)
                # When it arrived, not when we came to look; unless a clock was set in between.
                arrived = whole + nano / 1e9 - sent_at
                seconds = arrived if 0 < arrived < seconds else seconds
        volley.answered(number, seconds)

    def _take_report(self, data: bytes) -> None:
        """Read who a raw socket's error report is about: it repeats the beginning of the packet."""
        at = 8
        if self._family is socket.AF_INET:
            at += (data[8] & 0x0F) * 4
        else:
            at += 40
        about = data[at : at + _HEADER.size]
        if len(about) == _HEADER.size and about[0] == self._request and about[4:6] == self._id.to_bytes(2):
            self._fail(int.from_bytes(about[6:8]), describe(self._family, data[0], data[1]))

    def _take_errors(self) -> None:
        """Read from the queue what a datagram socket was told about its packets."""
        for _ in range(_BATCH):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_RECEIVE_BYTES, 512, _ERROR_QUEUE)
            except OSError:
                return
            for level, kind, report in ancillary:
                if (level, kind) == _REPORT_ERRORS[self._family] and len(report) >= _EXTENDED_ERROR.size:
                    code, origin, icmp_type, icmp_code, *_ = _EXTENDED_ERROR.unpack_from(report)
                    if len(data) >= _HEADER.size:
                        words = (
                            describe(self._family, icmp_type, icmp_code)
                            if origin in _FROM_ICMP
                            else os.strerror(code).lower()
                        )
                        self._fail(int.from_bytes(data[6:8]), words)

    def _fail(self, number: int, problem: str) -> None:
        waits = self._waiting.pop(number, None)
        if waits is not None:
            waits[0].failed(number, problem)


def echo_socket(family: socket.AddressFamily) -> EchoSocket:
    """Return the running loop's own. Raises OSError; a refusal is not remembered, as it may be lifted any time."""
    loop = asyncio.get_running_loop()
    known = _sockets.get(loop)
    if known is None:
        known = _sockets[loop] = {}
    found = known.get(family)
    if found is None:
        found = known[family] = EchoSocket(family)
    return found


def _open(family: socket.AddressFamily) -> tuple[socket.socket, bool]:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            opened = socket.socket(family, kind | socket.SOCK_NONBLOCK, PROTOCOLS[family])
        except OSError as failure:
            if failure.errno not in _NOT_PERMITTED:
                raise
        else:
            return opened, kind is socket.SOCK_RAW
    raise PermissionError(
        errno.EPERM, "cannot ping: not permitted; allow it by net.ipv4.ping_group_range or CAP_NET_RAW"
    )


def _words(bits: int, length: int) -> bytes:
    """Return a set of bits as the kernel's array of words."""
    return struct.pack(f"={length // 4}I", *(bits >> 32 * word & 0xFFFFFFFF for word in range(length // 4)))


_sockets: Final[
    weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[socket.AddressFamily, EchoSocket]]
] = weakref.WeakKeyDictionary()
