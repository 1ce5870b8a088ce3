"""One HTTP exchange through a proxy: by aiohttp, which knows tunnels and what proxies want to be told."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.exchange import ANSWER_BYTES, Answer, Request, invalid
from alerting.notifiers.reach import Trust, cause, resolve

if TYPE_CHECKING:
    from types import SimpleNamespace

    from yarl import URL


async def through(proxy: URL, url: URL, request: Request, progress: Progress, trust: Trust) -> Answer:
    """Send `request` once over a fresh connection through `proxy`. Raise DeliveryError."""

    async def leaving(_session: object, _trace: SimpleNamespace, _params: object) -> None:
        progress.sent = True  # the head is composed and leaves together with the first byte of the body

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leaving)
    connector = aiohttp.TCPConnector(
        ssl=await trust.load(request.ca) if "https" in (url.scheme, proxy.scheme) else True,
        resolver=_resolver(),
        use_dns_cache=False,
        force_close=True,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,  # an answer that unpacks to gigabytes stays packed
        trace_configs=[trace],
    ) as session:
        try:
            async with session.request(
                request.method,
                url,
                data=request.content,
                headers={"User-Agent": "Nightbell", "Accept-Encoding": "identity", **request.headers},
                allow_redirects=False,
                proxy=proxy,
            ) as response:
                content = await _read(response, request.patience)
                return Answer(
                    request=request, status=response.status, headers=response.headers, content=content
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _explain(error, request, progress) from None  # the library's words hold the URL


async def _read(response: aiohttp.ClientResponse, patience: float | None) -> bytes:
    """Return the beginning of the body. A body that drips, breaks off or never ends changes nothing."""
    answer = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(patience):
            while len(answer) < ANSWER_BYTES and (chunk := await response.content.read(4096)):
                answer += chunk
    return bytes(answer[:ANSWER_BYTES])


def _explain(error: Exception, request: Request, progress: Progress) -> DeliveryError:
    reason, retry, why = Reason.CONNECT, True, cause(error)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason, why = Reason.TLS, cause(error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            reason, why = Reason.TLS, cause(error.__cause__ or error)
        case aiohttp.ClientConnectorDNSError():
            why = f"cannot look up the name: {cause(error.os_error)}"
        case aiohttp.ClientProxyConnectionError():
            why = f"cannot reach the proxy: {cause(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            why = f"the proxy answers {error.status}"
            if error.status in (401, 403, 407):
                reason, retry = Reason.AUTH, False
        case aiohttp.ClientConnectorError():
            why = cause(error.os_error)
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            why = "connection closed without an answer"
        case aiohttp.ClientResponseError():
            reason, why = Reason.PROTOCOL, "the answer is not HTTP"
        case aiohttp.ClientPayloadError():
            reason, why = Reason.PROTOCOL, "the answer broke off"
        case ValueError():  # aiohttp.InvalidURL is one
            return invalid(request)
    return DeliveryError(
        f"cannot {request.doing}: {why}", reason=reason, retry=retry, ambiguous=progress.sent
    )


def _resolver() -> Any:
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Aside(AbstractResolver):
        """Looks names up on a thread of its own instead of the loop's default pool."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            try:
                found = await resolve(host, port, family)
            except UnicodeError as error:
                raise OSError(None, "not a host name") from error
            return [
                ResolveResult(
                    hostname=host,
                    host=address[0],
                    port=port,
                    family=version,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST,
                )
                for version, address in found
            ]

        async def close(self) -> None:
            """Nothing to give up."""

    return Aside()
