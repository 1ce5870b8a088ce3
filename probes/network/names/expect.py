"""What the answer of a name server has to be like to count as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from probes.api import ProbeFailed
from probes.network.names.message import RCODES, Message, Record, rcode_word
from probes.network.pattern import Patience, compile_pattern, search
from probes.sample import ErrorClass

_TEXT_CHARACTERS: Final = 1000
_COUNT_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What an answer has to be like; all of it must hold. Records are those of the name and type asked for.

    rcode: expected response code, or a list of them (default NOERROR)
    contains: text that the data of a record must contain, like 203.0.113.10; names are in lower case
    matches: regular expression that must match somewhere in the data of a record
    lacks: text that no record may contain
    count_at_least: smallest number of records (default 1, unless the response code is another than NOERROR)
    count_at_most: largest number of records
    authoritative: whether the server must speak for the zone itself
    """

    rcode: str | tuple[str, ...] = "NOERROR"
    contains: str | None = None
    matches: str | None = None
    lacks: str | None = None
    count_at_least: int | None = None
    count_at_most: int | None = None
    authoritative: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what no answer could fulfil."""
        object.__setattr__(self, "rcode", (self.rcode,) if isinstance(self.rcode, str) else self.rcode)
        if not self.rcode:
            raise ValueError("expect.rcode must name at least one response code")
        for word in self.rcode:
            if word not in RCODES:
                raise ValueError(f"expect.rcode must be a code like NOERROR or NXDOMAIN, not {word[:20]!r}")
        for name in ("contains", "lacks"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text) <= _TEXT_CHARACTERS:
                raise ValueError(f"expect.{name} must be from 1 to {_TEXT_CHARACTERS} characters long")
        if self.matches is not None:
            compile_pattern(self.matches)
        for name in ("count_at_least", "count_at_most"):
            count = getattr(self, name)
            if count is not None and not 0 <= count <= _COUNT_MOST:
                raise ValueError(f"expect.{name} must be from 0 to {_COUNT_MOST}")
        if (self.count_at_least or 0) > (_COUNT_MOST if self.count_at_most is None else self.count_at_most):
            raise ValueError("expect.count_at_least must not be more than count_at_most")

    def judge(self, message: Message, records: tuple[Record, ...], name: str, asked: str) -> None:
        """Raise ProbeFailed naming the first thing that is not as expected: STATUS for the code, else ASSERTION."""
        word = rcode_word(message.rcode)
        if word not in self.rcode:
            raise ProbeFailed(
                ErrorClass.STATUS, f"{name} answers {word} for {asked}, expected {' or '.join(self.rcode)}"
            )
        if self.authoritative is not None and message.authoritative is not self.authoritative:
            has = (
                "speaks for the zone itself"
                if message.authoritative
                else "does not speak for the zone itself"
            )
            raise _failed(f"{name} {has} with its answer for {asked}")
        least = self.count_at_least if self.count_at_least is not None else int(message.rcode == 0)
        most = _COUNT_MOST if self.count_at_most is None else self.count_at_most
        if not least <= len(records) <= most:
            wanted = f"at least {least}" if len(records) < least else f"at most {most}"
            counted = "1 record" if len(records) == 1 else f"{len(records)} records"
            raise _failed(f"{name} answers with {counted} for {asked}, expected {wanted}")
        if self.contains is not None and not any(self.contains in record.data for record in records):
            raise _failed(f"{self.contains[:80]!r} is in no record for {asked} of {name}")
        if self.lacks is not None and any(self.lacks in record.data for record in records):
            raise _failed(f"{self.lacks[:80]!r} is in a record for {asked} of {name}")
        if self.matches is not None and not _matches(self.matches, records):
            raise _failed(f"{self.matches[:80]!r} matches no record for {asked} of {name}")


def _matches(text: str, records: tuple[Record, ...]) -> bool:
    return search(text, "\n".join(record.data for record in records), "matches", Patience())


def _failed(message: str) -> ProbeFailed:
    return ProbeFailed(ErrorClass.ASSERTION, message)
