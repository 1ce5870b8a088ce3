"""A webhook receiver that keeps a ledger and misbehaves as told.

    async with WebhookServer(script=["status:503", "rst"]) as server:    # then ok for ever
        server.url, server.entries

    python -m lab.webhook_server LEDGER [--port N] [--script status:503,ok] [--always hang]

prints `port N` once it listens. Each request is treated as its own query says (`?do=status:429:7`), else by the
next word of the script, else by `always`:

    ok                     200 {"ok": true, "id": N}
    status:CODE[:WAIT]     that status, with a Retry-After where given
    empty                  200 without a body
    hang                   never reads the body, never answers; not in the ledger
    swallow                reads the body, never answers
    drip                   200, then a byte of body every 20 ms without end
    drip-head              a byte of the status line every 20 ms without end
    rst, close             reads the body, then resets or closes instead of answering
    rst-early              resets before it has read the body; not in the ledger
    redirect               302 to itself
    huge                   500 with 10 MB of body
    garbage                an answer that is not HTTP
    bomb                   200 whose body claims to be gzip
    echo                   400 which repeats the whole request, headers and URL included
    json[=CODE]:TEXT       200 (or CODE) with TEXT as a JSON body, well-formed or not
    text[=CODE]:TEXT       the same as plain text

What was read in full is in the ledger before a byte of the answer leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from lab.ledger import Ledger

Answer = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


class WebhookServer:
    """Listens on loopback while the context is open."""

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        script: Iterable[str] = (),
        always: str = "ok",
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.ledger = Ledger(ledger)
        self.script = deque(script)
        self.always = always
        self.port = port
        self.arrived = asyncio.Event()
        """Set when a request has come in, answered or not."""
        self._tls = tls
        self._gone = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.ledger.entries

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        act = request.query.get("do") or (self.script.popleft() if self.script else self.always)
        self.arrived.set()
        word, _, rest = act.partition(":")
        if word == "hang":
            return await self._never(request)
        if word == "rst-early":
            return self._cut(request, reset=True)
        body = await request.read()
        self.ledger.write(
            {
                "at": datetime.now(UTC).isoformat(),
                "method": request.method,
                "path": request.raw_path,
                "headers": dict(request.headers),
                "body": body.decode("utf-8", "replace"),
                "answer": act,
            }
        )
        if word == "swallow":
            return await self._never(request)
        if word in ("rst", "close"):
            return self._cut(request, reset=word == "rst")
        if word in ("drip", "drip-head"):
            return await self._drip(request, head=word == "drip-head")
        if word == "garbage":
            assert request.transport is not None
            request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            return self._cut(request, reset=False)
        return self._answer(request, word, rest, body)

    def _answer(self, request: web.BaseRequest, word: str, rest: str, body: bytes) -> web.Response:
        if word == "status":
            code, _, wait = rest.partition(":")
            text = "" if code == "204" else f"answer {code}"
            return web.Response(status=int(code), text=text, headers={"Retry-After": wait} if wait else {})
        if word.startswith(("json", "text")):
            kind = "application/json" if word.startswith("json") else "text/plain"
            response = web.Response(status=int(word[5:] or 200), text=rest, content_type=kind)
            response.enable_compression()  # as public services do for whoever says that he can unpack it
            return response
        if word == "empty":
            return web.Response(status=200)
        if word == "redirect":
            return web.Response(status=302, headers={"Location": request.raw_path})
        if word == "huge":
            return web.Response(status=500, body=b"x" * 10_000_000)
        if word == "bomb":
            return web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})
        if word == "echo":
            told = f"{request.method} {request.raw_path} {dict(request.headers)}"
            return web.Response(status=400, text=told)
        return web.json_response({"ok": True, "id": len(self.entries)})

    async def _never(self, request: web.BaseRequest) -> web.StreamResponse:
        await self._gone.wait()
        return self._cut(request, reset=True)

    async def _drip(self, request: web.BaseRequest, *, head: bool) -> web.StreamResponse:
        response = web.StreamResponse()
        if not head:
            await response.prepare(request)
        while not self._gone.is_set():
            if request.transport is None or request.transport.is_closing():
                break
            if head:
                request.transport.write(b"H")
            else:
                await response.write(b".")
            await asyncio.sleep(0.02)
        return self._cut(request, reset=True)

    def _cut(self, request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            plain = transport.get_extra_info("socket")
            if reset and plain is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            else:
                transport.close()
        raise asyncio.CancelledError


async def _serve(arguments: argparse.Namespace) -> None:
    script = [word for word in arguments.script.split(",") if word]
    server = WebhookServer(
        ledger=arguments.ledger, script=script, always=arguments.always, port=arguments.port
    )
    async with server:
        print(f"port {server.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab.webhook_server")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="")
    parser.add_argument("--always", default="ok")
    with asyncio.Runner() as runner:
        try:
            runner.run(_serve(parser.parse_args()))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
