"""The outward heartbeat: asks for a URL, so that whoever is behind it knows that all is well here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict

from alerting.notifiers.api import OPTIONS, Accepted, Hidden, Message, Progress
from alerting.notifiers.exchange import Request, exchange
from alerting.notifiers.reach import Trust, ca_complaint, url_complaint, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Asks for a URL by GET; any 2xx is an answer. A beat carries no words.

    url: what to ask for.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "heartbeat"
    EXAMPLE: ClassVar[Mapping[str, object]] = {"url": "https://deadman.example.com/ping/long-random-word"}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    url: str = field(repr=False)
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """False: nobody is reached by it."""
        return False

    def complaint(self) -> str | None:
        """Say what is wrong with URL or certificate file."""
        return url_complaint(self.url) or ca_complaint(self.ca)

    async def send(self, message: Message, progress: Progress) -> Accepted:  # noqa: ARG002 - a beat has no words
        """Ask once."""
        parts = urlsplit(self.url)
        request = Request(
            url=self.url,
            doing=f"beat at {parts.hostname}",
            method="GET",
            ca=self.ca,
            secrets=(parts.path, parts.query, parts.username, parts.password),
        )
        answer = await exchange(request, progress, self.trust)
        if not answer.well:
            raise answer.refusal()
        return Accepted(detail=words(f"{answer.status} {answer.said}"))

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""
