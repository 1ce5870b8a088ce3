"""Posts notifications as JSON to a URL."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict

from alerting.notification import Reason
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.body import body
from alerting.notifiers.reach import Trust, ca_complaint, cause, hide, resolve, words
from alerting.notifiers.status import of_status

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp
    from yarl import URL

ANSWER_BYTES: Final = 65536
ANSWER_SECONDS: Final = 1.0
"""The status line is the answer. What follows is evidence and is not waited for any longer than this."""
RETRY_AFTER_LONGEST: Final = timedelta(days=1)

_MARK: Final = "nightbell-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Posts each notification as a JSON object to a URL: the way into a service desk, a chat or code of your own.

    The object is `{id, kind, dedup_key, incident, ticket, to, title, text, ack_url, severity, state, drill, at}`;
    an announcement also has `services`, `expected_recovery_at` and `texts`. Any 2xx means taken. The header
    `Idempotency-Key` is the same over all retries of a notification: whoever keeps it can drop repeats.
    Redirects are not followed: they turn a POST into a GET.

    url: where to post, http or https; `{address}` in it stands for the person's address, percent-encoded.
    secret: signs each request in `X-Nightbell-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
        `SECONDS.BODY` under the secret; the receiver should refuse an old SECONDS.
    headers: more request headers, such as `Authorization`.
    method: POST (default) or PUT.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "webhook"
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "url": "https://desk.example.com/hook",
        "secret": "a long random word",
        "headers": {"Authorization": "Bearer token"},
    }
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["POST", "PUT"] = "POST"
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True when the URL has a place for the person's address."""
        return "{address}" in self.url

    @property
    def host(self) -> str:
        """The part of the URL that may be told to people."""
        with suppress(ValueError):
            return urlsplit(self.url).hostname or "?"
        return "?"

    def complaint(self) -> str | None:
        """Say what is wrong with URL, headers or certificate file."""
        try:
            parts = urlsplit(self.url)
            _ = parts.port  # parsed only when asked for
        except ValueError:
            return "url: cannot be read as a URL"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return "url: must begin with https:// or http:// and name a host"
        if re.search(r"[\x00-\x20\x7f]", self.url):
            return "url: must not hold spaces or control characters"
        if re.search(r"[{}]", self.url.replace("{address}", "")):
            return "url: only {address} may stand in braces"
        if "{address}" in parts.netloc:
            return "url: {address} must not name the host"
        for name, value in self.headers.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                return f"headers: {words(name, 40)!r} is no header name"
            if not value.isprintable():
                return f"headers: the value of {name} holds control characters"
        return ca_complaint(self.ca)

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Post once over a fresh connection: a kept one that died would leave the message's fate unknown."""
        import aiohttp

        async def connected(_session: object, _trace: SimpleNamespace, _params: object) -> None:
            progress.sent = True  # the head is composed and leaves together with the first byte of the body

        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(connected)
        secure = urlsplit(self.url).scheme == "https"
        content = json.dumps(body(message), ensure_ascii=False).encode("utf-8", "replace")
        connector = aiohttp.TCPConnector(
            ssl=await self.trust.load(self.ca) if secure else True,
            resolver=_resolver(),
            use_dns_cache=False,
            force_close=True,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # the caller owns the deadline
            auto_decompress=False,  # an answer that unpacks to gigabytes stays packed
            trace_configs=[trace],
        ) as session:
            try:
                async with session.request(
                    self.method,
                    self._target(message.address),
                    data=content,
                    headers=self._head(message, content),
                    allow_redirects=False,
                ) as response:
                    return await self._judge(response)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise self._explain(error, progress) from None  # the library's words hold the URL

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _target(self, address: str) -> URL:
        from yarl import URL

        made = str(URL(self.url.replace("{address}", _MARK)))
        return URL(made.replace(_MARK, quote(address, safe="")), encoded=True)  # not decoded again

    def _head(self, message: Message, content: bytes) -> dict[str, str]:
        head = {
            "User-Agent": "Nightbell",
            **self.headers,
            "Content-Type": "application/json",
            "Idempotency-Key": words(message.dedup_key, 255),
        }
        if self.secret is not None:
            stamp = str(int(time()))
            signed = hmac.new(self.secret.encode(), stamp.encode() + b"." + content, hashlib.sha256)
            head["X-Nightbell-Signature"] = f"t={stamp},v1={signed.hexdigest()}"
        return head

    async def _judge(self, response: aiohttp.ClientResponse) -> Accepted:
        status, answer = response.status, await _read(response)
        said = self._without_secrets(words(answer.decode("utf-8", "replace")))
        if 200 <= status < 300:
            return Accepted(provider_id=_number(answer), detail=words(f"{status} {said}"))
        if status < 400:
            raise DeliveryError(
                f"cannot post to {self.host}: {status}, redirects are not followed",
                reason=Reason.REFUSED,
                retry=False,
            )
        reason, retry = of_status(status)
        raise DeliveryError(
            f"cannot post to {self.host}: {status} {said}".rstrip(),
            reason=reason,
            retry=retry,
            retry_after=_retry_after(response.headers) if retry else None,
        )

    def _without_secrets(self, said: str) -> str:
        """A receiver may repeat what it was sent."""
        parts = urlsplit(self.url)
        return hide(
            said, parts.path, parts.query, parts.username, parts.password, self.secret, *self.headers.values()
        )

    def _explain(self, error: Exception, progress: Progress) -> DeliveryError:
        import aiohttp

        reason, why = Reason.CONNECT, cause(error)
        match error:
            case aiohttp.ClientConnectorCertificateError():
                reason, why = Reason.TLS, cause(error.certificate_error)
            case aiohttp.ClientConnectorSSLError():
                reason, why = Reason.TLS, cause(error.__cause__ or error)
            case aiohttp.ClientConnectorDNSError():
                why = f"cannot look up the name: {cause(error.os_error)}"
            case aiohttp.ClientConnectorError():
                why = cause(error.os_error)
            case aiohttp.ServerDisconnectedError() | ConnectionError():
                why = "connection closed without an answer"
            case aiohttp.ClientResponseError():
                reason, why = Reason.PROTOCOL, "the answer is not HTTP"
            case aiohttp.ClientPayloadError():
                reason, why = Reason.PROTOCOL, "the answer broke off"
            case ValueError():  # aiohttp.InvalidURL is one
                return DeliveryError(
                    f"cannot post to {self.host}: the URL or a header is not valid",
                    reason=Reason.CONFIG,
                    retry=False,
                )
        return DeliveryError(f"cannot post to {self.host}: {why}", reason=reason, ambiguous=progress.sent)


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


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of the body. A body that drips, breaks off or never ends changes nothing."""
    from aiohttp import ClientError

    answer = bytearray()
    with suppress(TimeoutError, ClientError, OSError):
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(answer) < ANSWER_BYTES and (chunk := await response.content.read(4096)):
                answer += chunk
    return bytes(answer[:ANSWER_BYTES])


def _number(answer: bytes) -> str:
    """Return the `id` in the receiver's JSON answer, where there is one."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    number = told.get("id") if isinstance(told, dict) else None
    return words(str(number), 100) if isinstance(number, str | int) else ""


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long the receiver wants to be left alone: seconds or an HTTP date, at most a day."""
    wish = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", wish):
        return min(timedelta(seconds=int(wish)), RETRY_AFTER_LONGEST)
    try:
        wait = parsedate_to_datetime(wish).astimezone(UTC) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), min(wait, RETRY_AFTER_LONGEST))
