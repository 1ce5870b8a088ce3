"""Names within a message: compressed, in any letter case, and from strangers."""

from __future__ import annotations

from typing import Final

from probes.network.names.question import LABEL_BYTES, NAME_BYTES, PLAIN

_HOPS: Final = 32


class Malformed(Exception):  # noqa: N818 - says what an answer is
    """What came is no DNS message, or one that holds more than it may."""


class Reader:
    """Reads the names in one message."""

    __slots__ = ("_bytes", "_known")

    def __init__(self, data: bytes) -> None:
        """Begin with no name known."""
        self._bytes = data
        self._known: dict[int, tuple[str, int]] = {}
        """By where they begin, names others have pointed at, and their length in bytes."""

    def know(self, at: int, name: str, length: int) -> None:
        """Take it from others which name begins at `at`, of so many bytes without the final one."""
        self._known[at] = name, length

    def name(self, at: int) -> tuple[str, int]:
        """Return the name that begins at `at`, in lower case without a final dot, and where what follows begins.

        A pointer must lead to before the part it ends: so every name comes to an end. Raises Malformed.
        """
        labels, length, at, target = self._labels(at)
        if target is not None:
            rest, more = self._pointed_at(target)
            length += more
            if rest:
                labels.append(rest)
        if length >= NAME_BYTES:
            raise Malformed("a name is longer than it may be")
        return ".".join(labels), at

    def _pointed_at(self, target: int) -> tuple[str, int]:
        known = self._known.get(target)
        if known is None:
            labels, length, at = list[str](), 0, target
            for _ in range(_HOPS):
                some, more, _, following = self._labels(at)
                labels += some
                length += more
                if following is None:
                    break
                at = following
            else:
                raise Malformed("a name points on and on")
            known = self._known[target] = ".".join(labels), length
        return known

    def _labels(self, at: int) -> tuple[list[str], int, int, int | None]:
        """Return the labels from `at` on, how many bytes they are, what follows, and the pointer that ends them."""
        data, labels, length, began = self._bytes, list[str](), 0, at
        while True:
            if at >= len(data):
                raise Malformed("it ends within a name")
            size = data[at]
            if size == 0:
                return labels, length, at + 1, None
            if size >= 0xC0 and at + 1 < len(data):
                target = (size & 0x3F) << 8 | data[at + 1]
                if target >= began:
                    raise Malformed("a name points at itself or onward")
                return labels, length, at + 2, target
            label = data[at + 1 : at + 1 + size]
            length += size + 1
            if size > LABEL_BYTES or len(label) < size or length >= NAME_BYTES:
                raise Malformed("a name holds a label that does not exist or is longer than it may be")
            labels.append(_show_label(label))
            at += size + 1


def _show_label(label: bytes) -> str:
    text = label.decode("latin-1")
    if PLAIN.fullmatch(text):
        return text.lower()
    return "".join(
        chr(sign).lower() if 33 <= sign < 127 and sign not in b".\\" else f"\\{sign:03d}" for sign in label
    )
