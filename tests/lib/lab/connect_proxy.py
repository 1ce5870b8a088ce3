"""The outside world as a daemon behind an egress proxy sees it: a CONNECT proxy, and the services behind it.

    async with Outside(tmp_path, "oapi.dingtalk.com", always='json:{"errcode": 0}') as outside:
        outside.environment       # HTTPS_PROXY, SSL_CERT_FILE … for whoever is to send
        outside.server.entries    # what the services took; the header Host tells which
        outside.proxy.asked       # "oapi.dingtalk.com:443", in order

All names lead to one `WebhookServer` (or what `make` makes of it) that speaks TLS with a certificate of an authority
of ours, so clients reach the services by their real names, over real TLS, and find nobody else out there.

    python -m lab.connect_proxy DIRECTORY --names api.twilio.com,oapi.dingtalk.com [--always WORD] [--script …]

prints `port N` of the proxy once it listens; DIRECTORY then holds `ca.pem`, and `ledger.jsonl` with what was taken.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lab.environment import behind_proxy, environment
from lab.trust import certificate
from lab.webhook_server import WebhookServer

HEAD_BYTES: Final = 16384
Make = Callable[[ssl.SSLContext], WebhookServer]


class ConnectProxy:
    """Tunnels to `ports[name]` whoever asks for a name; other names are nowhere (502).

    `always` is how it treats each CONNECT: `ok`, `status:407` (or any other code), `hang`, `rst`, `garbage`.
    Requests for plain http:// are answered by the same ports: the request goes through as it stands.
    """

    def __init__(self, ports: Mapping[str, int], *, always: str = "ok", port: int = 0) -> None:
        self.ports = dict(ports)
        self.always = always
        self.port = port
        self.asked: list[str] = []
        """Authorities asked for, in order; whole URLs where plain HTTP was asked for."""
        self.heads: list[str] = []
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=HEAD_BYTES)
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
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # we are closing; asyncio would log it as an error of its own
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if self.always == "rst" else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode("latin-1").split(" ", 2)
        self.asked.append(target)
        self.heads.append(head.decode("latin-1"))
        self.arrived.set()
        if self.always == "hang":
            await asyncio.Event().wait()
        if self.always == "rst":
            return
        if self.always == "garbage":
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            return
        name = re.sub(r":\d+$", "", re.sub(r"^http://", "", target).partition("/")[0])
        port = self.ports.get(name.strip("[]"))
        status = self.always.partition(":")[2] or ("200" if port else "502")
        if status != "200" or port is None:
            writer.write(f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        onward, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                back.write(head)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, back))
                both.create_task(_pump(onward, writer))
        finally:
            back.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends; a reset is passed on as a reset."""
    try:
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
    except OSError:
        target.transport.abort()
        return
    with suppress(OSError):
        target.write_eof()


class Outside:
    """A proxy, an authority, and one server that answers for every name."""

    def __init__(
        self,
        directory: Path,
        *names: str,
        script: tuple[str, ...] = (),
        always: str = "ok",
        proxy: str = "ok",
        port: int = 0,
        make: Make | None = None,
    ) -> None:
        trusted = certificate(directory, *names)
        self.ca = trusted.ca
        self.names = names
        ledger = directory / "ledger.jsonl"
        self.server = (
            make(trusted.context)
            if make is not None
            else WebhookServer(tls=trusted.context, ledger=ledger, script=script, always=always)
        )
        self.proxy = ConnectProxy({}, always=proxy, port=port)
        self._stack = AsyncExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """What a user behind such a proxy sets; `requests` (Apprise) has a name of its own for the authority."""
        return {
            "HTTPS_PROXY": self.proxy.url,
            "https_proxy": self.proxy.url,
            "SSL_CERT_FILE": self.ca,
            "REQUESTS_CA_BUNDLE": self.ca,
        }

    def inhabit(self, *, trusting: bool = True) -> None:
        """Have this very process live behind the proxy until the context ends; `trusting`: believing the authority."""
        authority = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        believed = dict.fromkeys(authority, self.ca if trusting else None)
        self._stack.enter_context(environment({**behind_proxy(self.proxy.url), **believed}))

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.server)
        self.proxy.ports = dict.fromkeys(self.names, self.server.port)
        await self._stack.enter_async_context(self.proxy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


async def _run(arguments: argparse.Namespace) -> None:
    outside = Outside(
        arguments.directory,
        *arguments.names.split(","),
        script=tuple(word for word in arguments.script.split("|") if word),
        always=arguments.always,
        proxy=arguments.proxy,
        port=arguments.port,
    )
    async with outside:
        print(f"port {outside.proxy.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab.connect_proxy")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--names", required=True, help="divided by commas")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="", help="words of lab.webhook_server, divided by |")
    parser.add_argument("--always", default="ok")
    parser.add_argument("--proxy", default="ok")
    with asyncio.Runner() as runner:
        try:
            runner.run(_run(parser.parse_args()))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
