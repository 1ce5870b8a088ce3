"""The two listeners: how connections come in, how many, for how long, and how they end."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.web_request import BaseRequest

from config.model import Address, Listen, Tls
from monitor.daemon import Daemon
from monitor.web.apps import internal_app, public_app
from monitor.web.guard import HEADERS, tally
from monitor.web.problem import Problem, machine, plain

log = logging.getLogger("nightbell.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a listener treats connections: how many at once (further ones are closed before they cost anything),
    and how many seconds each may take for the whole head of its first or next request.
    """

    connections: int
    keepalive: float


DOORS: Final[Mapping[str, Door]] = {
    "internal": Door(connections=256, keepalive=75.0),
    "public": Door(connections=1024, keepalive=15.0),
}

TLS_HANDSHAKE: Final = 10.0
SHUTDOWN: Final = 3.0
"""Seconds that answers under way get when a listener closes."""

LIMITS: Final[dict[str, Any]] = {
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 100,
    "lingering_time": 1.0,  # to read on where a body was refused, so that the answer arrives
    "auto_decompress": False,  # a small body must not grow; the guard refuses it
    "access_log": None,
}


class ListenError(Exception):
    """A listener cannot be opened: "cannot …: cause"."""


class Servers:
    """Both listeners of one daemon. After `start`, `internal` and `public` are the addresses really bound."""

    def __init__(self, daemon: Daemon, doors: Mapping[str, Door] = DOORS) -> None:
        """Take the daemon that is asked; nothing is opened yet."""
        self._daemon = daemon
        self._doors = doors
        self._open: list[tuple[asyncio.Server, web.AppRunner]] = []
        self._tls: ssl.SSLContext | None = None
        self.internal: Address | None = None
        self.public: Address | None = None

    async def start(self, listen: Listen) -> None:
        """Open both listeners, or none. Raises ListenError."""
        try:
            self._tls = _context(listen.tls) if listen.tls else None
            self.internal = await self._listen("internal", internal_app(self._daemon), listen.internal, None)
            self.public = await self._listen("public", public_app(self._daemon), listen.public, self._tls)
        except BaseException:
            await self.close()
            raise

    def addresses(self) -> dict[str, str]:
        """Return by name where to look, for whoever started the daemon."""
        if self.internal is None or self.public is None:
            return {}
        inner, outer = _url("http", self.internal), _url("https" if self._tls else "http", self.public)
        return {"status page": f"{outer}/", "API": f"{inner}/api/v1", "metrics": f"{inner}/metrics"}

    def renew(self, listen: Listen) -> None:
        """Read the certificate again: connections from now on get the new one. Raises ListenError."""
        if self._tls and listen.tls:
            _context(listen.tls)  # a bad pair must not replace half of a good one
            self._tls.load_cert_chain(listen.tls.cert, listen.tls.key)

    async def close(self) -> None:
        """Take no more connections, let answers under way finish, close the rest. Harmless twice."""
        opened, self._open = self._open, []
        for server, _ in opened:
            server.close()
        await asyncio.gather(*(runner.cleanup() for _, runner in opened))

    async def _listen(
        self, name: str, app: web.Application, address: Address, tls: ssl.SSLContext | None
    ) -> Address:
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN)
        await runner.setup()
        manager = runner.server
        assert manager is not None  # noqa: S101 - setup made it

        door = self._doors[name]

        def connection() -> asyncio.Protocol:
            if len(manager.connections) >= door.connections:
                return _Full()
            loop = asyncio.get_running_loop()
            made = Connection(manager, loop=loop, keepalive_timeout=door.keepalive, **LIMITS)
            made.listener, made.daemon = name, self._daemon
            return made

        try:
            server = await asyncio.get_running_loop().create_server(
                connection,
                address.host,
                address.port,
                ssl=tls,
                ssl_handshake_timeout=TLS_HANDSHAKE if tls else None,
                reuse_address=True,
            )
        except OSError as error:
            await runner.cleanup()
            # asyncio wraps the cause in a sentence of its own, with the address once more.
            cause = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise ListenError(f"cannot listen on {address.host}:{address.port}: {cause.lower()}") from error
        self._open.append((server, runner))
        return Address(host=address.host, port=server.sockets[0].getsockname()[1])


class Connection(web.RequestHandler):
    """One connection. What is no HTTP, or fails inside, is answered in one line that tells nothing of us."""

    __slots__ = ("daemon", "listener")

    listener: str
    daemon: Daemon

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no handler could, then close the connection."""
        if status >= 500:
            log.error("cannot answer %s %s", request.method, request.rel_url.raw_path[:200], exc_info=exc)
        else:
            log.debug("cannot read a request: %s", message)
        tally(self.daemon, self.listener, status)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        problem = Problem(status)
        answer = machine(problem) if self.listener == "internal" else plain(problem)
        answer.headers.update(HEADERS)
        answer.force_close()
        return answer


class _Full(asyncio.Protocol):
    """Closes a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _url(scheme: str, address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{address.port}"


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:
        cause = error.strerror or getattr(error, "reason", "") or "certificate and key do not fit"
        raise ListenError(f"cannot serve TLS with {tls.cert} and {tls.key}: {cause.lower()}") from error
    return context
