"""An answer of a name server, read out of its bytes within strict bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from probes.network.names.question import FIXED, HEADER, INTERNET, NUMBERS, OPT, TYPES, Question, Type
from probes.network.names.reader import Malformed, Reader
from probes.network.names.records import show

RECORDS: Final = 1000
"""Records in one message; what has more was made to keep us busy."""
_TTL_MOST: Final = 2**31 - 1
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _AVAILABLE = 0x8000, 0x0400, 0x0200, 0x0080

RCODES: Final = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
)  # fmt: skip


def rcode_word(number: int) -> str:
    """Return the name of a response code, or its number where it has none."""
    return RCODES[number] if number < len(RCODES) else f"RCODE{number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record. Names are in lower case without a final dot, `data` reads as zone files have it."""

    name: str
    number: int
    ttl: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An answer. OPT is not among the records: it belongs to the way, not to what was asked."""

    number: int
    rcode: int
    authoritative: bool
    truncated: bool
    recursion_available: bool
    edns: bool
    answers: tuple[Record, ...]
    authorities: tuple[Record, ...]
    additionals: tuple[Record, ...]

    def about(self, question: Question) -> tuple[tuple[Record, ...], int | None]:
        """Return the records asked for, aliases followed, and how long all that led there holds; None without any.

        Records of other names do not count. Raises Malformed when the aliases go in circles.
        """
        wanted, name, ttl = NUMBERS[question.kind], question.name, _TTL_MOST
        aliases = {record.name: record for record in self.answers if record.number == NUMBERS[Type.CNAME]}
        seen = {name}
        while question.kind is not Type.CNAME and (alias := aliases.get(name)) is not None:
            name, ttl = alias.data, min(ttl, alias.ttl)
            if name in seen:
                raise Malformed("its aliases go in circles")
            seen.add(name)
        found = tuple(record for record in self.answers if record.number == wanted and record.name == name)
        if not found:
            return (), None
        return found, min(ttl, *(record.ttl for record in found))


def is_truncated(data: bytes) -> bool:
    """Say whether a message was cut to fit; the whole is to be had over TCP."""
    return len(data) >= HEADER.size and bool(data[2] & 0x02)


def read(data: bytes, question: Question | None = None) -> Message:
    """Read an answer. Raises Malformed, and nothing else, whatever the bytes are.

    Where the question that it repeats is given, its name is not read again each time it occurs.
    """
    if len(data) < HEADER.size:
        raise Malformed("it is shorter than its header")
    number, flags, questions, *counts = HEADER.unpack_from(data)
    if not flags & _RESPONSE:
        raise Malformed("it is a question, not an answer")
    if questions > 1:
        raise Malformed(f"it holds {questions} questions")
    if sum(counts) > RECORDS:
        raise Malformed(f"it holds more than {RECORDS} records")
    reader = Reader(data)
    at = HEADER.size
    if question is not None and questions and question.answered_by(data):
        at += len(question.wire)
        reader.know(HEADER.size, question.name, len(question.wire) - 5)
    elif questions:
        at = reader.name(at)[1] + 4
    rcode, edns = flags & 0x0F, False
    sections: list[tuple[Record, ...]] = []
    for count in counts:
        records = []
        for _ in range(count):
            name, at = reader.name(at)
            if at + FIXED.size > len(data):
                raise Malformed("it ends within a record")
            kind, kind_class, ttl, length = FIXED.unpack_from(data, at)
            at += FIXED.size
            if at + length > len(data):
                raise Malformed("it ends within a record")
            if kind == OPT:
                edns, rcode = True, rcode | ttl >> 24 << 4
            elif kind_class == INTERNET:
                known = TYPES.get(kind)
                text = "" if known is None else show(reader, known, data[at : at + length], at)
                records.append(Record(name, kind, ttl if ttl <= _TTL_MOST else 0, text))
            at += length
        sections.append(tuple(records))
    return Message(
        number=number,
        rcode=rcode,
        authoritative=bool(flags & _AUTHORITATIVE),
        truncated=bool(flags & _TRUNCATED),
        recursion_available=bool(flags & _AVAILABLE),
        edns=edns,
        answers=sections[0],
        authorities=sections[1],
        additionals=sections[2],
    )
