"""What an HTTP answer has to be like to count as good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from probes.api import ProbeFailed
from probes.network.content import contains, decode
from probes.network.http1 import Answer
from probes.network.pattern import SEARCH_SECONDS, TooSlow, compile_pattern, found
from probes.sample import ErrorClass
from probes.units import Seconds, show_seconds

_TEXT_CHARACTERS: Final = 10_000
_CLASS: Final = re.compile(r"[1-5]xx")
_REFUSALS: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What an answer has to be like; all of it must hold.

    status: expected status code, class like 2xx, or a list of them (default 2xx)
    body_contains: text that must be in the body
    body_matches: regular expression that must match somewhere in the body
    body_lacks: text that must not be in the body
    header: headers the answer must have, each with a text its value must contain
    max_seconds: longest time from the look-up of the name to the end of the answer
    """

    status: int | str | tuple[int | str, ...] = "2xx"
    body_contains: str | None = None
    body_matches: str | None = None
    body_lacks: str | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    max_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        """Refuse what no answer could fulfil."""
        object.__setattr__(self, "status", tuple(_as_status(status) for status in self._statuses))
        if not self.status:
            raise ValueError("expect.status must name at least one status")
        for name in ("body_contains", "body_lacks"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text) <= _TEXT_CHARACTERS:
                raise ValueError(f"expect.{name} must be from 1 to {_TEXT_CHARACTERS} characters long")
        if self.body_matches is not None:
            compile_pattern(self.body_matches)
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise ValueError("expect.max_seconds must be longer than nothing")

    @property
    def _statuses(self) -> tuple[int | str, ...]:
        return self.status if isinstance(self.status, tuple) else (self.status,)

    @property
    def needs_body(self) -> bool:
        """True when something is expected of the body."""
        return bool(self.body_contains or self.body_matches or self.body_lacks)

    def allows(self, status: int) -> bool:
        """Say whether `status` is expected."""
        return any(
            status == one or (isinstance(one, str) and status // 100 == int(one[0])) for one in self._statuses
        )

    def judge_status(self, answer: Answer, name: str) -> None:
        """Raise ProbeFailed(STATUS), or AUTH for a refusal, unless the status is expected."""
        if self.allows(answer.status):
            return
        raise ProbeFailed(
            ErrorClass.AUTH if answer.status in _REFUSALS else ErrorClass.STATUS,
            f"{name} answers {answer.status}, expected {' or '.join(map(str, self._statuses))}",
        )

    def judge(self, answer: Answer, body: bytes, *, whole: bool, seconds: float, name: str) -> None:
        """Raise ProbeFailed(ASSERTION) naming the first thing that is not as expected."""
        for header, text in self.header.items():
            value = answer.header(header.lower())
            if value is None:
                raise _failed(f"{name} answers without the header {header}")
            if text not in value:
                raise _failed(f"{name} answers with a header {header} that does not contain {text[:80]!r}")
        within = "the body" if whole else f"the first {len(body)} bytes of the body"
        if self.body_contains is not None and not contains(answer, body, self.body_contains):
            raise _failed(f"{self.body_contains[:80]!r} is not found within {within} of {name}")
        if self.body_lacks is not None and contains(answer, body, self.body_lacks):
            raise _failed(f"{self.body_lacks[:80]!r} is found in the body of {name}")
        if self.body_matches is not None and not self._matches(answer, body):
            raise _failed(f"nothing matches {self.body_matches[:80]!r} within {within} of {name}")
        if self.max_seconds is not None and seconds > self.max_seconds:
            raise _failed(
                f"{name} took {show_seconds(seconds)}, longer than {show_seconds(self.max_seconds)}"
            )

    def _matches(self, answer: Answer, body: bytes) -> bool:
        pattern = compile_pattern(self.body_matches or "")
        try:
            return found(pattern, decode(answer, body))
        except TooSlow as failure:  # our own pattern is at fault: it says nothing about the target
            raise RuntimeError(
                f"cannot judge body_matches {pattern.pattern[:80]!r}: no result after {show_seconds(SEARCH_SECONDS)}"
            ) from failure


def _as_status(status: int | str) -> int | str:
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status[:4])
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return status
    if isinstance(status, str) and _CLASS.fullmatch(status):
        return status
    raise ValueError(f"expect.status must be a code like 200 or a class like 2xx, not {str(status)[:20]!r}")


def _failed(message: str) -> ProbeFailed:
    return ProbeFailed(ErrorClass.ASSERTION, message)
