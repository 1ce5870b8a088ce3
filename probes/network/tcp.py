"""TCP: opens a port once, and may say something and wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from probes.api import Metric, ProbeFailed, Reading, Run
from probes.network.address import parse_host, parse_target
from probes.network.certificate import CERTIFICATE_METRICS, certificate_values
from probes.network.connection import Connection, Family, resolve
from probes.network.families import Families, check_both, over
from probes.network.pattern import Patience, compile_pattern, search
from probes.network.starttls import StartTls, ask_for_tls
from probes.network.talk import LINE_BYTES, LINES, Talk, printable
from probes.network.tls import TlsMinimum, check_files, trust
from probes.sample import ErrorClass
from probes.units import Unit

ANSWER_BYTES: Final = 4096
ANSWER_LINES: Final = 100
_SEND_BYTES: Final = 4096
_STEPS: Final = 50
_SLICE_SECONDS: Final = 0.005
"""Others have their turn when searching has taken so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a conversation: either of both.

    send: line to send; a line break is added where it has none
    expect: regular expression that a line of the answer must match; lines before it are passed over
    """

    send: str | None = field(default=None, repr=False)
    expect: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no step."""
        if (self.send is None) is (self.expect is None):
            raise ValueError("a step is either send or expect")
        if self.expect is not None:
            compile_pattern(self.expect)
        if self.send is not None and len(self.said) > _SEND_BYTES:
            raise ValueError(f"a step must not send more than {_SEND_BYTES} bytes")

    @property
    def said(self) -> bytes:
        """What goes over the wire."""
        text = self.send or ""
        return (text if text.endswith("\n") else f"{text}\r\n").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Opens a TCP port once. Up when it accepts, shakes hands over TLS and answers, as far as asked.

    target: host and port, like db.example.com:5432 or [2001:db8::1]:5432
    port: the port, where target does not hold it
    send: text to send once connected
    expect: text that must be in the first 4 KB and 100 lines of the answer
    steps: a conversation instead of that: a list of `expect`, a pattern for a line, and `send`, a line
    tls: whether to speak TLS from the start (default false)
    starttls: protocol that turns to TLS before anything else is said: smtp, imap, pop3, ftp or postgresql
    server_name: name to ask for and to expect in the certificate instead of the target's
    verify: whether the certificate must be valid (default true)
    ca: file with the certificates to trust instead of the system's
    cert: file with a certificate of our own to show, with those it was signed by
    key: file with its key, where cert does not hold it; without a password
    tls_min: oldest version of TLS that will do: 1.2 or 1.3 (default 1.2)
    family: which addresses of the host are used: v4, v6, any, or both, each in every run (default any)
    """

    KIND: ClassVar[str] = "tcp"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("tcp",)
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "connect_seconds": Metric(unit=Unit.SECONDS, help="Time to open the connection, the name looked up."),
        "answer_seconds": Metric(
            unit=Unit.SECONDS,
            help="Time from the open connection to the last answer expected; only where one is.",
        ),
        **CERTIFICATE_METRICS,
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"target": "db.example.com:5432"}

    target: str
    port: int | None = None
    send: str | None = field(default=None, repr=False)
    expect: str | None = None
    steps: tuple[Step, ...] = ()
    tls: bool = False
    starttls: StartTls | None = None
    server_name: str | None = None
    verify: bool = True
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    tls_min: TlsMinimum | None = None
    family: Families = Families.ANY

    def __post_init__(self) -> None:
        """Refuse what cannot be reached; take the port out of the target, which is the bare host from then on."""
        host, port = parse_target(self.target, self.port)
        if port is None:
            raise ValueError("target needs a port, like db.example.com:5432")
        object.__setattr__(self, "target", host)
        object.__setattr__(self, "port", port)
        for name, limit in (("send", _SEND_BYTES), ("expect", ANSWER_BYTES)):
            text = getattr(self, name)
            if text is not None and not 0 < len(text.encode("utf-8", "replace")) <= limit:
                raise ValueError(f"{name} must be from 1 to {limit} bytes long")
        if self.steps and (self.send is not None or self.expect is not None):
            raise ValueError("steps exclude send and expect")
        if len(self.steps) > _STEPS:
            raise ValueError(f"steps must not be more than {_STEPS}")
        if self.tls and self.starttls is not None:
            raise ValueError("tls and starttls exclude each other")
        check_files(self.cert, self.key)
        check_both(self.family, host)
        if self.server_name is not None:
            object.__setattr__(self, "server_name", parse_host(self.server_name))

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which tcp://host:port stands for."""
        return {"target": url.partition("://")[2].removesuffix("/")}

    def probe(self, run: Run) -> Coroutine[Any, Any, Reading]:
        """Connect, and talk as far as asked."""
        return over(self.family, self._look, run)

    async def _look(self, run: Run, family: Family) -> Reading:
        port = self.port or 0
        name = f"{self.target}:{port}"
        context = None
        if self.tls or self.starttls is not None:
            context = await trust(
                run, verify=self.verify, ca=self.ca, cert=self.cert, key=self.key, minimum=self.tls_min
            )
        address = await resolve(run, self.target, port, family)
        values: dict[str, float] = {}
        with Connection(address, name) as connection:
            await connection.connect(run, address)
            run.phase(None)
            values["connect_seconds"] = run.phases["connect"]
            if self.starttls is not None:
                await ask_for_tls(Talk(connection), self.starttls, run)
            if context is not None:
                called = self.server_name or self.target.partition("%")[0]
                await connection.start_tls(run, context, called)
                values.update(certificate_values(connection))
            before = run.phases.get("processing", 0.0)
            if self.steps:
                run.phase("processing")
                await self._converse(Talk(connection), Reading(values=values))
            else:
                if self.expect is not None:
                    run.phase("processing")
                if self.send is not None:
                    await connection.send(self.send.encode("utf-8", "replace"))
                if self.expect is not None:
                    await _await_text(
                        connection, self.expect.encode("utf-8", "replace"), Reading(values=values)
                    )
            run.phase(None)
            if self.expect is not None or any(step.expect is not None for step in self.steps):
                values["answer_seconds"] = run.phases["processing"] - before
        return Reading(values=values, phases=run.phases)

    async def _converse(self, talk: Talk, reading: Reading) -> None:
        patience = Patience()
        for number, step in enumerate(self.steps, 1):
            if step.expect is None:
                await talk.send(step.said)
            else:
                await _await_line(talk, step.expect, number, reading, patience)


