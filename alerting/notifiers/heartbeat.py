"""The outward heartbeat: asks for a URL, so that whoever is behind it knows that all is well here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict

from alerting.notification import Reason
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.reach import Trust, cause
from alerting.notifiers.status import of_status
from alerting.notifiers.exchange import _resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Asks for a URL by GET; any 2xx is an answer. A beat carries no words.

    url: what to ask for.
    """

    KIND: ClassVar[str] = "heartbeat"
    EXAMPLE: ClassVar[Mapping[str, object]] = {"url": "https://deadman.example.com/ping/long-random-word"}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    url: str = field(repr=False)
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """False: nobody is reached by it."""
        return False

    def complaint(self) -> str | None:
        """Say what is wrong with the URL."""
        parts = urlsplit(self.url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname
        return "url: must begin with https:// or http:// and name a host" if wrong else None

    async def send(self, message: Message, progress: Progress) -> Accepted:  # noqa: ARG002 - a beat has no words
        """Ask once over a fresh connection."""
        import aiohttp

        connector = aiohttp.TCPConnector(
            ssl=await self.trust.load(None) if self.url.startswith("https:") else True,
            resolver=_resolver(),
            use_dns_cache=False,
            force_close=True,
        )
        progress.sent = True
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout()
        ) as session:
            try:
                async with session.get(self.url, allow_redirects=False) as response:
                    status = response.status
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = cause(error)
                raise DeliveryError(f"no heartbeat left: {why}", reason=Reason.CONNECT) from None
        if 200 <= status < 300:
            return Accepted(detail=str(status))
        reason, retry = of_status(status)
        raise DeliveryError(f"no heartbeat left: {status}", reason=reason, retry=retry)

    async def close(self) -> None:
        """Nothing to give up: each beat closes its own connection."""
