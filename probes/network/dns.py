"""DNS: asks one name server once and compares its answer with what is expected."""

from __future__ import annotations

import enum
import errno
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import ClassVar, Final

from probes.api import Metric, ProbeFailed, Reading, Run
from probes.network.address import is_address, parse_host_port, parse_port
from probes.network.connection import Family, resolve
from probes.network.names.client import PORT, Place, ask_over_tcp, server
from probes.network.names.expect import Expect
from probes.network.names.message import Message, Record, is_truncated, rcode_word, read
from probes.network.names.question import NUMBERS, TYPES, Question, Type
from probes.network.names.reader import Malformed
from probes.network.names.resolver import resolver
from probes.sample import ErrorClass
from probes.units import Unit

_UNREACHABLE: Final = frozenset({
    errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN,
})  # fmt: skip
_SHOWN_RECORDS: Final = 20


class Transport(enum.Enum):
    """How a name server is asked."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """Asks a name server once and compares its answer with what is expected.

    An answer that is too long for UDP is fetched over TCP, as any resolver does. What is remembered of other
    look-ups plays no part.

    target: the name server, by name or address, perhaps with a port; default is the first one of this machine
    port: the port, where target does not hold it (default 53)
    name: what to ask for; an address, with type PTR, stands for its reverse name (default the root)
    type: type of the records: A, AAAA, CNAME, MX, TXT, NS, SOA, SRV, PTR or CAA (default A, of the root NS)
    transport: udp or tcp (default udp)
    recursion: whether the server is asked to ask others (default true)
    expect: what the answer has to be like (default: NOERROR and at least one record of the type)
    family: which addresses of the name server may be used: v4, v6 or any (default any)
    """

    KIND: ClassVar[str] = "dns"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("dns",)
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "duration_seconds": Metric(
            unit=Unit.SECONDS, help="Time from the look-up of the server's name to the end of the answer."
        ),
        "rcode": Metric(unit=Unit.COUNT, help="Response code as a number: 0 is NOERROR, 3 NXDOMAIN."),
        "query_succeeded": Metric(
            unit=Unit.COUNT,
            help="1 when the server answered, whatever it said.",
            exposed="probe_dns_query_succeeded",
        ),
        "records": Metric(unit=Unit.COUNT, help="Records of the name and type asked for, aliases followed."),
        "ttl_seconds": Metric(unit=Unit.SECONDS, help="How long the records hold; absent without any."),
        "answers": Metric(
            unit=Unit.COUNT, help="Records in the answer section.", exposed="probe_dns_answer_rrs"
        ),
        "authorities": Metric(
            unit=Unit.COUNT, help="Records in the authority section.", exposed="probe_dns_authority_rrs"
        ),
        "additionals": Metric(
            unit=Unit.COUNT, help="Records in the additional section.", exposed="probe_dns_additional_rrs"
        ),
        "serial": Metric(
            unit=Unit.COUNT,
            help="Serial number of the zone; only when its SOA record was asked for.",
            exposed="probe_dns_serial",
        ),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "target": "10.0.0.2",
        "name": "shop.example.com",
        "expect": {"contains": "203.0.113.10"},
    }

    target: str | None = None
    port: int | None = None
    name: str = "."
    type: Type | None = None
    transport: Transport = Transport.UDP
    recursion: bool = True
    expect: Expect = field(default_factory=Expect)
    family: Family = Family.ANY
    _question: Question = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be asked; take the port out of the target, which is the bare host from then on."""
        host, port = (None, None) if self.target is None else parse_host_port(self.target)
        if port is not None and self.port not in {None, port}:
            raise ValueError("target and port name different ports")
        object.__setattr__(self, "target", host)
        object.__setattr__(self, "port", parse_port(str(port or (PORT if self.port is None else self.port))))
        object.__setattr__(self, "_question", Question(self._asked_name(), self._asked_type))

    @property
    def _asked_type(self) -> Type:
        return self.type or (Type.A if self.name.strip(".") else Type.NS)

    def _asked_name(self) -> str:
        name = self.name
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            pass
        else:
            if self._asked_type is not Type.PTR:
                raise ValueError("name is an address: only type PTR asks for the name of one")
            return address.reverse_pointer
        if not name:
            raise ValueError("name must not be empty: the root is .")
        try:
            return name if name.isascii() else name.encode("idna").decode("ascii")
        except UnicodeError as failure:
            raise ValueError(f"{name[:60]!r} is no name") from failure

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which dns://server:port/name?type=A stands for. Raise ValueError for more than that."""
        place, _, query = url.partition("://")[2].partition("?")
        target, _, name = place.partition("/")
        options: dict[str, object] = {}
        if target:
            options["target"] = target
        if name:
            options["name"] = name
        for pair in filter(None, query.split("&")):
            key, _, value = pair.partition("=")
            if key.lower() != "type":
                raise ValueError(f"a DNS URL reads like dns://server/name?type=A, without {key[:20]!r}")
            options["type"] = value.upper()
        return options

    async def probe(self, run: Run) -> Reading:
        """Ask, and judge the answer."""
        began = perf_counter()
        place = await self._place(run)
        asked = f"{self._question.name or '.'} {self._asked_type.value}"
        name = str(place) if self.target is None or is_address(self.target) else f"{self.target} ({place})"
        try:
            message = read(await self._ask(run, place, name), self._question)
            records, ttl = message.about(self._question)
        except Malformed as failure:
            raise ProbeFailed(
                ErrorClass.PROTOCOL, f"the answer of {name} for {asked} is not usable: {failure}"
            ) from failure
        run.phase(None)
        run.memory["family"] = place.family
        run.log("{} answers {} with {} records for {}", name, rcode_word(message.rcode), len(records), asked)
        values = _values(message, records, ttl)
        values["duration_seconds"] = perf_counter() - began
        try:
            self.expect.judge(message, records, name, asked)
        except ProbeFailed as failure:
            reading = Reading(values=values, phases=run.phases)
            detail = "\n".join(map(_line, message.answers[:_SHOWN_RECORDS]))
            raise ProbeFailed(failure.error, failure.message, detail=detail, reading=reading) from failure
        return Reading(values=values, phases=run.phases)

    async def _place(self, run: Run) -> Place:
        if self.target is None:
            run.phase("resolve")
            return (await resolver().settings(run.resolve)).servers[0]
        address = await resolve(run, self.target, self.port or PORT, self.family)
        return Place(address.family, address.sockaddr)

    async def _ask(self, run: Run, place: Place, name: str) -> bytes:
        if self.transport is Transport.TCP:
            return await ask_over_tcp(run, place, self._question, recursion=self.recursion)
        run.phase("processing")
        try:
            data = await server(place).ask(self._question, recursion=self.recursion)
        except OSError as failure:
            if failure.errno not in _UNREACHABLE:
                raise
            cause = os.strerror(failure.errno).lower()
            raise ProbeFailed(ErrorClass.CONNECT, f"cannot ask {name}: {cause}") from failure
        if is_truncated(data):
            run.log("the answer is too long for UDP: asked again over TCP")
            data = await ask_over_tcp(run, place, self._question, recursion=self.recursion)
        return data


def _values(message: Message, records: tuple[Record, ...], ttl: int | None) -> dict[str, float]:
    values = {
        "rcode": float(message.rcode),
        "query_succeeded": 1.0,
        "records": float(len(records)),
        "answers": float(len(message.answers)),
        "authorities": float(len(message.authorities)),
        "additionals": float(len(message.additionals)),
    }
    if ttl is not None:
        values["ttl_seconds"] = float(ttl)
    if records and records[0].number == NUMBERS[Type.SOA]:
        values["serial"] = float(records[0].data.split(" ")[2])
    return values


def _line(record: Record) -> str:
    kind = TYPES.get(record.number)
    return f"{record.name or '.'} {record.ttl} {kind.value if kind else record.number} {record.data}"