async def _await_line(talk: Talk, pattern: str, number: int, reading: Reading, patience: Patience) -> None:
    """Read up to a line that matches; also one that has no end yet, as a prompt has none."""
    passed, before = bytearray(), patience.left
    for _ in range(LINES):
        try:
            if (
                before - patience.left > _SLICE_SECONDS
            ):  # lines that have come at once are not all searched at once
                before = patience.left
                await asyncio.sleep(0)
            while b"\n" not in talk.rest and len(talk.rest) < LINE_BYTES:
                if talk.rest and search(pattern, talk.rest.decode("utf-8", "replace"), "steps", patience):
                    talk.take()
                    return
                await talk.more()
            line = await talk.line()
        except ProbeFailed as failure:
            cause = failure.message.rpartition(": ")[2]
            passed += talk.take()
            break
        if search(pattern, line.decode("utf-8", "replace"), "steps", patience):
            return
        passed += line[:LINE_BYTES] + b"\n"
    else:
        cause = f"not found within the first {LINES} lines"
    raise ProbeFailed(
        ErrorClass.ASSERTION,
        f"{talk.name} does not answer {pattern[:80]!r} in step {number}: {cause}",
        detail="\n".join(printable(line, 200) for line in bytes(passed[-2000:]).splitlines()),
        reading=reading,
    )


async def _await_text(connection: Connection, text: bytes, reading: Reading) -> None:
    received = bytearray()
    while text not in received:
        if len(received) >= ANSWER_BYTES or received.count(b"\n") >= ANSWER_LINES:
            cause = f"not found within the first {len(received)} bytes"
        else:
            data = await connection.receive()
            received += data[: ANSWER_BYTES - len(received)]
            if data:
                continue
            cause = f"it closed the connection after {len(received)} bytes"
        wanted = text.decode("utf-8", "replace")[:80]
        raise ProbeFailed(
            ErrorClass.ASSERTION,
            f"{connection.name} does not answer {wanted!r}: {cause}",
            detail=printable(bytes(received), ANSWER_BYTES),
            reading=reading,
        )
