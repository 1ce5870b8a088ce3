"""What is asked of a name server, as bytes."""

from __future__ import annotations

import enum
import re
import struct
from dataclasses import dataclass, field
from typing import Final

EDNS_BYTES: Final = 1232
"""Size of answers we offer to take over UDP: it fits unfragmented through any path."""
HEADER: Final = struct.Struct("!HHHHHH")
FIXED: Final = struct.Struct("!HHIH")
"""What stands between the name of a record and its data: type, class, time to live, length."""
INTERNET: Final = 1
OPT: Final = 41
NAME_BYTES: Final = 255
LABEL_BYTES: Final = 63
_DESIRED: Final = 0x0100
_EDNS: Final = b"\0" + FIXED.pack(OPT, EDNS_BYTES, 0, 0)
PLAIN: Final = re.compile(r"[!-\-/-\[\]-~]+")


class Type(enum.Enum):
    """Types of records that can be asked for."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    TXT = "TXT"
    NS = "NS"
    SOA = "SOA"
    SRV = "SRV"
    PTR = "PTR"
    CAA = "CAA"


NUMBERS: Final = {
    Type.A: 1, Type.NS: 2, Type.CNAME: 5, Type.SOA: 6, Type.PTR: 12, Type.MX: 15, Type.TXT: 16, Type.AAAA: 28,
    Type.SRV: 33, Type.CAA: 257,
}  # fmt: skip
TYPES: Final = {number: kind for kind, number in NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: a name in lower case without its final dot (the root is empty), and a type."""

    name: str
    kind: Type
    wire: bytes = field(init=False, repr=False, compare=False)
    """As it stands in a message, by which the answer is recognised."""

    def __post_init__(self) -> None:
        """Write it once. Raises ValueError for what is no name."""
        name = self.name.removesuffix(".").lower()
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "wire", _write_name(name) + struct.pack("!HH", NUMBERS[self.kind], INTERNET))

    def query(self, number: int, *, recursion: bool = True, edns: bool = True) -> bytes:
        """Return the message that asks this under the id `number`."""
        head = HEADER.pack(number, _DESIRED if recursion else 0, 1, 0, 0, int(edns))
        return head + self.wire + _EDNS if edns else head + self.wire

    def answered_by(self, data: bytes) -> bool:
        """Say whether a message repeats this question, or is an error of a server that did not read so far."""
        if len(data) < HEADER.size or not data[2] & 0x80:
            return False
        if data[4:6] == b"\0\0":
            return data[3] & 0x0F != 0
        return data[12 : 12 + len(self.wire)].lower() == self.wire.lower()


def _write_name(name: str) -> bytes:
    """Return a name as labels. Raises ValueError that says why it is none."""
    if not name:
        return b"\0"
    written = bytearray()
    for label in name.split("."):
        if not PLAIN.fullmatch(label) or len(label) > LABEL_BYTES:
            raise ValueError(f"{name[:60]!r} is no name: each part has from 1 to 63 plain characters")
        written.append(len(label))
        written += label.encode()
    if len(written) >= NAME_BYTES:
        raise ValueError(f"{name[:60]!r} is no name: it is too long")
    return bytes(written) + b"\0"
