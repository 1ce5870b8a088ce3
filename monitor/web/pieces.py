"""A large body in pieces, each let go once it is sent: together with the whole it would be there twice."""

from __future__ import annotations

from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from monitor.memory import give_back

AT_ONCE: Final = 128 * 1024
"""Bytes handed on together: a call for each small piece costs more than putting some of them together."""
LARGE: Final = 4 * 1024 * 1024
"""After so many bytes the room they took goes back to the system, which takes some milliseconds."""


class Pieces(Payload):
    """The body of one answer, sent once and in order."""

    def __init__(self, pieces: list[bytes]) -> None:
        """Take over `pieces`, which is empty in the end."""
        super().__init__(pieces)
        self._size = sum(map(len, pieces))
        pieces.reverse()
        self._left = pieces

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return what is not sent yet."""
        return b"".join(reversed(self._left)).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it, as fast as it is taken."""
        while self._left:
            some, size = [], 0
            while self._left and size < AT_ONCE:
                some.append(self._left.pop())
                size += len(some[-1])
            await writer.write(b"".join(some))
        if self._size is not None and self._size >= LARGE:
            del some  # the last of them
            give_back()
