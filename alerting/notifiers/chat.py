"""What the robots of chats have in common: text cut to size, people called by name, and an answer with a code in it.

They answer 200 to what they refuse; only the code in the body says whether they took the message. None of them takes
a key of ours, so that a repeat shows twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.notifiers.exchange import Answer, Request, exchange
from alerting.notifiers.reach import Trust, url_complaint, words
from alerting.notifiers.status import of_status

RATE_WAIT: Final = timedelta(minutes=1)
"""All of them count by the minute; none says how long to wait."""

AUTH: Final = (Reason.AUTH, False)
REFUSED: Final = (Reason.REFUSED, False)
RATE: Final = (Reason.RATE_LIMIT, True)
BUSY: Final = (Reason.SERVER, True)

At: TypeAlias = str | tuple[str, ...]
"""Whom to call by name: one, or several."""

_CUT: Final = "…"
_HALF_A_LINK: Final = re.compile(rf"\S*://\S*{_CUT}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a service answers: in which fields code and words stand, and what its codes mean.

    A code that is not listed is a refusal which may pass later.
    """

    service: str
    code: tuple[str, ...]
    words: tuple[str, ...]
    codes: Mapping[int, tuple[Reason, bool]]

    def judge(self, answer: Answer) -> Accepted:
        """Return that the service took the message. Raise DeliveryError; ambiguous where it says neither yes nor no."""
        told = answer.told or {}
        codes = [code for name in self.code if (code := _code(told.get(name))) is not None]
        code = next((code for code in codes if code), codes[0] if codes else None)
        said = next((str(told[name]) for name in self.words if told.get(name)), "")
        if code is None and not answer.well:
            raise answer.refusal()
        if code is None or (code == 0 and not answer.well):
            raise DeliveryError(
                f"cannot tell whether {self.service} took it: {answer.status} {answer.said}".rstrip(),
                reason=Reason.PROTOCOL,
                ambiguous=True,
            )
        if code == 0:
            return Accepted(detail=answer.hidden(f"{answer.status} {said}"))
        raise self.refusal(answer, code, said)

    def refusal(self, answer: Answer, code: int, said: str) -> DeliveryError:
        """Return the error for a code."""
        reason, retry = self.codes.get(
            code, of_status(answer.status) if not answer.well else (Reason.REFUSED, True)
        )
        limited = reason is Reason.RATE_LIMIT
        return DeliveryError(
            f"cannot {answer.request.doing}: {code} {answer.hidden(said)}".rstrip(),
            reason=reason,
            retry=retry,
            retry_after=answer.retry_after or (RATE_WAIT if limited else None) if retry else None,
        )


async def tell(request: Request, progress: Progress, trust: Trust, dialect: Dialect) -> Accepted:
    """Send `request` and judge the answer by its code. Raise DeliveryError."""
    return dialect.judge(await exchange(request, progress, trust))


def fitted(message: Message, limit: int, calls: str = "") -> str:
    """Return title and text in at most `limit` bytes of UTF-8, `calls` (people called by name) at the end.

    The acknowledgement link is never cut off: where it would be, it moves up below the title.
    """
    title, text = _clean(message.title), _clean(message.text)
    end = f"\n{_clean(calls)}" if calls else ""
    room = limit - len(end.encode())
    whole = clipped(f"{title}\n{text}" if title else text, room)
    link = message.ack_url
    if link and link in text and link not in whole:
        whole = clipped(f"{clipped(title, room // 4)}\n{link}\n{text}", room)
    return _HALF_A_LINK.sub(_CUT, whole) + end


def clipped(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of UTF-8, marked where it was cut."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: max(0, limit - len(_CUT.encode()))].decode(errors="ignore") + _CUT


def called(at: At, address: str) -> tuple[str, ...]:
    """Return who is to be called by name, the person's address put in; mobile numbers as these services know them."""
    return tuple(_mobile(name.replace("{address}", address).strip()) for name in _names(at) if name.strip())


def is_mobile(name: str) -> bool:
    """Tell a mobile number from the id of a user."""
    return re.fullmatch(r"\+?[0-9-]{6,20}", name) is not None


def needs_address(*options: At | None) -> bool:
    """Tell whether one of the options has a place for the person's address."""
    return any(
        "{address}" in part
        for option in options
        if option
        for part in ([option] if isinstance(option, str) else option)
    )


def key_complaint(option: str, key: str) -> str | None:
    """Say what is wrong with a key that stands in the service's URL, without repeating it."""
    if re.search(r"https?://|[/?=]", key):
        return f"{option}: only the key itself belongs here, not the URL around it"
    if not re.fullmatch(r"[A-Za-z0-9._-]+", key.replace("{address}", "x")):
        return f"{option}: is no key of this service"
    return None


def api_complaint(api: str) -> str | None:
    """Say what is wrong with the base URL of a private deployment."""
    if "{" in api or "?" in api:
        return "api: must be the beginning of a URL, without ? and braces"
    return url_complaint(api, "api")


def at_complaint(at: At) -> str | None:
    """Say what is wrong with the people to call."""
    for name in _names(at):
        if re.search(r"[{}]", name.replace("{address}", "")):
            return "at: only {address} may stand in braces"
        if not name.isprintable():
            return "at: must not hold control characters"
    return None


def _names(at: At) -> tuple[str, ...]:
    return (at,) if isinstance(at, str) else at


def _code(found: Any) -> int | None:
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,12}", found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _mobile(name: str) -> str:
    bare = re.sub(r"[\s().-]", "", name)
    if not re.fullmatch(r"\+?[0-9]{6,20}", bare):
        return words(name, 100)
    return re.sub(r"^(\+86|0086)", "", bare)
