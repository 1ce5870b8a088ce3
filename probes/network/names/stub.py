"""Asks the name servers of this machine for the addresses of a name, as the stub resolver of libc does."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, TypeVar

from probes.api import OUR_FAULT, ProbeFailed, Run
from probes.network.names.client import Place, ask, ask_over_tcp
from probes.network.names.message import Message, rcode_word, read
from probes.network.names.order import Found, ordered
from probes.network.names.question import Question, Type
from probes.network.names.reader import Malformed
from probes.network.names.settings import Settings

T = TypeVar("T")

SHORTEST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 3600.0
BAD_SECONDS: Final = 0.5
"""How long it is remembered that there is no such name, or no answer: shorter than any interval."""
SERVER_SECONDS: Final = 1.0
"""How long one server may take before the next is asked."""
LOOK_UP_SECONDS: Final = 10.0
"""How long one look-up may take in all."""
LINGER_SECONDS: Final = 0.5
"""How long the other family is waited for once one has been found."""
_SHUN_SECONDS: Final = 60.0
"""How long a server that did not answer is asked after the others."""
_TYPES: Final = {socket.AF_INET: Type.A, socket.AF_INET6: Type.AAAA}
_FAMILIES: Final = {Type.A: socket.AF_INET, Type.AAAA: socket.AF_INET6}
_OURS: Final = OUR_FAULT | {errno.EPERM, errno.EACCES}  # our own packet filter, too

# What people know from libc.
NO_NAME: Final = "Name or service not known"
NO_ADDRESS: Final = "No address associated with hostname"
NO_ANSWER: Final = "Temporary failure in name resolution"


@dataclass(slots=True)
class Entry:
    """What is known of a name: its addresses, or in words why there are none."""

    addresses: tuple[Found, ...] = ()
    problem: str = ""
    expires: float = 0.0
    ordered_at: float = field(default_factory=monotonic)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one question came to. `silent`: no server answered at all; `exists`: the name is there, if empty."""

    addresses: tuple[Found, ...] = ()
    ttl: float = 0.0
    exists: bool = False
    trouble: str = ""
    silent: bool = False


class Stub:
    """Knows which servers did not answer of late."""

    __slots__ = ("_shunned",)

    def __init__(self) -> None:
        """Trust all of them."""
        self._shunned: dict[Place, float] = {}

    async def look_up(self, host: str, family: int, settings: Settings) -> Entry:
        """Return what the servers say of a name. Wants a task around itself.

        Raises OSError when we have run out of something: that says nothing about the name.
        """
        families = [one for one in _TYPES if family in {socket.AF_UNSPEC, one}]
        types = [_TYPES[one] for one in families if settings.aaaa or one is not socket.AF_INET6]
        exists, trouble = not types, ""
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                for name in settings.candidates(host) if types else ():
                    findings = await self._ask_all(name, types, settings)
                    found = tuple(one for finding in findings for one in finding.addresses)
                    if found:
                        ttl = min(finding.ttl for finding in findings if finding.addresses)
                        if any(finding.trouble for finding in findings):
                            ttl = SHORTEST_SECONDS  # half an answer
                        return Entry(ordered(found), expires=monotonic() + ttl)
                    exists = exists or any(finding.exists for finding in findings)
                    trouble = trouble or next((one.trouble for one in findings if one.trouble), "")
                    if any(finding.silent for finding in findings):
                        break
        except TimeoutError:
            trouble = trouble or f"no answer within {LOOK_UP_SECONDS:g} s"
        problem = f"{NO_ANSWER} ({trouble})" if trouble else NO_ADDRESS if exists else NO_NAME
        return Entry(problem=problem, expires=monotonic() + BAD_SECONDS)

    async def _ask_all(self, name: str, types: list[Type], settings: Settings) -> list[_Finding]:
        """Ask for all types at once; the first that finds something lets the others linger, no more."""
        try:
            questions = [Question(name, kind) for kind in types]
        except ValueError:  # together with a domain to search it may be too long
            return [_Finding()]
        if len(questions) == 1:
            return [await self._ask_one(questions[0], settings)]
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._ask_one(question, settings)) for question in questions]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            found = any(task.exception() is None and task.result().addresses for task in done)
            await asyncio.wait(tasks, timeout=LINGER_SECONDS if found else None)
            return [
                task.result() if task.done() else _Finding(trouble="one family is not answered", silent=True)
                for task in tasks
            ]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_one(self, question: Question, settings: Settings) -> _Finding:
        """Ask one server after the other until one knows. Raises OSError when we have run out of something."""
        trouble, answered = "", set[Place]()
        for _ in range(settings.attempts):
            now = monotonic()
            for place in sorted(settings.servers, key=lambda place: self._shunned.get(place, 0.0) > now):
                if place in answered:
                    continue
                try:
                    async with asyncio.timeout(SERVER_SECONDS):
                        message = await self._ask(place, question, settings)
                    self._shunned.pop(place, None)
                    if message.rcode in {0, 3}:
                        return _finding(message, question)
                    trouble = f"{place} answers {rcode_word(message.rcode)}"
                    answered.add(place)
                except Malformed as failure:
                    trouble = f"the answer of {place} is not usable: {failure}"
                    answered.add(place)
                except (TimeoutError, ProbeFailed, OSError) as failure:
                    if isinstance(failure, OSError) and failure.errno in _OURS:
                        raise
                    self._shunned[place] = monotonic() + _SHUN_SECONDS
                    cause = "does not answer" if isinstance(failure, TimeoutError) else "cannot be reached"
                    trouble = f"{place} {cause}"
        return _Finding(trouble=trouble, silent=not answered)

    async def _ask(self, place: Place, question: Question, settings: Settings) -> Message:
        run = Run(offload=_refuse, resolve=_refuse)
        if settings.tcp:
            return read(await ask_over_tcp(run, place, question), question)
        return await ask(run, place, question)


def _finding(message: Message, question: Question) -> _Finding:
    records, ttl = message.about(question)
    addresses = tuple((_FAMILIES[question.kind], record.data) for record in records)
    holds = min(max(float(ttl or 0), SHORTEST_SECONDS), LONGEST_SECONDS)
    return _Finding(addresses, holds, exists=message.rcode == 0)


def _refuse(_function: Callable[..., T], /, *_: Any) -> Awaitable[T]:
    raise RuntimeError("a question to a name server needs nothing off the loop")
