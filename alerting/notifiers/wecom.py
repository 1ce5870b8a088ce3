"""Sends notifications to a WeCom group by its robot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict

from alerting.notifiers import chat
from alerting.notifiers.api import OPTIONS, Accepted, Hidden, Message, Progress
from alerting.notifiers.chat import AUTH, BUSY, RATE, REFUSED, At, Dialect
from alerting.notifiers.exchange import Request
from alerting.notifiers.reach import Trust, ca_complaint

TEXT_BYTES: Final = 2048

DIALECT: Final = Dialect(
    service="WeCom",
    code=("errcode",),
    words=("errmsg",),
    codes={
        -1: BUSY,
        93000: AUTH,  # no such key, or the robot was removed
        93004: AUTH,  # the robot is switched off
        93008: AUTH,  # it is not in the group
        60020: AUTH,  # not from this address
        40008: REFUSED,
        40033: REFUSED,
        40058: REFUSED,
        44004: REFUSED,  # empty
        45002: REFUSED,  # too long
        45009: RATE,  # 20 messages a minute
        45033: RATE,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeCom:
    """Sends each notification as a text to a WeCom group by its robot, and reads whether it was taken.

    The robot takes 20 messages a minute, of 2048 bytes each: a longer text is cut, the acknowledgement link stays. It
    takes no key of ours: a message whose answer was lost may show twice.

    key: what stands after `key=` in the robot's URL.
    at: whom to call by name: a mobile number, a user's id, `all`, or a list; `{address}` stands for the person's own.
    api: base of the URL where it is not `https://qyapi.weixin.qq.com`, as on a private deployment.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "wecom"
    EXAMPLE: ClassVar[Mapping[str, object]] = {"key": "robot-key", "at": "{address}"}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    key: str = field(repr=False)
    at: At = ()
    api: str = "https://qyapi.weixin.qq.com"
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True when an option has a place for the person's address."""
        return chat.needs_address(self.key, self.at)

    def complaint(self) -> str | None:
        """Say what is wrong with the options."""
        return (
            chat.key_complaint("key", self.key)
            or chat.at_complaint(self.at)
            or chat.api_complaint(self.api)
            or ca_complaint(self.ca)
        )

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once."""
        key = self.key.replace("{address}", message.address)
        names = chat.called(self.at, message.address)
        told = {
            "msgtype": "text",
            "text": {
                "content": chat.fitted(message, TEXT_BYTES),
                "mentioned_mobile_list": [name for name in names if chat.is_mobile(name)],
                "mentioned_list": [
                    "@all" if name == "all" else name for name in names if not chat.is_mobile(name)
                ],
            },
        }
        request = Request(
            url=f"{self.api.rstrip('/')}/cgi-bin/webhook/send?key={quote(key, safe='')}",
            doing=f"send to WeCom at {urlsplit(self.api).hostname}",
            content=json.dumps(told, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            ca=self.ca,
            secrets=(key,),
            patience=None,
        )
        return await chat.tell(request, progress, self.trust, DIALECT)

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""
