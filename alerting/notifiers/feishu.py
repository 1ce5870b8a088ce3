"""Sends notifications to a group of Feishu or Lark by its custom bot."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import ClassVar, Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict

from alerting.notifiers import chat
from alerting.notifiers.api import OPTIONS, Accepted, Hidden, Message, Progress
from alerting.notifiers.chat import AUTH, RATE, REFUSED, At, Dialect
from alerting.notifiers.exchange import Request
from alerting.notifiers.reach import Trust, ca_complaint

TEXT_BYTES: Final = 18000
"""The whole request may have 20 KB."""
REGIONS: Final[Mapping[str, str]] = {
    "feishu": "https://open.feishu.cn",
    "lark": "https://open.larksuite.com",
}

DIALECT: Final = Dialect(
    service="Feishu",
    code=("code", "StatusCode"),
    words=("msg", "StatusMessage"),
    codes={
        19001: AUTH,  # no such token
        19007: AUTH,  # the bot is switched off
        19021: AUTH,  # wrong signature, or our clock is off by more than an hour
        19022: AUTH,  # not from this address
        19024: REFUSED,  # the keyword is missing
        19002: REFUSED,
        9499: REFUSED,
        11232: RATE,  # 100 messages a minute and 5 a second; the whole service has its rush hours too
        99991400: RATE,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feishu:
    """Sends each notification as a text to a group of Feishu or Lark by its custom bot, and reads whether it was taken.

    A bot that asks for a keyword takes only messages that hold it: let the signature guard it instead (`secret`). It
    takes no key of ours: a message whose answer was lost may show twice.

    token: what stands after `/hook/` in the bot's URL.
    secret: the bot's signing secret, where it asks for signatures.
    region: feishu (default), or lark, its sister abroad.
    at: whom to call by name: a user's open id (`ou_…`), `all`, or a list; `{address}` stands for the person's own.
    api: base of the URL of a private deployment.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "feishu"
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "token": "bot-token",
        "secret": "a signing secret",
        "at": "all",
    }
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    token: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    region: Literal["feishu", "lark"] = "feishu"
    at: At = ()
    api: str | None = None
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True when an option has a place for the person's address."""
        return chat.needs_address(self.token, self.at)

    def complaint(self) -> str | None:
        """Say what is wrong with the options."""
        return (
            chat.key_complaint("token", self.token)
            or chat.at_complaint(self.at)
            or (chat.api_complaint(self.api) if self.api is not None else None)
            or ca_complaint(self.ca)
        )

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once."""
        token = self.token.replace("{address}", message.address)
        base = (self.api or REGIONS[self.region]).rstrip("/")
        request = Request(
            url=f"{base}/open-apis/bot/v2/hook/{quote(token, safe='')}",
            doing=f"send to {self.region.capitalize()} at {urlsplit(base).hostname}",
            content=self._content(message),
            headers={"Content-Type": "application/json; charset=utf-8"},
            ca=self.ca,
            secrets=(token, self.secret),
            patience=None,
        )
        return await chat.tell(request, progress, self.trust, DIALECT)

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _content(self, message: Message) -> bytes:
        names = chat.called(self.at, message.address)
        calls = " ".join(f'<at user_id="{name}"></at>' for name in names if '"' not in name)
        told = {
            **self._signature(),
            "msg_type": "text",
            "content": {"text": chat.fitted(message, TEXT_BYTES, calls)},
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def _signature(self) -> dict[str, str]:
        if not self.secret:
            return {}
        stamp = str(int(time()))
        digest = hmac.new(f"{stamp}\n{self.secret}".encode(), b"", hashlib.sha256).digest()
        return {"timestamp": stamp, "sign": base64.b64encode(digest).decode()}
