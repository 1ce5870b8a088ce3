"""The sending processes: started when needed, handed one message at a time, killed when we are cut short."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.apprise_answer import Answer

PROGRAM: Final = Path(__file__).with_name("apprise_process.py")
ANSWER_BYTES: Final = 262144
IDLE_KEPT: Final = 2
"""How many loaded processes wait for the next message; each holds about 40 MB."""
IDLE_SECONDS: Final = 900.0
"""How long they wait: an outage brings its messages closer together, and in quiet weeks nobody needs them."""
FAREWELL_SECONDS: Final = 2.0
LAST_WORDS_SECONDS: Final = 0.5


class Gone(Exception):  # noqa: N818 - it is gone
    """The process ended, or stopped making sense, before it answered."""


@dataclass(slots=True, eq=False)
class Sender:
    """One sending process and our end of its line."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls) -> Sender:
        """Start one; it loads its libraries while we go on. Raise OSError."""
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # a Ctrl-C is ours to handle, and a kill takes what a plugin started
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return cls(process, ours)

    async def ask(self, request: Mapping[str, object], progress: Progress) -> Answer:
        """Hand over one request and await its answer; `progress` is kept meanwhile. Raise Gone."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.line, json.dumps(request).encode() + b"\n")
            while (answer := self._next(progress)) is None:
                await self._receive()
        except (OSError, ValueError, AttributeError) as error:
            raise Gone from error
        return answer

    async def last_words(self, progress: Progress) -> None:
        """After a kill, read what was still said: it may be that the message was about to be taken."""
        with suppress(TimeoutError, OSError, ValueError, AttributeError, Gone):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while True:
                    self._next(progress)
                    await self._receive()

    async def _receive(self) -> None:
        chunk = await asyncio.get_running_loop().sock_recv(self.line, 65536)
        if not chunk or len(self.received) > ANSWER_BYTES:
            raise Gone
        self.received += chunk

    def _next(self, progress: Progress) -> Answer | None:
        """Return the answer, once its line is complete."""
        while b"\n" in self.received:
            text, _, self.received = self.received.partition(b"\n")
            told = json.loads(text)
            if not told.get("sent"):
                return Answer.read(told)
            progress.sent = True
        return None

    @property
    def alive(self) -> bool:
        """False once the process has ended by itself."""
        return self.process.poll() is None

    def dismiss(self) -> None:
        """Let it end by itself: it does when its line closes."""
        self.line.close()

    def kill(self) -> None:
        """End it and whatever it started, at once. The line stays open for who may be reading from it."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


@dataclass(slots=True, eq=False)
class Pool:
    """All sending processes of this daemon. They serve every channel: a loaded process costs too much to own."""

    idle: list[Sender] = field(default_factory=list)
    busy: set[Sender] = field(default_factory=set)
    ending: list[Sender] = field(default_factory=list)
    members: set[object] = field(default_factory=set)
    patience: float = IDLE_SECONDS
    rest: asyncio.TimerHandle | None = None

    def join(self, member: object) -> None:
        """Count `member` among those for whom processes are kept."""
        self.members.add(member)

    async def leave(self, member: object) -> None:
        """Forget `member`; with the last one all processes end, and are waited for."""
        self.members.discard(member)
        if self.members:
            return
        self._keep(rest=False)
        for sender in self.busy:
            sender.kill()  # whoever waits for its answer learns at once
        self._dismiss_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._ended()
        for sender in self.ending:
            sender.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._ended()

    async def _ended(self) -> None:
        while self.ending:  # no signal handler of ours, no watcher of the loop: just a look
            self.bury()
            await asyncio.sleep(0.01)

    def warm(self) -> None:
        """Have one process loaded and waiting. Raise DeliveryError."""
        self.bury()
        self.idle[:] = [sender for sender in self.idle if sender.alive]
        if not self.idle:
            self.idle.append(_started())
        self._keep()

    def bury(self) -> None:
        """Collect the processes that have ended."""
        self.ending[:] = [sender for sender in self.ending if sender.alive]

    async def ask(self, request: Mapping[str, object], progress: Progress) -> Answer:
        """Have one process serve `request`. Cut short, it is killed and replaced; others go on undisturbed."""
        try:
            return await self._ask(request, progress)
        except Gone:
            if progress.sent or not self.members:
                return Answer(done="gone", lines=(("ERROR", "the sending process ended"),))
        try:
            return await self._ask(request, progress)  # it had died while idle, or its first steps failed
        except Gone:
            return Answer(done="gone", lines=(("ERROR", "the sending process ended"),))

    async def _ask(self, request: Mapping[str, object], progress: Progress) -> Answer:
        self.bury()
        sender = self._take()
        self.busy.add(sender)
        try:
            answer = await sender.ask(request, progress)
        except BaseException:
            sender.kill()
            try:
                await sender.last_words(progress)
            finally:
                self._retire(sender)
                if self.members:
                    with suppress(DeliveryError):
                        self.warm()
            raise
        if self.members and len(self.idle) < IDLE_KEPT:
            self.busy.discard(sender)
            self.idle.append(sender)
            self._keep()
        else:
            self._retire(sender)
        return answer

    def _keep(self, *, rest: bool = True) -> None:
        """Begin anew to count the time in which nobody needs a process."""
        if self.rest is not None:
            self.rest.cancel()
        self.rest = asyncio.get_running_loop().call_later(self.patience, self._lie_down) if rest else None

    def _lie_down(self) -> None:
        self._dismiss_idle()
        self._bury_soon()

    def _dismiss_idle(self) -> None:
        for sender in self.idle:
            sender.dismiss()
            self.ending.append(sender)
        self.idle.clear()

    def _retire(self, sender: Sender) -> None:
        self.busy.discard(sender)
        sender.dismiss()
        self.ending.append(sender)
        self._bury_soon()

    def _take(self) -> Sender:
        while self.idle:
            sender = self.idle.pop()
            if sender.alive:
                return sender
            sender.dismiss()
        return _started()

    def _bury_soon(self) -> None:
        """Leave no zombie lying about until the next message."""
        self.bury()
        if self.ending:
            asyncio.get_running_loop().call_later(0.2, self._bury_soon)


def _started() -> Sender:
    try:
        return Sender.start()
    except OSError as error:
        raise DeliveryError(
            f"cannot start a sending process: {os.strerror(error.errno or 0)}", reason=Reason.INTERNAL
        ) from error


POOL: Final = Pool()
