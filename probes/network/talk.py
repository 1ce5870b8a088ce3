"""What two sides say to each other line by line, read within limits."""

from __future__ import annotations

from typing import Final

from probes.api import ProbeFailed
from probes.network.connection import Connection
from probes.sample import ErrorClass

LINE_BYTES: Final = 4096
LINES: Final = 100


class Talk:
    """A conversation over an open connection. `name` is what messages call the other side."""

    __slots__ = ("_left", "connection", "name")

    def __init__(self, connection: Connection) -> None:
        """Nothing has been said."""
        self.connection = connection
        self.name = connection.name
        self._left = b""

    @property
    def rest(self) -> bytes:
        """What has arrived and nobody has read yet."""
        return self._left

    async def send(self, data: bytes) -> None:
        """Say something. Raises ProbeFailed(PROTOCOL)."""
        await self.connection.send(data)

    async def line(self) -> bytes:
        """Return the next line without its end. Raises ProbeFailed(PROTOCOL) when there is none, or no end to it."""
        while b"\n" not in self._left:
            if len(self._left) >= LINE_BYTES:
                raise self.failed(f"a line is longer than {LINE_BYTES} bytes")
            await self.more()
        line, _, self._left = self._left.partition(b"\n")
        if len(line) > LINE_BYTES:
            raise self.failed(f"a line is longer than {LINE_BYTES} bytes")
        return line.removesuffix(b"\r")

    async def byte(self) -> bytes:
        """Return the next byte."""
        while not self._left:
            await self.more()
        first, self._left = self._left[:1], self._left[1:]
        return first

    async def more(self) -> None:
        """Wait until more has arrived."""
        data = await self.connection.receive()
        if not data:
            raise self.failed("it closed the connection")
        self._left += data

    def take(self) -> bytes:
        """Return all that has arrived and nobody has read yet."""
        taken, self._left = self._left, b""
        return taken

    def failed(self, cause: str) -> ProbeFailed:
        """Return the failure to be raised."""
        return ProbeFailed(ErrorClass.PROTOCOL, f"cannot talk to {self.name}: {cause}")


def printable(text: bytes, characters: int) -> str:
    """Return what another side has said in a form that is safe to show, cut to a length."""
    shown = text[: 4 * characters].decode("utf-8", "replace")[:characters]
    return "".join(sign if sign.isprintable() else " " for sign in shown)
