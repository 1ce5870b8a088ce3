"""The body of an answer as people mean it: unpacked and decoded, within limits."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from probes.api import ProbeFailed
from probes.network.http1 import BODY_BYTES, Answer
from probes.sample import ErrorClass

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_KNOWN: Final = _GZIP | {"deflate", "br"}
_LAYERS: Final = 2
_MEMBERS: Final = 100
_PIECE_BYTES: Final = 1024
# Text shrinks to a tenth, at best a fiftieth. What shrinks more than this was made to hurt who unpacks it.
_BOMB_RATIO: Final = 200
# Those in use on the web. Python knows more, some of which (punycode, idna) take for ever on a megabyte.
_CHARSET: Final = re.compile(
    r"""charset\s*=\s*["']?(utf-?8|utf-?(?:16|32)(?:[lb]e)?|(?:us-)?ascii|iso-?8859-\d{1,2}|latin-?1|(?:windows|cp)-?125\d"""
    r"""|gbk|gb2312|gb18030|big5(?:-hkscs)?|euc-(?:jp|kr)|shift[_-]jis|koi8-[ru])(?![\w-])""",
    re.IGNORECASE | re.ASCII,
)


def unpack(answer: Answer, name: str) -> tuple[bytes, bool]:
    """Return the body without its content encoding, and whether that is all of it.

    Raises ProbeFailed(BODY) when it is not what its encoding claims, or packed to hurt.
    """
    body, whole = answer.body, answer.whole
    named = answer.header("content-encoding") if body else None
    if named is None:
        return body, whole
    encodings = [word.strip().lower() for word in named.split(",")]
    encodings = [word for word in encodings if word not in {"", "identity"}]
    if len(encodings) > _LAYERS or not _KNOWN.issuperset(encodings):
        raise _failed(name, f"encoding {', '.join(encodings)[:60]!r} was not asked for")
    for encoding in reversed(encodings):
        try:
            unpacked, finished, used = _unpackers.get(encoding, _gunzip)(body)
        except ValueError as failure:
            raise _failed(name, f"it is not {encoding}, as it claims") from failure
        if whole and not finished and len(unpacked) < BODY_BYTES:
            raise _failed(name, f"its {encoding} data ends too early")
        if len(unpacked) >= BODY_BYTES and len(unpacked) > _BOMB_RATIO * used:
            raise _failed(name, f"it unpacks to more than {_BOMB_RATIO} times its size")
        body, whole = unpacked, whole and finished
    return body, whole


def decode(answer: Answer, body: bytes) -> str:
    """Return the body as text by its declared charset, else UTF-8; what does not fit is replaced.

    A byte order mark in front is nobody's text.
    """
    try:
        text = body.decode(_charset(answer), "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def contains(answer: Answer, body: bytes, text: str) -> bool:
    """Say whether the body holds `text`, in UTF-8 or in its declared charset."""
    return text.encode("utf-8", "replace") in body or (
        _charset(answer) != "utf-8" and text in decode(answer, body)
    )


def _charset(answer: Answer) -> str:
    match = _CHARSET.search(answer.header("content-type") or "")
    return match[1].lower() if match else "utf-8"


# Each returns at most `BODY_BYTES` of unpacked data, whether that is all to a proper end, and the bytes it took.
# They raise ValueError for what is not packed that way.


def _gunzip(data: bytes) -> tuple[bytes, bool, int]:
    unpacked, left = bytearray(), data
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            unpacked += member.decompress(left, BODY_BYTES - len(unpacked))
        except zlib.error as failure:
            raise ValueError(str(failure)) from failure
        left = member.unused_data or member.unconsumed_tail
        if not member.eof or len(unpacked) >= BODY_BYTES:
            return bytes(unpacked), member.eof and not left, len(data) - len(left)
        if not left.strip(b"\0"):  # padding is allowed
            return bytes(unpacked), True, len(data)
    raise ValueError("too many members")


def _inflate(data: bytes) -> tuple[bytes, bool, int]:
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):  # some servers send raw deflate under that name
        stream = zlib.decompressobj(bits)
        try:
            unpacked = stream.decompress(data, BODY_BYTES)
        except zlib.error:
            continue
        return unpacked, stream.eof, len(data) - len(stream.unused_data or stream.unconsumed_tail)
    raise ValueError("neither with a header nor without")


def _unbrotli(data: bytes) -> tuple[bytes, bool, int]:
    import brotli  # few checks meet it

    unpacked, stream, used = bytearray(), brotli.Decompressor(), 0
    try:
        # Bit by bit: the library does not tell how much it has used of what it was given.
        while len(unpacked) < BODY_BYTES and not stream.is_finished():
            piece = b""
            if stream.can_accept_more_data():
                piece = data[used : used + _PIECE_BYTES]
                if not piece:
                    break
                used += len(piece)
            unpacked += stream.process(piece, output_buffer_limit=BODY_BYTES - len(unpacked))
    except brotli.error as failure:
        raise ValueError(str(failure)) from failure
    return bytes(unpacked[:BODY_BYTES]), stream.is_finished() and used == len(data), used


_unpackers: Final[Mapping[str, Callable[[bytes], tuple[bytes, bool, int]]]] = {
    "deflate": _inflate,
    "br": _unbrotli,
}


def _failed(name: str, cause: str) -> ProbeFailed:
    return ProbeFailed(ErrorClass.BODY, f"cannot read the body of {name}: {cause}")
