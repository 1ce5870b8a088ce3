"""Asking through an HTTP proxy, which takes a client that knows how: aiohttp, loaded when the first check wants it."""

from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from probes.api import OUR_FAULT, ProbeFailed, Run
from probes.network.address import is_address, parse_url
from probes.network.ask import Ask
from probes.network.certificate import agreed
from probes.network.connection import Address
from probes.network.http1 import BODY_BYTES, HEAD_BYTES, Answer
from probes.network.tls import describe
from probes.sample import ErrorClass

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where a proxy is, and who we are to it. What it is asked for over TLS it cannot read."""

    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take the URL of a proxy apart. Raise ValueError that does not repeat it."""
        try:
            url = parse_url(text)
        except ValueError as failure:
            raise ValueError(f"proxy: {failure}") from failure
        if url.scheme != "http" or url.path != "/":
            raise ValueError("proxy must read like http://user:password@proxy.example.com:3128")
        if url.user is not None and ":" in url.user:
            raise ValueError("proxy: its user must hold no colon")
        return cls(host=url.host, port=url.port, user=url.user, password=url.password)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.host}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The header that says who we are; none without a user."""
        if self.user is None:
            return {}
        words = b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {words}"}

    async def exchange(
        self,
        ask: Ask,
        address: Address,
        *,
        context: ssl.SSLContext | None,
        server_name: str,
        run: Run,
        values: dict[str, float],
    ) -> Answer:
        """Ask through the proxy at `address` and return the answer as far as the limits allow. Raises ProbeFailed.

        Wants a task around itself. How long the connection, the tunnel and the TLS handshake took each is hidden from
        us: no phase tells it.
        """
        import aiohttp
        from yarl import URL

        values["tls"] = float(context is not None)
        called = server_name.removesuffix(".")

        class Response(aiohttp.ClientResponse):
            """Tells of the connection while there is one: a short answer has ended it before we see it."""

            async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
                transport = connection.transport
                secured = None if transport is None else transport.get_extra_info("ssl_object")
                if secured is not None:
                    values.update(agreed(secured).values())
                return await super().start(connection)

        trace = aiohttp.TraceConfig()

        async def opened(*_: object) -> None:
            run.log("connected through {}", self.name)
            run.phase("processing")

        trace.on_connection_create_end.append(opened)
        run.phase(None)
        try:
            async with (
                aiohttp.TCPConnector(force_close=True, limit=0) as connector,
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(),
                    auto_decompress=False,
                    max_line_size=HEAD_BYTES,
                    max_field_size=HEAD_BYTES,
                    skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                    trace_configs=[trace],
                    response_class=Response,
                ) as session,
                session.request(
                    ask.method,
                    URL(f"{ask.url}{ask.url.path}", encoded=True),
                    # Without a tunnel there is only one head, for server and proxy alike.
                    headers=[*ask.sent, *(self.credentials.items() if context is None else ())],
                    data=ask.body or None,
                    allow_redirects=False,
                    ssl=True if context is None else context,
                    server_hostname=None if context is None or is_address(called) else called,
                    proxy=URL(f"http://{address}"),
                    proxy_headers=None if context is None else self.credentials,
                ) as response,
            ):
                run.phase("transfer")
                return await self._answer(ask, response)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            raise self._failed(ask, failure) from failure
        finally:
            run.phase(None)

    async def _answer(self, ask: Ask, response: aiohttp.ClientResponse) -> Answer:
        body, whole = bytearray(), True
        if ask.method != "HEAD":
            async for data in response.content.iter_any():
                body += data
                if len(body) >= BODY_BYTES:
                    whole = len(body) == BODY_BYTES and response.content.at_eof()
                    break
        version = response.version
        return Answer(
            status=response.status,
            version=1.1 if version is None else float(f"{version.major}.{version.minor}"),
            fields=[(name.lower(), value) for name, value in response.raw_headers],
            body=bytes(body[:BODY_BYTES]),
            whole=whole,
        )

    def _failed(self, ask: Ask, failure: Exception) -> ProbeFailed:
        """Say what went wrong, without the library's words where they may hold a secret. Raises our own faults."""
        import aiohttp

        if isinstance(failure, OSError) and failure.errno in OUR_FAULT:
            raise failure
        where = f"{ask.name} through the proxy {self.name}"
        match failure:
            case aiohttp.ClientHttpProxyError():
                error = ErrorClass.AUTH if failure.status == 407 else ErrorClass.CONNECT
                cause = f"the proxy answers {failure.status}"
            case aiohttp.ClientConnectorCertificateError():
                error, inner = ErrorClass.TLS, failure.certificate_error
                cause = describe(inner) if isinstance(inner, OSError) else "the certificate is not valid"
            case aiohttp.ClientConnectorSSLError():
                error, cause = ErrorClass.TLS, describe(failure.os_error)
            case aiohttp.ClientConnectorError():
                error = ErrorClass.CONNECT
                cause = (failure.os_error.strerror or "no connection to the proxy").lower()
            case aiohttp.ClientResponseError():
                error, cause = ErrorClass.PROTOCOL, "what comes back is not HTTP/1.1"
            case aiohttp.ClientPayloadError():
                error, cause = ErrorClass.PROTOCOL, "the answer ends too early"
            case _:
                error, cause = ErrorClass.PROTOCOL, "the connection ended without an answer"
        return ProbeFailed(error, f"cannot ask {where}: {cause}")
