"""One TCP connection to one address, with or without TLS, on a non-blocking socket and the running loop.

Sockets are driven by hand, not through the loop's transports: a fresh connection costs a quarter, and the TCP and
TLS handshakes can be timed apart.
"""

from __future__ import annotations

import enum
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Self

from probes.api import OUR_FAULT, ProbeFailed, Run
from probes.network.address import is_address
from probes.network.names.resolver import resolver
from probes.network.poller import Signal, poller
from probes.network.tls import describe, want
from probes.sample import ErrorClass

RECEIVE_BYTES: Final = 65536
_NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_OUR_DNS_FAULT: Final = frozenset({socket.EAI_MEMORY, socket.EAI_SYSTEM})


class Family(enum.Enum):
    """Which addresses of a name may be used."""

    __hash__ = object.__hash__  # looked up in every run; Enum's own goes through the name, in Python

    ANY = "any"
    V4 = "v4"
    V6 = "v6"


_FAMILIES: Final = {
    Family.ANY: socket.AF_UNSPEC,
    Family.V4: socket.AF_INET,
    Family.V6: socket.AF_INET6,
}


@dataclass(frozen=True, slots=True)
class Address:
    """One socket address of a host."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        """Return address and port as people write them."""
        host = f"[{self.sockaddr[0]}]" if self.family is socket.AF_INET6 else self.sockaddr[0]
        return f"{host}:{self.sockaddr[1]}"

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """The address itself, for judging where it leads."""
        ip = ipaddress.ip_address(self.sockaddr[0])
        return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


@lru_cache(maxsize=4096)
def literal(host: str, port: int) -> Address | None:
    """Return the address that `host` itself is; None for a name. One object for all that share it."""
    if not is_address(host):
        return None
    if ":" in host:
        return Address(socket.AF_INET6, (host, port, 0, 0))
    return Address(socket.AF_INET, (host, port))


async def resolve(run: Run, host: str, port: int, family: Family) -> Address:
    """Return the one address to try. Raises ProbeFailed(DNS).

    The first answer counts, as the resolver sorts by what can be reached. Where both families may be used and
    the one tried last time did not connect, the next run tries the other, so that a dead IPv6 path is no outage.
    """
    run.phase("resolve")
    if (address := literal(host, port)) is not None:
        if family is not Family.ANY and _FAMILIES[family] is not address.family:
            raise ProbeFailed(ErrorClass.DNS, f"cannot resolve {host}: it is no {family.value} address")
        if "%" not in host:  # a zone's name needs the resolver to become a number
            return address
    addresses = await _look_up(run, host, port, _FAMILIES[family])
    if not addresses:
        raise ProbeFailed(ErrorClass.DNS, f"cannot resolve {host}: no {family.value} address")
    chosen = addresses[0]
    if len(addresses) > 1:
        wanted = run.memory.get("family")
        if wanted is None and chosen.ip.is_loopback:
            wanted = socket.AF_INET  # most local servers listen there alone
        chosen = next((address for address in addresses if address.family is wanted), chosen)
        if any(address.family is not chosen.family for address in addresses):
            others = (socket.AF_INET6, socket.AF_INET)
            run.memory["family"] = others[0] if chosen.family is others[1] else others[1]
    run.log("{} resolved to {} addresses, trying {}", host, len(addresses), chosen)
    return chosen


async def _look_up(run: Run, host: str, port: int, family: int) -> list[Address]:
    if "%" not in host:
        names = resolver()
        entry = names.known(host, family) or await names.addresses(host, family, run.resolve)
        if entry is not None:
            if entry.problem:
                raise ProbeFailed(ErrorClass.DNS, f"cannot resolve {host}: {entry.problem}")
            return [
                Address(version, (ip, port) if version is socket.AF_INET else (ip, port, 0, 0))
                for version, ip in entry.addresses
            ]
    try:
        found = await resolver().ask_libc(host, family, run.resolve)
    except socket.gaierror as failure:
        if failure.errno in _OUR_DNS_FAULT:
            raise
        raise ProbeFailed(ErrorClass.DNS, f"cannot resolve {host}: {failure.strerror}") from failure
    return [Address(entry[0], (entry[4][0], port, *entry[4][2:])) for entry in found]


class Connection:
    """An open connection. Use it in a `with` block: whatever happens, also cancellation, closes it at once."""

    __slots__ = ("_poller", "_signal", "_socket", "name")

    def __init__(self, address: Address, name: str) -> None:
        """Make a socket for `address`; `name` is what messages call the target."""
        self.name = name
        self._poller = poller()
        self._signal: Signal | None = None
        # The plain type: what `socket.socket` adds to it, in Python, is used by TLS alone.
        self._socket = socket.SocketType(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close without ceremony: a probe owes its target no farewell."""
        if self._signal is not None:
            self._poller.forget(self._socket.fileno())
            self._signal = None
        self._socket.close()

    async def connect(self, run: Run, address: Address) -> None:
        """Open the connection. Raises ProbeFailed(CONNECT), or TIMEOUT when the system gave up waiting."""
        run.phase("connect")
        code = self._socket.connect_ex(address.sockaddr)
        signal = self._signal = self._poller.add(self._socket.fileno())
        if code == errno.EINPROGRESS:
            await signal
            # Where it failed, that is reported as something to read; where nothing is, writing is all there is to do.
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if signal.readable else 0
        if code == 0:
            if "family" in run.memory:  # there was a choice
                run.memory["family"] = address.family
            return
        failure = OSError(code, os.strerror(code))
        if code in OUR_FAULT:
            raise failure
        error = ErrorClass.TIMEOUT if code == errno.ETIMEDOUT else ErrorClass.CONNECT
        resolved = "" if str(address) == self.name else f" ({address})"
        cause = (failure.strerror or "unknown error").lower()
        raise ProbeFailed(error, f"cannot connect to {self.name}{resolved}: {cause}") from failure

    async def start_tls(self, run: Run, context: ssl.SSLContext, server_name: str) -> None:
        """Shake hands over TLS, a full handshake each time. Raises ProbeFailed(TLS)."""
        run.phase("tls")
        # A dot behind concerns the look-up alone: certificates and servers know the name without it (RFC 6066).
        server_name = server_name.removesuffix(".")
        try:
            self._socket.getpeername()  # once the other side has broken it off, wrapping would leak the socket
            plain = self._socket = socket.socket(fileno=self._socket.detach())
            plain.setblocking(False)  # the new object does not know that it is
            secured = context.wrap_socket(plain, do_handshake_on_connect=False, server_hostname=server_name)
            self._socket = secured
            await self._shake_hands(secured)
        except OSError as failure:
            if (own := want(failure)) is not None:
                raise own from None
            raise ProbeFailed(
                ErrorClass.TLS, f"cannot speak TLS with {self.name}: {describe(failure)}"
            ) from failure
        run.phase(None)
        run.log("TLS agreed: {}", secured.version())

    async def _shake_hands(self, secured: ssl.SSLSocket) -> None:
        signal = self._heard()
        while True:
            try:
                return secured.do_handshake()
            except _NOT_YET:
                await signal

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises ProbeFailed(PROTOCOL) when the other side no longer listens."""
        signal, left = self._heard(), memoryview(data)
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except _NOT_YET:
                    await signal
        except OSError as failure:
            raise self._broken(failure) from failure

    async def receive(self) -> bytes:
        """Return what has arrived, at least one byte; nothing once the other side has closed.

        Raises ProbeFailed(PROTOCOL) when the connection breaks, TLS when it breaks by TLS.
        """
        signal = self._heard()
        try:
            while True:
                if signal.readable or self.secured is not None:  # TLS may hold back what it has read
                    try:
                        return self._socket.recv(RECEIVE_BYTES)
                    except _NOT_YET:
                        signal.readable = False
                await signal
        except OSError as failure:
            raise self._broken(failure) from failure

    @property
    def secured(self) -> ssl.SSLSocket | None:
        """What speaks TLS for us, to ask for what was agreed; None without."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    def when_stirred(self, told: Callable[[], object] | None) -> None:
        """Have `told` called once when something comes over a connection that nobody uses; None: not any more."""
        if self._signal is not None:
            self._signal.resume = told

    @property
    def idle(self) -> bool:
        """Say whether an unused connection is still good: nothing has come unasked, not even its end."""
        signal = self._heard()
        if not signal.readable and (self.secured is None or not self.secured.pending()):
            return True
        try:
            self._socket.recv(1)
        except _NOT_YET:
            signal.readable = False
            return True
        except OSError:
            return False
        return False

    def _heard(self) -> Signal:
        if self._signal is None:
            raise RuntimeError("cannot talk before the connection is open")
        return self._signal

    def _broken(self, failure: OSError) -> ProbeFailed:
        """Return what a failure to talk says of the target; raise it where it is our own."""
        if (own := want(failure)) is not None:
            raise own
        if isinstance(
            failure, ssl.SSLError
        ):  # such as a server that wants a certificate of ours: it says so only now
            return ProbeFailed(ErrorClass.TLS, f"cannot speak TLS with {self.name}: {describe(failure)}")
        cause = failure.strerror or "connection broken"
        return ProbeFailed(ErrorClass.PROTOCOL, f"cannot talk to {self.name}: {cause}")
