"""TCP: opens a port once, and may say something and wait for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from probes.api import Metric, ProbeFailed, Reading, Run
from probes.network.address import parse_host_port, parse_port
from probes.network.certificate import CERTIFICATE_METRICS, certificate_values
from probes.network.connection import Connection, Family, resolve
from probes.network.tls import trust
from probes.sample import ErrorClass
from probes.units import Unit

ANSWER_BYTES: Final = 4096
ANSWER_LINES: Final = 100
_SEND_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Opens a TCP port once. Up when it accepts, shakes hands over TLS and answers, as far as asked.

    target: host and port, like db.example.com:5432 or [2001:db8::1]:5432
    port: the port, where target does not hold it
    send: text to send once connected
    expect: text that must be in the first 4 KB and 100 lines of the answer
    tls: whether to speak TLS (default false)
    verify: whether the certificate must be valid (default true)
    ca: file with the certificates to trust instead of the system's
    family: which addresses of the host may be used: v4, v6 or any (default any)
    """

    KIND: ClassVar[str] = "tcp"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("tcp",)
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "connect_seconds": Metric(unit=Unit.SECONDS, help="Time to open the connection, the name looked up."),
        "answer_seconds": Metric(
            unit=Unit.SECONDS, help="Time from the open connection to the expected answer; only with expect."
        ),
        **CERTIFICATE_METRICS,
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"target": "db.example.com:5432"}

    target: str
    port: int | None = None
    send: str | None = field(default=None, repr=False)
    expect: str | None = None
    tls: bool = False
    verify: bool = True
    ca: str | None = None
    family: Family = Family.ANY

    def __post_init__(self) -> None:
        """Refuse what cannot be reached; take the port out of the target, which is the bare host from then on."""
        host, port = parse_host_port(self.target)
        if port is not None and self.port not in {None, port}:
            raise ValueError("target and port name different ports")
        if port is None:
            if self.port is None:
                raise ValueError("target needs a port, like db.example.com:5432")
            port = parse_port(str(self.port))
        object.__setattr__(self, "target", host)
        object.__setattr__(self, "port", port)
        for name, limit in (("send", _SEND_BYTES), ("expect", ANSWER_BYTES)):
            text = getattr(self, name)
            if text is not None and not 0 < len(text.encode("utf-8", "replace")) <= limit:
                raise ValueError(f"{name} must be from 1 to {limit} bytes long")

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which tcp://host:port stands for."""
        return {"target": url.partition("://")[2].removesuffix("/")}

    async def probe(self, run: Run) -> Reading:
        """Connect, and talk as far as asked."""
        port = self.port or 0
        name = f"{self.target}:{port}"
        context = await trust(run, verify=self.verify, ca=self.ca) if self.tls else None
        address = await resolve(run, self.target, port, self.family)
        values: dict[str, float] = {}
        with Connection(address, name) as connection:
            await connection.connect(run, address)
            run.phase(None)
            values["connect_seconds"] = run.phases["connect"]
            if context is not None:
                await connection.start_tls(run, context, self.target.partition("%")[0])
                values.update(certificate_values(connection))
            if self.expect is not None:
                run.phase("processing")
            if self.send is not None:
                await connection.send(self.send.encode("utf-8", "replace"))
            if self.expect is not None:
                await _await_text(connection, self.expect.encode("utf-8", "replace"), Reading(values=values))
                run.phase(None)
                values["answer_seconds"] = run.phases["processing"]
        return Reading(values=values, phases=run.phases)


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
        shown = received.decode("utf-8", "replace")
        raise ProbeFailed(
            ErrorClass.ASSERTION,
            f"{connection.name} does not answer {wanted!r}: {cause}",
            detail="".join(sign if sign.isprintable() else " " for sign in shown),
            reading=reading,
        )
