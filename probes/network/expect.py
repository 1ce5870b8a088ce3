"""What an HTTP answer has to be like to count as good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from probes.api import ProbeFailed
from probes.network.content import contains, decode
from probes.network.http1 import BODY_BYTES, Answer
from probes.network.json_path import JsonExpected, compile_path, find, parse
from probes.network.pattern import Patience, compile_pattern, search
from probes.sample import NOTHING, PHASES, ErrorClass
from probes.units import Bytes, Seconds, Unit, show, show_seconds

NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})
_NO_RULES: Final[Mapping[str, JsonExpected]] = MappingProxyType({})
_TEXT_CHARACTERS: Final = 10_000
_CLASS: Final = re.compile(r"[1-5]xx")
_REFUSALS: Final = frozenset({401, 403, 407})
_PATTERNS: Final = 10
_RULES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What an answer has to be like; all of it must hold.

    status: expected status code, class like 2xx, or a list of them (default 2xx)
    body_contains: text that must be in the body
    body_matches: regular expression that must match somewhere in the body, or a list of them, which all must
    body_lacks: text that must not be in the body
    header: headers the answer must have, each with a text its value must contain
    header_matches: headers the answer must have, each with a regular expression that must match in its value
    json: paths into a JSON body like $.queue.size, each with the value that must be there, or with what it must be:
        equals, below, above, matches (a regular expression), present
    min_bytes: smallest size of the body, unpacked
    max_bytes: largest size of the body, unpacked; below the 1 MiB that is read
    max_seconds: longest time from the look-up of the name to the end of the answer
    phases: longest time of resolve, connect, tls, processing and transfer, each
    """

    status: int | str | tuple[int | str, ...] = "2xx"
    body_contains: str | None = None
    body_matches: str | tuple[str, ...] = ()
    body_lacks: str | None = None
    header: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS)
    header_matches: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS)
    json: Mapping[str, JsonExpected] = field(default_factory=lambda: _NO_RULES)
    min_bytes: Bytes | None = None
    max_bytes: Bytes | None = None
    max_seconds: Seconds | None = None
    phases: Mapping[str, Seconds] = field(default_factory=lambda: NOTHING)
    _allowed: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no answer could fulfil."""
        object.__setattr__(self, "status", tuple(_as_status(status) for status in self._statuses))
        if not self.status:
            raise ValueError("expect.status must name at least one status")
        object.__setattr__(self, "_allowed", _codes(self._statuses))
        for name in ("body_contains", "body_lacks"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text) <= _TEXT_CHARACTERS:
                raise ValueError(f"expect.{name} must be from 1 to {_TEXT_CHARACTERS} characters long")
        if isinstance(self.body_matches, str):
            object.__setattr__(self, "body_matches", (self.body_matches,))
        for name in ("body_matches", "header_matches"):
            patterns = getattr(self, name)
            if len(patterns) > _PATTERNS:
                raise ValueError(f"expect.{name} must not hold more than {_PATTERNS} patterns")
        for pattern in (*self.body_matches, *self.header_matches.values()):
            compile_pattern(pattern)
        self._check_json()
        self._check_limits()
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise ValueError("expect.max_seconds must be longer than nothing")

    def _check_json(self) -> None:
        if len(self.json) > _RULES:
            raise ValueError(f"expect.json must not hold more than {_RULES} paths")
        for path in self.json:
            compile_path(path)

    def _check_limits(self) -> None:
        if self.max_bytes is not None and self.max_bytes >= BODY_BYTES:
            raise ValueError("expect.max_bytes must be less than 1 MiB: no more than that is read")
        if self.min_bytes is not None and self.min_bytes > min(BODY_BYTES, self.max_bytes or BODY_BYTES):
            raise ValueError(
                "expect.min_bytes must be at most 1 MiB and max_bytes: no more than that is read"
            )
        for phase, seconds in self.phases.items():
            if phase not in PHASES or seconds <= 0:
                raise ValueError(f"expect.phases must hold times for some of {', '.join(PHASES)}")

    @property
    def _statuses(self) -> tuple[int | str, ...]:
        return self.status if isinstance(self.status, tuple) else (self.status,)

    @property
    def needs_body(self) -> bool:
        """True when something is expected of the body."""
        return bool(
            self.body_contains
            or self.body_matches
            or self.body_lacks
            or self.json
            or self.min_bytes
            or self.max_bytes is not None
        )

    def allows(self, status: int) -> bool:
        """Say whether `status` is expected."""
        return status in self._allowed

    def judge_status(self, answer: Answer, name: str) -> None:
        """Raise ProbeFailed(STATUS), or AUTH for a refusal, unless the status is expected."""
        if self.allows(answer.status):
            return
        raise ProbeFailed(
            ErrorClass.AUTH if answer.status in _REFUSALS else ErrorClass.STATUS,
            f"{name} answers {answer.status}, expected {' or '.join(map(str, self._statuses))}",
        )

    def judge(
        self,
        answer: Answer,
        body: bytes,
        *,
        whole: bool,
        seconds: float,
        phases: Mapping[str, float],
        name: str,
    ) -> None:
        """Raise ProbeFailed(ASSERTION) naming the first thing that is not as expected; BODY for what is no JSON."""
        patience = Patience()
        if self.header or self.header_matches:
            self._judge_headers(answer, name, patience)
        if self.needs_body:
            self._judge_body(answer, body, whole=whole, name=name, patience=patience)
        if self.max_seconds is not None and seconds > self.max_seconds:
            raise _failed(
                f"{name} took {show_seconds(seconds)}, longer than {show_seconds(self.max_seconds)}"
            )
        for phase, most in self.phases.items():
            if (took := phases.get(phase, 0.0)) > most:
                raise _failed(
                    f"{name} took {show_seconds(took)} for {phase}, longer than {show_seconds(most)}"
                )

    def _judge_headers(self, answer: Answer, name: str, patience: Patience) -> None:
        for header in (*self.header, *self.header_matches):
            if answer.header(header.lower()) is None:
                raise _failed(f"{name} answers without the header {header}")
        for header, text in self.header.items():
            if text not in (answer.header(header.lower()) or ""):
                raise _failed(f"{name} answers with a header {header} that does not contain {text[:80]!r}")
        for header, pattern in self.header_matches.items():
            if not search(pattern, answer.header(header.lower()) or "", "header_matches", patience):
                raise _failed(f"{name} answers with a header {header} that does not match {pattern[:80]!r}")

    def _judge_body(self, answer: Answer, body: bytes, *, whole: bool, name: str, patience: Patience) -> None:
        if self.min_bytes is not None and len(body) < self.min_bytes:
            raise _failed(
                f"{name} answers with {len(body)} bytes, fewer than {show(self.min_bytes, Unit.BYTES)}"
            )
        if self.max_bytes is not None and len(body) > self.max_bytes:
            more = "" if whole else " or more"
            raise _failed(
                f"{name} answers with {len(body)} bytes{more}, more than {show(self.max_bytes, Unit.BYTES)}"
            )
        within = "the body" if whole else f"the first {len(body)} bytes of the body"
        if self.body_contains is not None and not contains(answer, body, self.body_contains):
            raise _failed(f"{self.body_contains[:80]!r} is not found within {within} of {name}")
        if self.body_lacks is not None and contains(answer, body, self.body_lacks):
            raise _failed(f"{self.body_lacks[:80]!r} is found in the body of {name}")
        for pattern in self.body_matches:
            if not search(pattern, decode(answer, body), "body_matches", patience):
                raise _failed(f"nothing matches {pattern[:80]!r} within {within} of {name}")
        if self.json:
            self._judge_json(body, name, patience)

    def _judge_json(self, body: bytes, name: str, patience: Patience) -> None:
        try:
            document = parse(body)
        except ValueError as failure:
            raise ProbeFailed(
                ErrorClass.BODY, f"cannot read the body of {name} as JSON: {failure}"
            ) from failure
        for path, rule in self.json.items():
            there, value = find(document, compile_path(path))
            missing = "is not there" if rule.present else None
            complaint = rule.complaint(value, patience) if there else missing
            if complaint is not None:
                raise _failed(f"{path[:80]} in the body of {name} {complaint}")


def _as_status(status: int | str) -> int | str:
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status[:4])
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return status
    if isinstance(status, str) and _CLASS.fullmatch(status):
        return status
    raise ValueError(f"expect.status must be a code like 200 or a class like 2xx, not {str(status)[:20]!r}")


@lru_cache(maxsize=256)
def _codes(statuses: tuple[int | str, ...]) -> frozenset[int]:
    """Return every code that one of `statuses` stands for; one set for all checks that expect the same."""
    return frozenset(
        code
        for one in statuses
        for code in ((one,) if isinstance(one, int) else range(100 * int(one[0]), 100 * int(one[0]) + 100))
    )


def _failed(message: str) -> ProbeFailed:
    return ProbeFailed(ErrorClass.ASSERTION, message)
