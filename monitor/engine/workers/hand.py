"""One worker process as the daemon sees it: started, told what to do, listened to, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from monitor.engine.workers.wire import REPORT_BYTES, Again, Line, Watch, pack_order

PROGRAM: Final = "monitor.engine.workers.worker"
FAREWELL: Final = 2.0
"""Seconds a worker is given to end by itself once its line is closed, and again after it was killed."""
SURROUNDINGS: Final = (
    "PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "LD_", "MALLOC_", "GLIBC_", "SSL_CERT_", "OPENSSL_",
    "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES",
)  # fmt: skip
"""Beginnings of the names of variables that bear on probing; of the others some may be secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much a worker may have open: runs at once, of those against one host, connections kept, name servers."""

    runs: int
    per_host: int
    kept: int
    name_servers: int

    @property
    def words(self) -> tuple[str, ...]:
        """Return it as it goes over the command line."""
        return str(self.runs), str(self.per_host), str(self.kept), str(self.name_servers)


class Hand:
    """A worker process and our end of its line."""

    def __init__(self, told: Callable[[bytes], None], room: Room) -> None:
        """Start it; it loads while we go on. Raises OSError.

        `told` gets each report as it comes, and may raise ValueError for one that makes no sense.
        """
        self._told = told
        self._line = Line(self._hear, self._hang_up, REPORT_BYTES)
        self.ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        """Why it is of no use any more; None where it has ended by itself."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        level = logging.getLogger("nightbell").getEffectiveLevel()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", PROGRAM, str(os.getpid()), str(level), *room.words],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={name: text for name, text in os.environ.items() if name.startswith(SURROUNDINGS)},
                start_new_session=True,  # a Ctrl-C is the daemon's to handle
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._ours = ours

    async def listen(self) -> None:
        """Begin to listen to it."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=self._ours)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def order(self, given: Watch | Again) -> None:
        """Have it do something."""
        self._line.send(pack_order(given))

    def dismiss(self, why: str) -> None:
        """Say that it is of no use any more."""
        if not self.ended.done():
            self.ended.set_result(why)

    async def end(self, *, at_once: bool) -> int | None:
        """End it and return its exit code, as Popen gives it; None where not even a kill has ended it yet."""
        self._line.cut()
        if not at_once and await self._gone():
            return self._process.returncode
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._gone()
        return self._process.returncode

    async def _gone(self) -> bool:
        """Wait for its end, for a while: no handler of signals, no watcher of the loop, just a look."""
        loop = asyncio.get_running_loop()
        until = loop.time() + FAREWELL
        while self._process.poll() is None:
            if loop.time() > until:
                return False
            await asyncio.sleep(0.01)
        return True

    def _hear(self, frame: bytes) -> None:
        if self.ended.done():
            return
        try:
            self._told(frame)
        except ValueError as problem:
            self.dismiss(f"what it said made no sense: {problem}")

    def _hang_up(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
