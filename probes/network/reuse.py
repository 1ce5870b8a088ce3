"""One idle connection, kept from one run of a check to the next.

It lies in the check's memory: with the check it goes, and closes. Before that it closes when it has been idle for
too long, or when the other side says or does anything at all.
"""

from __future__ import annotations

import asyncio
import enum
from functools import partial
from typing import Any, Final, Self
from weakref import ReferenceType, finalize, ref

from probes.network.connection import Address, Connection
from probes.network.http1 import Answer
from probes.network.spare import SPARE

IDLE_SECONDS: Final = 60.0
"""For so long an unused connection is kept: about as long as most servers do."""


class Use(enum.Enum):
    """Which connection a run asks over."""

    FRESH = "fresh"
    REUSE = "reuse"


class Kept:
    """An idle connection and whom it leads to. Closes it unless somebody has taken it."""

    __slots__ = ("__weakref__", "_close", "_connection", "_timer", "address", "origin")

    def __init__(self, connection: Connection, origin: str, address: Address) -> None:
        """Watch over a connection that nobody uses now."""
        self._connection: Connection | None = connection
        self.origin = origin
        self.address = address
        # Holds the connection too: were both garbage at once, the socket might go first, unknown to the poller.
        SPARE.kept += 1
        self._close = finalize(self, _let_go, connection)
        # Neither the loop nor the poller may hold on to this: it has to go with the check's memory.
        this = ref(self)
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, _expire, this)
        connection.when_stirred(partial(_stir, this))
        self.stir()  # what has come already rings no bell any more

    @property
    def open(self) -> bool:
        """Say whether it is still there to be taken."""
        return self._connection is not None

    def take(self) -> Connection | None:
        """Return the connection, to be used and closed by whoever takes it; None when it has ended."""
        connection, self._connection = self._connection, None
        self._timer.cancel()
        if self._close.detach() is not None:
            SPARE.kept -= 1
        if connection is None:
            return None
        connection.when_stirred(None)
        if connection.idle:
            return connection
        connection.close()
        return None

    def stir(self) -> None:
        """Something has come over the idle connection: close it, unless it is mere housekeeping of TLS."""
        connection = self._connection
        if connection is None:
            return
        if connection.idle:
            connection.when_stirred(partial(_stir, ref(self)))
        else:
            self.close()

    def close(self) -> None:
        """Close what nobody has taken."""
        self._timer.cancel()
        self._connection = None
        self._close()


class Lease:
    """The use of a connection: closes it at the end of a `with` block unless it was left to the next run."""

    __slots__ = ("_left", "address", "connection", "origin")

    def __init__(self, connection: Connection, origin: str, address: Address) -> None:
        """Take over the connection."""
        self.connection = connection
        self.origin = origin
        self.address = address
        self._left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._left:
            self.connection.close()

    def leave(self, memory: dict[str, Any], slot: str) -> None:
        """Keep it in the check's memory, where there is room for one more."""
        if SPARE.kept >= SPARE.connections:
            return
        self._left = True
        memory[slot] = Kept(self.connection, self.origin, self.address)


def persists(answer: Answer, method: str) -> bool:
    """Say whether the connection an answer came over can be asked again: all of it was read, and no end announced."""
    if not answer.whole or answer.status == 101:
        return False
    announced = {word.strip().lower() for word in (answer.header("connection") or "").split(",")}
    if "close" in announced or (answer.version < 1.1 and "keep-alive" not in announced):
        return False
    return (
        method == "HEAD"
        or answer.status in {204, 304}
        or answer.header("content-length") is not None
        or (answer.header("transfer-encoding") or "").lower().endswith("chunked")
    )


def _let_go(connection: Connection) -> None:
    SPARE.kept -= 1
    connection.close()


def _expire(this: ReferenceType[Kept]) -> None:
    kept = this()
    if kept is not None:
        kept.close()


def _stir(this: ReferenceType[Kept]) -> None:
    kept = this()
    if kept is not None:
        kept.stir()
