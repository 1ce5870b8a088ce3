"""One idle connection, kept from one run of a check to the next.

It lies in the check's memory: with the check it goes, and closes. Before that it closes when it has been idle for
too long, or when the other side says or does anything at all.
"""

from __future__ import annotations

import asyncio
import enum
from functools import partial
from typing import Any, Final, Self
from weakref import ReferenceType, ref

from probes.network.certificate import Agreed, agreed
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

    __slots__ = ("__weakref__", "_connection", "_timer", "address", "agreed", "origin")

    def __init__(self, connection: Connection, origin: str, address: Address, agreed: Agreed | None) -> None:
        """Watch over a connection that nobody uses now; `agreed` is what its handshake over TLS came to."""
        self._connection: Connection | None = connection
        self.origin = origin
        self.address = address
        self.agreed = agreed
        SPARE.kept += 1
        # Neither the loop nor the poller may hold on to this: it has to go with the check's memory.
        this = ref(self)
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, _expire, this)
        connection.when_stirred(partial(_stir, this))
        self.stir()  # what has come already rings no bell any more

    def __del__(self) -> None:
        """Go with the check's memory: a socket that is merely forgotten would stay known to the poller."""
        self.close()

    @property
    def open(self) -> bool:
        """Say whether it is still there to be taken."""
        return self._connection is not None

    def take(self) -> Connection | None:
        """Return the connection, to be used and closed by whoever takes it; None when it has ended."""
        connection = self._let_go()
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
        connection = self._let_go()
        if connection is not None:
            connection.close()

    def _let_go(self) -> Connection | None:
        """Return what was kept, and count it no more."""
        self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            SPARE.kept -= 1
        return connection


class Lease:
    """The use of a connection: closes it at the end of a `with` block unless it was left to the next run."""

    __slots__ = ("_left", "address", "agreed", "connection", "origin")

    def __init__(
        self, connection: Connection, origin: str, address: Address, agreed: Agreed | None = None
    ) -> None:
        """Take over the connection; `agreed` where hands were shaken over TLS before."""
        self.connection = connection
        self.origin = origin
        self.address = address
        self.agreed = agreed
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
        secured = self.connection.secured
        if self.agreed is None and secured is not None:
            self.agreed = agreed(secured)
        memory[slot] = Kept(self.connection, self.origin, self.address, self.agreed)


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


def _expire(this: ReferenceType[Kept]) -> None:
    kept = this()
    if kept is not None:
        kept.close()


def _stir(this: ReferenceType[Kept]) -> None:
    kept = this()
    if kept is not None:
        kept.stir()
