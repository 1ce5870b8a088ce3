"""A text as short messages: in which alphabet, cut where, and how the parts find together again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

GSM: Final = 0
"""`data_coding` of the centre's default alphabet, GSM 03.38: one character per byte, a few take two."""
UCS2: Final = 8
"""`data_coding` of UTF-16, big end first: Chinese and whatever else."""

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_ESCAPE: Final = 0x1B

CODES: Final[Mapping[str, bytes]] = {
    **{character: bytes((code,)) for code, character in enumerate(_BASIC) if code != _ESCAPE},
    **{character: bytes((_ESCAPE, code)) for character, code in _EXTENSION.items()},
}
"""GSM 03.38 with its extension table."""

_PLAINER: Final = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "→": "->",
        "\xa0": " ",
        "\t": " ",
    }
)
"""What one character of which would cost half of the room, though nobody misses it."""
_UNSENDABLE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes that one message alone holds, and one of several, which has a header to carry."""

    alone: int
    shared: int


ROOM: Final[Mapping[int, Room]] = {GSM: Room(alone=160, shared=153), UCS2: Room(alone=140, shared=134)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A text ready to leave: the bytes of each part, without the header that joins them."""

    coding: int
    parts: tuple[bytes, ...]

    def reference(self, key: str) -> int:
        """Return the number (16 bits) by which a phone knows the parts of one message.

        The same for every try of the same words, so that what a phone has of an earlier try is completed; another
        one for other words under the same key, so that two texts never mix.
        """
        content = b"\0".join((key.encode("utf-8", "replace"), *self.parts))
        return int.from_bytes(hashlib.sha256(content).digest()[:2], "big")


def split(text: str, *, most: int, ucs2: bool = False) -> Parts:
    """Return `text` in at most `most` parts; what does not fit is cut off with an ellipsis.

    GSM's alphabet where every character has a place in it, unless `ucs2`. No character is torn in two.
    """
    text = tidy(text)
    plain = text.translate(_PLAINER)
    if not ucs2 and all(character in CODES for character in plain):
        coding, codes, dots = GSM, [CODES[character] for character in plain], [b"."] * 3
    else:
        coding, codes, dots = UCS2, [_utf16(character) for character in text], [_utf16("…")]
    room = ROOM[coding]
    if sum(map(len, codes)) <= room.alone:
        return Parts(coding=coding, parts=(b"".join(codes),))
    longest = room.alone if most == 1 else room.shared
    parts = _fill(codes, longest)
    if len(parts) > most:
        parts = parts[:most]
        last = parts[-1]
        while sum(map(len, last)) + sum(map(len, dots)) > longest:
            last.pop()
        last += dots
    return Parts(coding=coding, parts=tuple(b"".join(part) for part in parts))


def tidy(text: str) -> str:
    """Return `text` with plain line ends and nothing that a phone cannot show."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _UNSENDABLE.sub("", text).encode("utf-16", "replace").decode("utf-16")


def _utf16(character: str) -> bytes:
    return character.encode("utf-16-be")


def _fill(codes: Sequence[bytes], longest: int) -> list[list[bytes]]:
    parts: list[list[bytes]] = [[]]
    used = 0
    for code in codes:
        if used + len(code) > longest:
            parts.append([])
            used = 0
        parts[-1].append(code)
        used += len(code)
    return parts
