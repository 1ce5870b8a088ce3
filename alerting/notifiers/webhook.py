"""Posts notifications as JSON to a URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import time
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict

from alerting.notification import Reason
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.body import body
from alerting.notifiers.exchange import Answer, Request, exchange
from alerting.notifiers.reach import Trust, ca_complaint, url_complaint, words

_MARK: Final = "nightbell-address"
_NO: Final = ("ok", "success")
"""Fields of an answer whose `false` is a refusal, whatever the status: many receivers refuse with a 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Posts each notification as a JSON object to a URL: the way into a service desk, a chat or code of your own.

    The object is `{id, kind, dedup_key, incident, ticket, to, title, text, ack_url, severity, state, drill, at}`;
    an announcement also has `services`, `expected_recovery_at` and `texts`. Any 2xx means taken, unless the answer is
    a JSON object with `"ok": false` or `"success": false`, or not what the option `success` asks for. The header
    `Idempotency-Key` is the same over all retries of a notification: whoever keeps it can drop repeats.
    Redirects are not followed: they turn a POST into a GET. The proxy of the environment is used (see above).

    url: where to post, http or https; `{address}` in it stands for the person's address, percent-encoded.
    secret: signs each request in `X-Nightbell-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
        `SECONDS.BODY` under the secret; the receiver should refuse an old SECONDS.
    headers: more request headers, such as `Authorization`.
    method: POST (default) or PUT.
    success: what the JSON of the answer must hold for the message to be taken, such as `{code: 0}` or, a level down,
        `{data.accepted: true}`; for receivers that answer 200 to what they refuse.
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
    success: Mapping[str, bool | int | str] = field(default_factory=dict)
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
        if (complaint := url_complaint(self.url)) is not None:
            return complaint
        if re.search(r"[{}]", self.url.replace("{address}", "")):
            return "url: only {address} may stand in braces"
        if "{address}" in urlsplit(self.url).netloc:
            return "url: {address} must not name the host"
        for name, value in self.headers.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                return f"headers: {words(name, 40)!r} is no header name"
            if not value.isprintable():
                return f"headers: the value of {name} holds control characters"
        return ca_complaint(self.ca)

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Post once."""
        content = json.dumps(body(message), ensure_ascii=False).encode("utf-8", "replace")
        parts = urlsplit(self.url)
        request = Request(
            url=self._target(message.address),
            doing=f"post to {self.host}",
            method=self.method,
            content=content,
            headers=self._head(message, content),
            ca=self.ca,
            secrets=(
                parts.path, parts.query, parts.username, parts.password, self.secret, *self.headers.values(),
            ),
        )  # fmt: skip
        return self._judge(await exchange(request, progress, self.trust))

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _target(self, address: str) -> str:
        try:
            made = _encoded(self.url.replace("{address}", _MARK))
        except ValueError as error:
            raise DeliveryError(
                f"cannot post to {self.host}: the URL is not valid", reason=Reason.CONFIG, retry=False
            ) from error
        return made.replace(_MARK, quote(address, safe=""))

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

    def _judge(self, answer: Answer) -> Accepted:
        if not answer.well:
            raise answer.refusal()
        told = answer.told
        if self.success:
            self._hold_to(answer, told)
        elif told is not None and (no := next((name for name in _NO if told.get(name) is False), "")):
            raise self._refusal(answer, f"{no} is false")
        return Accepted(provider_id=_number(told), detail=words(f"{answer.status} {answer.said}"))

    def _hold_to(self, answer: Answer, told: dict[str, Any] | None) -> None:
        """Raise DeliveryError unless the answer holds what `success` names."""
        for path, wanted in self.success.items():
            found = _at(path, told)
            if found is None:  # neither a yes nor a no
                raise DeliveryError(
                    f"cannot tell whether {self.host} took it: {answer.status}, no {path} in the answer",
                    reason=Reason.PROTOCOL,
                    ambiguous=True,
                )
            if (type(found), found) != (type(wanted), wanted):
                raise self._refusal(answer, f"{path} is {answer.hidden(json.dumps(found))}")

    def _refusal(self, answer: Answer, why: str) -> DeliveryError:
        return DeliveryError(
            f"cannot post to {self.host}: {answer.status}, but {why}: {answer.said}",
            reason=Reason.REFUSED,
            retry_after=answer.retry_after,
        )


@lru_cache(maxsize=64)
def _encoded(url: str) -> str:
    """Return a URL with percent-encoding; raise ValueError for what is none."""
    from yarl import URL

    return str(URL(url))


def _at(path: str, told: dict[str, Any] | None) -> Any:
    """Return what stands at a dotted path of a JSON object; None where nothing does."""
    found: Any = told
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _number(told: dict[str, Any] | None) -> str:
    """Return the `id` in the receiver's JSON answer, where there is one."""
    number = (told or {}).get("id")
    return words(str(number), 100) if isinstance(number, str | int) else ""
