"""Sends notifications to somebody's phone by ServerChan, Turbo or the third one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

from pydantic import ConfigDict

from alerting.notification import Reason
from alerting.notifiers import chat
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.chat import AUTH, Dialect
from alerting.notifiers.exchange import Answer, Request, exchange
from alerting.notifiers.reach import Trust, ca_complaint, words

TEXT_BYTES: Final = 24000
"""It takes 32 KB, and each line becomes a paragraph."""
TITLE_LONGEST: Final = 32
QUOTA_WAIT: Final = timedelta(hours=1)
"""The day's messages are used up; nobody says when its day ends."""

DIALECT: Final = Dialect(
    service="ServerChan", code=("code", "errno"), words=("message", "info"), codes={40001: AUTH}
)
_QUOTA: Final = re.compile(r"次数|额度|频率|limit|quota", re.IGNORECASE)
_REPEAT: Final = re.compile(r"重复|duplicate", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChan:
    """Sends each notification to one person's phone (or WeChat) by ServerChan, and reads whether it was taken.

    Its free plan takes five messages a day. It shows 32 characters of a title; a longer one is repeated in the text.
    It takes no key of ours, but refuses the same words twice within some minutes.

    key: the SendKey: `SCT…` (Turbo) or `sctp…` (ServerChan 3); `{address}` where each person has a key of their own.
    api: base of the URL where it is not the one the key belongs to.
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "serverchan"
    EXAMPLE: ClassVar[Mapping[str, object]] = {"key": "{address}"}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    key: str = field(repr=False)
    api: str | None = None
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True when each person has a key."""
        return chat.needs_address(self.key)

    def complaint(self) -> str | None:
        """Say what is wrong with the options."""
        return (
            chat.key_complaint("key", self.key)
            or (chat.api_complaint(self.api) if self.api is not None else None)
            or ca_complaint(self.ca)
        )

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once."""
        key = self.key.replace("{address}", message.address)
        url = self._url(key)
        request = Request(
            url=url,
            doing=f"send to ServerChan at {urlsplit(url).hostname}",
            content=urlencode(
                {"title": words(message.title, TITLE_LONGEST), "desp": _markdown(message)}
            ).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            ca=self.ca,
            secrets=(key,),
            patience=None,
        )
        return _judge(await exchange(request, progress, self.trust))

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _url(self, key: str) -> str:
        third = re.match(r"sctp(\d+)t", key)
        base = self.api or (f"https://{third[1]}.push.ft07.com" if third else "https://sctapi.ftqq.com")
        return f"{base.rstrip('/')}{'/send' if third else ''}/{quote(key, safe='')}.send"


def _markdown(message: Message) -> str:
    """Return the text, below the title where that is cut; it shows Markdown, where a line ends only at an empty one."""
    shown = replace(message, title="") if len(message.title) <= TITLE_LONGEST else message
    return re.sub(r"\n+", "\n\n", chat.fitted(shown, TEXT_BYTES))


def _judge(answer: Answer) -> Accepted:
    told = answer.told or {}
    data = told.get("data")
    inner = data if isinstance(data, dict) else {}
    try:
        taken = DIALECT.judge(answer)
    except DeliveryError as error:
        raise _told_apart(error, str(told.get("message") or told.get("info") or "")) from None
    if inner.get("errno") not in (None, 0, "0"):
        said = answer.hidden(str(inner.get("error")))
        raise DeliveryError(f"cannot {answer.request.doing}: {said}", reason=Reason.REFUSED)
    return Accepted(provider_id=words(str(inner.get("pushid") or ""), 100), detail=taken.detail)


def _told_apart(error: DeliveryError, said: str) -> DeliveryError:
    """Return the error by its words where those say more: one code stands for a wrong key and for a day used up."""
    if error.ambiguous:
        return error
    if _QUOTA.search(said):
        return DeliveryError(error.message, reason=Reason.RATE_LIMIT, retry_after=QUOTA_WAIT)
    if _REPEAT.search(said):
        return DeliveryError(error.message, reason=Reason.REFUSED, retry=False)
    return error
