"""Blocks: what a group of checks saw in some seconds, column by column, compressed.

A block is a byte for the version, then zlib over its sections: for each kind of sample one, with an array per column.
The bytes of an array lie by their significance, all the first ones first: numbers that resemble each other shrink so.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct, error
from typing import Any, Final

VERSION: Final = 1
LEVEL: Final = 1
"""Of zlib: more takes three times as long and saves a tenth."""

_HEAD: Final = Struct("<BIIH")  # kind, shape, rows, columns
_TYPES: Final = frozenset("BHIiqfd")

Column = array  # of numbers of one type
KEYS: Final = {0: "IqB", 1: "IqI", 2: "IqBI"}
"""Types of the columns each kind of section begins with."""
RAW: Final = 0
"""Samples: subject, when it began (ms), code; then the columns of the shape."""
VALUES: Final = 1
"""Rolled up: subject, beginning of the period (ms), how many; then minimum, mean and maximum of each column."""
CODES: Final = 2
"""Rolled up: subject, beginning of the period (ms), code, how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows of one shape. `shape` is 0 where there is none."""

    kind: int
    shape: int
    columns: tuple[Column[Any], ...]


def pack(sections: Iterable[Section]) -> bytes:
    """Write sections as one block."""
    parts: list[bytes] = []
    for section in sections:
        columns = section.columns
        parts.append(_HEAD.pack(section.kind, section.shape, len(columns[0]), len(columns)))
        parts.append("".join(column.typecode for column in columns).encode())
        parts += [_by_significance(column.tobytes(), column.itemsize) for column in columns]
    return bytes((VERSION,)) + zlib.compress(b"".join(parts), LEVEL)


def unpack(data: bytes) -> list[Section]:
    """Read a block. Raises ValueError for what is none, or of a version we do not know."""
    if data[:1] != bytes((VERSION,)):
        raise ValueError(f"cannot read a block of version {data[:1].hex() or 'none'}")
    try:
        return list(_sections(zlib.decompress(data[1:])))
    except (zlib.error, error, UnicodeDecodeError) as err:
        raise ValueError(f"cannot read a block: {err}") from err


def _sections(body: bytes) -> Iterable[Section]:
    place = 0
    while place < len(body):
        kind, shape, rows, width = _HEAD.unpack_from(body, place)
        place += _HEAD.size
        types = body[place : place + width].decode("ascii")
        place += width
        if len(types) < width or not _TYPES.issuperset(types) or not types.startswith(KEYS.get(kind, "?")):
            raise ValueError("cannot read a block: its columns are of no known type")
        columns = []
        for type_ in types:
            column: Column[Any] = array(type_)
            size = rows * column.itemsize
            column.frombytes(_by_place(body[place : place + size], column.itemsize))
            if len(column) != rows:
                raise ValueError("cannot read a block: it ends too early")
            columns.append(column)
            place += size
        yield Section(kind=kind, shape=shape, columns=tuple(columns))


def narrowed(column: Column[float]) -> Column[float]:
    """Return numbers in half the room where nothing is lost by it."""
    narrow = array("f", column)
    return narrow if narrow.tolist() == column.tolist() else column


def _by_significance(raw: bytes, size: int) -> bytes:
    return raw if size == 1 else b"".join([raw[first::size] for first in range(size)])


def _by_place(raw: bytes, size: int) -> bytes:
    if size == 1 or len(raw) % size:
        return raw
    rows, whole = len(raw) // size, bytearray(len(raw))
    for first in range(size):
        whole[first::size] = raw[first * rows : (first + 1) * rows]
    return bytes(whole)
