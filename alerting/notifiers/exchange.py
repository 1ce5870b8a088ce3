"""One HTTP exchange with a provider: a fresh connection, one request, and the answer within limits.

Whoever asks says what to send and judges what came back; here is all that can go wrong below HTTP, told in words
that hold no secret, and whether the provider may have taken the message by then.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.reach import Trust, cause, hide, resolve, words
from alerting.notifiers.status import of_status

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp

ANSWER_BYTES: Final = 65536
ANSWER_SECONDS: Final = 1.0
"""Where the status line is the answer: what follows is evidence and is not waited for any longer than this."""
RETRY_AFTER_LONGEST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, and how to speak of it.

    `url` is percent-encoded already and taken as it stands. `doing` follows "cannot" in every error ("post to
    desk.example.com"); `secrets` are URLs, headers or keys no piece of which may show. `patience` is how many
    seconds the body of the answer is waited for; None: as long as the caller waits.
    """

    url: str = field(repr=False)
    doing: str
    method: str = "POST"
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None
    secrets: tuple[str | None, ...] = field(default=(), repr=False)
    patience: float | None = ANSWER_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the beginning of the body, at most `ANSWER_BYTES` of it."""

    request: Request
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def well(self) -> bool:
        """True for any 2xx."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """The body as one short line. A provider may repeat what it was sent: that is hidden."""
        return self.hidden(self.content.decode("utf-8", "replace"))

    def hidden(self, text: str) -> str:
        """Return the provider's `text` as one short line without secrets."""
        return hide(words(text), *self.request.secrets)

    @property
    def told(self) -> dict[str, Any] | None:
        """The body as a JSON object; None where it is none, or not whole."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def retry_after(self) -> timedelta | None:
        """How long the provider wants to be left alone: seconds or an HTTP date, at most a day."""
        wish = self.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", wish):
            return min(timedelta(seconds=int(wish)), RETRY_AFTER_LONGEST)
        try:
            wait = parsedate_to_datetime(wish).astimezone(UTC) - datetime.now(UTC)
        except (ValueError, TypeError, OverflowError):
            return None
        return max(timedelta(0), min(wait, RETRY_AFTER_LONGEST))

    def refusal(self) -> DeliveryError:
        """Return the error that a status other than 2xx stands for."""
        reason, retry = of_status(self.status)
        if self.status < 400:
            why = f"{self.status}, redirects are not followed"
        else:
            why = f"{self.status} {self.said}".rstrip()
        return DeliveryError(
            f"cannot {self.request.doing}: {why}",
            reason=reason,
            retry=retry,
            retry_after=self.retry_after if retry else None,
        )


async def exchange(request: Request, progress: Progress, trust: Trust) -> Answer:
    """Send `request` once and return the answer, whatever its status. Raise DeliveryError.

    The connection is fresh: a kept one that died would leave the message's fate unknown. It leads through the proxy
    of the environment where one is set (see `egress`). Redirects are not followed. The caller owns the deadline.
    """
    import aiohttp
    from yarl import URL

    from alerting.notifiers.egress import proxy_for

    async def leaving(_session: object, _trace: SimpleNamespace, _params: object) -> None:
        progress.sent = True  # the head is composed and leaves together with the first byte of the body

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leaving)
    try:
        url = URL(request.url, encoded=True)
        proxy = proxy_for(url, os.environ)
        secure = "https" in (url.scheme, proxy.scheme if proxy is not None else "")
    except ValueError:
        raise _invalid(request) from None
    connector = aiohttp.TCPConnector(
        ssl=await trust.load(request.ca) if secure else True,
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
    from aiohttp import ClientError

    answer = bytearray()
    with suppress(TimeoutError, ClientError, OSError):
        async with asyncio.timeout(patience):
            while len(answer) < ANSWER_BYTES and (chunk := await response.content.read(4096)):
                answer += chunk
    return bytes(answer[:ANSWER_BYTES])


def _explain(error: Exception, request: Request, progress: Progress) -> DeliveryError:
    import aiohttp

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
            return _invalid(request)
    return DeliveryError(
        f"cannot {request.doing}: {why}", reason=reason, retry=retry, ambiguous=progress.sent
    )


def _invalid(request: Request) -> DeliveryError:
    return DeliveryError(
        f"cannot {request.doing}: the URL or a header is not valid", reason=Reason.CONFIG, retry=False
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
