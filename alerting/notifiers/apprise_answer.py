"""What the sending process tells, judged: Apprise itself knows only success and failure, the rest is in its log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError
from alerting.notifiers.reach import hide, words
from alerting.notifiers.status import of_status

_STATUS: Final = re.compile(r"error=(\d{3,6})\b")
_MAIL_REPLY: Final = re.compile(r"\(([1-5]\d\d), b['\"](.{0,200})")
_BODY: Final = re.compile(r"Response Details:\s*(?:b?['\"])?(.*)", re.DOTALL)

SIGNS: Final[Sequence[tuple[str, Reason, str]]] = (
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", Reason.TLS, "certificate refused"),
    (r"STARTTLS extension not supported", Reason.TLS, "the server offers no STARTTLS"),
    (r"SSLError|SSLEOFError|\[SSL", Reason.TLS, "TLS failed"),
    (r"AUTH extension not supported|No suitable authentication", Reason.AUTH, "the server offers no login"),
    (r"NameResolution|getaddrinfo|Name or service|name resolution", Reason.CONNECT, "cannot look up the name"),
    (r"Connection refused", Reason.CONNECT, "connection refused"),
    (r"unreachable", Reason.CONNECT, "network is unreachable"),
    (r"[Tt]imed? ?out", Reason.TIMEOUT, "no answer in time"),
    (r"[Aa]borted|Disconnected|reset by peer|unexpectedly closed|Broken pipe", Reason.CONNECT, "connection closed"),
)  # fmt: skip
"""Words of the libraries below Apprise, the first that is found counts."""

PROVIDER_CODES: Final[Sequence[tuple[range, Reason, bool]]] = (
    (range(20003, 20004), Reason.AUTH, False),
    (range(20429, 20430), Reason.RATE_LIMIT, True),
    (range(21000, 22000), Reason.REFUSED, False),
)
"""Twilio's own numbers, which stand where others print the HTTP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The sending process's account of one attempt."""

    done: str
    lines: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, told: Mapping[str, object]) -> Answer:
        """Return the account in a line of JSON; whatever is not as agreed counts as a crash."""
        lines = told.get("lines")
        pairs = lines if isinstance(lines, list) else []
        return cls(
            done=str(told.get("done")),
            lines=tuple(
                (str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2
            ),
        )

    def judge(self, *, url: str, sent: bool) -> Accepted:
        """Return that the provider took it, or raise DeliveryError. `url` names what must not be repeated."""
        scheme = words(url.partition("://")[0], 20)
        if self.done == "success":
            return Accepted(detail=f"taken by {scheme}")
        told = "\n".join(text for _, text in self.lines)
        if self.done == "unknown":  # it would be sent all the same
            raise DeliveryError(
                f"option {words(told, 4)} after the ? of the URL is not known",
                reason=Reason.CONFIG,
                retry=False,
            )
        reason, retry, why = self._cause(told)
        known = _STATUS.search(told) or _MAIL_REPLY.search(told)
        raise DeliveryError(
            f"cannot send by {scheme}: {hide(words(why), url)}",
            reason=reason,
            retry=retry,
            ambiguous=sent and not known,
        )

    def _cause(self, told: str) -> tuple[Reason, bool, str]:
        if self.done == "config":
            # What the plugin says is left out: some print the very token they find invalid.
            return Reason.CONFIG, False, "Apprise takes the URL or the address for invalid"
        if self.done != "failure":
            return Reason.INTERNAL, True, "the plugin crashed: " + told
        if reply := list(_MAIL_REPLY.finditer(told)):
            code, said = int(reply[-1][1]), reply[-1][2].partition("'")[0]
            return *of_mail_reply(code), f"{code} {said}"
        if statuses := _STATUS.findall(told):
            status = int(statuses[-1])
            body = _BODY.search(told)
            return *of_code(status), f"{status} {body[1] if body else ''}".strip().rstrip("'\"")
        for sign, reason, why in SIGNS:
            if re.search(sign, told):
                return reason, True, why
        return Reason.SERVER, True, "the service reports a failure without a reason"


def of_code(code: int) -> tuple[Reason, bool]:
    """Judge an HTTP status, or a provider's own number in its place."""
    if code < 600:
        return of_status(code)
    for numbers, reason, retry in PROVIDER_CODES:
        if code in numbers:
            return reason, retry
    return Reason.SERVER, True


def of_mail_reply(code: int) -> tuple[Reason, bool]:
    """Judge an SMTP reply of which the verb is not known."""
    if code in (530, 534, 535, 538):
        return Reason.AUTH, False
    if code < 400:
        return Reason.PROTOCOL, True
    return (Reason.REFUSED, False) if code >= 500 else (Reason.SERVER, True)
