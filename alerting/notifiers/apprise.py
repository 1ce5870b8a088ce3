"""Sends notifications through Apprise, which knows well over a hundred services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from pydantic import ConfigDict, Field

from alerting.notification import Kind, Reason
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Notifier, Progress
from alerting.notifiers.apprise_pool import POOL
from alerting.notifiers.native import native, oddity
from alerting.severity import Severity

TYPES: Final[Mapping[Severity, str]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
URL_LONGEST: Final = 8000


@dataclass(slots=True, eq=False)
class Held:
    """What a channel keeps between sends: how many may send at once, and our own notifier where one serves the URL."""

    gate: asyncio.Semaphore | None = None
    native: Notifier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise:
    """Sends each notification through an Apprise URL: SMS providers, chats, push services, voice calls and mail.

    It runs in a process of its own, which is killed when a service hangs past the deadline and ends after a quarter
    of an hour without a message. A text too long for the service is sent in up to six parts, and cut there, unless
    the URL says `overflow=`.

    URLs of services whose refusals Apprise takes for success are served by notifiers of ours, without that process:
    `dingtalk`, `wecombot`, `feishu`, `lark`, `schan`, `smpp` and `smpps` (see `dingtalk`, `wecom`, `feishu`,
    `serverchan` and `smpp`, which have more options). What remains is `syslog` and `rsyslog`: they report success even
    where nobody listens. Do not make one of them the only way to reach somebody.

    url: the Apprise URL, percent-encoded; `{address}` in it stands for the person's address on this channel. Time
        limits of one connection may be set there with `cto=` and `rto=`, in seconds.
    parallel: how many messages this channel sends at once (default 2, at most 16).
    """

    KIND: ClassVar[str] = "apprise"
    EXAMPLE: ClassVar[Mapping[str, object]] = {"url": "mailtos://user:secret@smtp.example.com?to={address}"}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    url: str = field(repr=False)
    parallel: Annotated[int, Field(ge=1, le=16)] = 2
    held: Hidden[Held] = field(default_factory=Held, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True when the URL has a place for the person's address."""
        return "{address}" in self.url

    def complaint(self) -> str | None:
        """Say what can be seen to be wrong without loading Apprise; `examine` sees the rest."""
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", self.url):
            return "url: must begin with the scheme of a service, like mailtos://"
        if re.search(r"[\x00-\x20\x7f]", self.url):
            return "url: must not hold spaces or control characters; percent-encode them"
        if re.search(r"[{}]", self.url.replace("{address}", "")):
            return "url: only {address} may stand in braces"
        if len(self.url) > URL_LONGEST:
            return f"url: is longer than {URL_LONGEST} characters"
        try:
            native(self.url)
        except ValueError as error:
            return f"url: {error}"
        return None

    def warm(self) -> None:
        """Start a sending process ahead of the first message, which it takes a second to load for."""
        if self._native() is None:
            POOL.join(self.held)
            POOL.warm()

    async def examine(self, address: str) -> str | None:
        """Have Apprise read the URL with `address` in it, sending nothing; return a complaint, or None.

        An option after the `?` which the service does not have is complained of here: Apprise lets it pass.
        """
        if self._native() is not None:
            return oddity(self.url)
        try:
            await self._ask(Progress(), {"url": self._target(address), "look_only": True})
        except DeliveryError as error:
            return error.message
        return None

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once, to one address. Cut short, the process that sends is killed."""
        if (complaint := self.complaint()) is not None:
            raise DeliveryError(f"cannot send by apprise: {complaint}", reason=Reason.CONFIG, retry=False)
        if (ours := self._native()) is not None:
            async with self._gate():
                return await ours.send(message, progress)
        request = {
            "url": self._target(message.address),
            "title": message.title,
            "body": message.text,
            "type": "success" if message.kind is Kind.RECOVERY else TYPES[message.severity],
            "key": message.dedup_key,
            "look_only": False,
        }
        return await self._ask(progress, request)

    async def close(self) -> None:
        """Leave the pool; the last channel to leave ends its processes."""
        if self.held.native is not None:
            await self.held.native.close()
        await POOL.leave(self.held)

    def _native(self) -> Notifier | None:
        if self.held.native is None:
            self.held.native = native(self.url)
        return self.held.native

    def _gate(self) -> asyncio.Semaphore:
        if self.held.gate is None:
            self.held.gate = asyncio.Semaphore(self.parallel)
        return self.held.gate

    async def _ask(self, progress: Progress, request: Mapping[str, object]) -> Accepted:
        POOL.join(self.held)
        async with self._gate():
            progress.mark()  # should we die, the process may still send what it was handed
            answer = await POOL.ask(request, progress)
        return answer.judge(url=str(request["url"]), sent=progress.sent)

    def _target(self, address: str) -> str:
        return self.url.replace("{address}", quote(address, safe=""))
