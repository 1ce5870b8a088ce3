"""Sends notifications to a DingTalk group by its custom robot."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict

from alerting.notifiers import chat
from alerting.notifiers.api import OPTIONS, Accepted, Hidden, Message, Progress
from alerting.notifiers.chat import AUTH, BUSY, RATE, REFUSED, At, Dialect
from alerting.notifiers.exchange import Request
from alerting.notifiers.reach import Trust, ca_complaint

TEXT_BYTES: Final = 18000
"""The whole request may have 20,000."""

DIALECT: Final = Dialect(
    service="DingTalk",
    code=("errcode",),
    words=("errmsg",),
    codes={
        -1: BUSY,
        310000: AUTH,  # signature, time, address of the sender or keyword is not what the robot wants
        300001: AUTH,  # no such token
        400101: AUTH,
        400102: AUTH,  # the robot is switched off
        400106: AUTH,  # there is no such robot
        400013: REFUSED,  # the group was dissolved
        40035: REFUSED,
        43004: REFUSED,
        400105: REFUSED,
        430101: REFUSED,  # a link, word, picture or content it does not let pass
        430102: REFUSED,
        430103: REFUSED,
        430104: REFUSED,
        130101: RATE,  # 20 messages a minute, then none for ten
        410100: RATE,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DingTalk:
    """Sends each notification as a text to a DingTalk group by its custom robot, and reads whether it was taken.

    The robot takes 20 messages a minute. A robot that asks for a keyword takes only messages that hold it: let the
    signature guard it instead (`secret`). It takes no key of ours: a message whose answer was lost may show twice.

    token: what stands after `access_token=` in the robot's URL.
    secret: the robot's signing secret (`SEC…`), where it asks for signatures.
    at: whom to call by name: a mobile number, a user's id, `all`, or a list; `{address}` stands for the person's own.
    api: base of the URL where it is not `https://oapi.dingtalk.com`.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "dingtalk"
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "token": "robot-token",
        "secret": "SEC-word",
        "at": "{address}",
    }
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    token: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    at: At = ()
    api: str = "https://oapi.dingtalk.com"
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
            or chat.api_complaint(self.api)
            or ca_complaint(self.ca)
        )

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once."""
        token = self.token.replace("{address}", message.address)
        request = Request(
            url=f"{self.api.rstrip('/')}/robot/send?access_token={quote(token, safe='')}{self._signature()}",
            doing=f"send to DingTalk at {urlsplit(self.api).hostname}",
            content=self._content(message),
            headers={"Content-Type": "application/json; charset=utf-8"},
            ca=self.ca,
            secrets=(token, self.secret),
            patience=None,
        )
        return await chat.tell(request, progress, self.trust, DIALECT)

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _signature(self) -> str:
        if not self.secret:
            return ""
        stamp = str(round(time() * 1000))
        digest = hmac.new(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        return f"&timestamp={stamp}&sign={quote(base64.b64encode(digest), safe='')}"

    def _content(self, message: Message) -> bytes:
        names = chat.called(self.at, message.address)
        calls = " ".join(
            f"@{name}" for name in names if name != "all"
        )  # only who stands in the text is called
        told = {
            "msgtype": "text",
            "text": {"content": chat.fitted(message, TEXT_BYTES, calls)},
            "at": {
                "atMobiles": [name for name in names if chat.is_mobile(name)],
                "atUserIds": [name for name in names if name != "all" and not chat.is_mobile(name)],
                "isAtAll": "all" in names,
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()
