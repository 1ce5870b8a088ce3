"""HTTP and HTTPS: asks once for a page and compares the answer with what is expected."""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from sys import intern
from time import perf_counter
from typing import Any, ClassVar, Final

from probes.api import Metric, Misfit, ProbeFailed, Reading, Run, in_task
from probes.network.address import parse_host, parse_url, without_userinfo
from probes.network.ask import Ask, check_inward
from probes.network.certificate import CERTIFICATE_METRICS, certificate_values
from probes.network.connection import Address, Connection, Family, literal, resolve
from probes.network.content import decode, unpack
from probes.network.expect import NO_TEXTS, Expect
from probes.network.families import Families, check_both, over
from probes.network.http1 import Answer, exchange, exchange_again
from probes.network.proxy import Proxy
from probes.network.reuse import Kept, Lease, Use, persists
from probes.network.tls import TlsMinimum, check_files, trust
from probes.sample import ErrorClass
from probes.units import Unit, show_seconds

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,8192}")
_BODY_BYTES: Final = 65536
_HEADERS: Final = 50
_HOPS: Final = 20
_EVIDENCE_CHARACTERS: Final = 500
_ANY_2XX: Final = Expect()  # one for all: there may be thousands of checks
_OURS: Final = (("User-Agent", "nightbell"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
"""Headers of every request that does not say otherwise."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Ours to say: they follow from the body and from the use of the connection.
_RESERVED: Final = frozenset({"content-length", "transfer-encoding", "connection", "expect", "upgrade"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """Asks a web server once and compares its answer with what is expected.

    Every run uses a fresh connection to one address, unless told otherwise. Redirects are followed; another origin
    gets to see neither credentials nor headers. At most 1 MiB of the body is read, and judged on that. A body packed
    by gzip, deflate or br, which a header Accept-Encoding may ask for, is unpacked.

    url: what to ask for; a user and password in it are used for basic authentication
    method: request method (default GET)
    headers: request headers
    body: request body
    expect: what the answer has to be like (default: any status 2xx)
    redirects: how many redirects are followed (default 5)
    user: user for basic authentication
    password: password for basic authentication
    bearer: token for bearer authentication
    connection: fresh, or reuse to keep one open between runs; one that ended in between is replaced (default fresh)
    family: which addresses of the host are used: v4, v6, any, or both, each in every run (default any)
    verify: whether the certificate must be valid (default true)
    ca: file with the certificates to trust instead of the system's
    cert: file with a certificate of our own to show, with those it was signed by
    key: file with its key, where cert does not hold it; without a password
    tls_min: oldest version of TLS that will do: 1.2 or 1.3 (default 1.2)
    server_name: name to ask for and to expect in the certificate instead of the URL's
    proxy: HTTP proxy to go through, like http://user:password@proxy.example.com:3128
    """

    KIND: ClassVar[str] = "http"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("http", "https")
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "duration_seconds": Metric(
            unit=Unit.SECONDS, help="Time from the look-up of the name to the end of the answer."
        ),
        "status_code": Metric(
            unit=Unit.COUNT, help="Status code of the last answer.", exposed="probe_http_status_code"
        ),
        "http_version": Metric(
            unit=Unit.COUNT, help="HTTP version of the answer.", exposed="probe_http_version"
        ),
        "body_bytes": Metric(
            unit=Unit.BYTES,
            help="Unpacked size of the body, as far as it was read.",
            exposed="probe_http_uncompressed_body_length",
        ),
        "content_length_bytes": Metric(
            unit=Unit.BYTES,
            help="Length of the content as the server declares it; absent when it does not.",
            exposed="probe_http_content_length",
        ),
        "redirects": Metric(unit=Unit.COUNT, help="Redirects followed.", exposed="probe_http_redirects"),
        "tls": Metric(
            unit=Unit.COUNT, help="1 when the last answer came over TLS, else 0.", exposed="probe_http_ssl"
        ),
        **CERTIFICATE_METRICS,
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "url": "https://shop.example.com/health",
        "expect": {"status": 200, "body_contains": "ok"},
    }

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS, repr=False)
    body: str | None = field(default=None, repr=False)
    expect: Expect = field(default_factory=lambda: _ANY_2XX)
    redirects: int = 5
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    connection: Use = Use.FRESH
    family: Families = Families.ANY
    verify: bool = True
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    tls_min: TlsMinimum | None = None
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    _first: Ask = field(init=False, repr=False, compare=False)
    _proxy: Proxy | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be asked; take user and password out of the URL."""
        url = parse_url(self.url)
        if url.user is not None:
            if self.user is not None or self.password is not None:
                raise ValueError("user and password stand in the URL or beside it, not both")
            object.__setattr__(self, "url", without_userinfo(self.url))
            object.__setattr__(self, "user", url.user)
            object.__setattr__(self, "password", url.password)
        if self.password is not None and self.user is None:
            raise ValueError("password needs a user")
        if self.user is not None and (":" in self.user or self.bearer is not None):
            raise ValueError(
                "user must hold no colon" if ":" in self.user else "bearer and user exclude each other"
            )
        if self.bearer is not None and not re.fullmatch(r"[\x21-\x7e]{1,8192}", self.bearer):
            raise ValueError("bearer must be a token without blanks")
        if self.method != "GET":
            if not _TOKEN.fullmatch(self.method) or self.method.upper() in {"CONNECT", "TRACE"}:
                raise ValueError(f"method must be a word like GET or POST, not {self.method[:20]!r}")
            object.__setattr__(self, "method", intern(self.method.upper()))
        if len(self.headers) > _HEADERS:
            raise ValueError(f"headers must not be more than {_HEADERS}")
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _RESERVED:
                raise ValueError(f"headers cannot hold {name[:40]!r}")
            if not _VALUE.fullmatch(value):
                raise ValueError(f"headers.{name} must be one line of at most 8192 characters")
        if self.body is not None and len(self.body.encode("utf-8", "replace")) > _BODY_BYTES:
            raise ValueError(f"body must not be longer than {_BODY_BYTES} bytes")
        if not 0 <= self.redirects <= _HOPS:
            raise ValueError(f"redirects must be from 0 to {_HOPS}")
        if self.expect.needs_body and self.method == "HEAD":
            raise ValueError("expect cannot ask for a body: HEAD brings none")
        check_files(self.cert, self.key)
        check_both(self.family, url.host)
        if self.server_name is not None:
            object.__setattr__(self, "server_name", parse_host(self.server_name))
        object.__setattr__(self, "_proxy", None if self.proxy is None else Proxy.parse(self.proxy))
        if self._proxy is not None and (self.connection is Use.REUSE or self.family is Families.BOTH):
            raise ValueError("proxy goes neither with connection: reuse nor with family: both")
        # What is sent is the same in every run: worked out once, as there may be thousands of checks.
        first = Ask(
            url=url if url.user is None else parse_url(self.url),
            method=self.method,
            body=self._body(),
            headers=self._headers(),
            closes=self.connection is Use.FRESH,
        )
        object.__setattr__(self, "_first", first)

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which a bare URL stands for."""
        return {"url": url}

    @property
    def target(self) -> str | None:
        """Host name or address in the URL."""
        return self._first.url.host

    def misfit(self, timeout: float) -> Misfit | None:
        """Say where the deadline comes before a time that the answer is allowed to take."""
        limits = {"max_seconds": self.expect.max_seconds, **self.expect.phases}
        for name, most in limits.items():
            if most is not None and most >= timeout:
                option = "max_seconds" if name == "max_seconds" else f"phases.{name}"
                words = f"decides nothing: the timeout of {show_seconds(timeout)} comes first"
                return Misfit(option=f"expect.{option}", words=words)
        return None

    def probe(self, run: Run) -> Coroutine[Any, Any, Reading]:
        """Ask, follow redirects, and judge the last answer."""
        return over(self.family, self._look, run)

    async def _look(self, run: Run, family: Family) -> Reading:
        started = perf_counter()
        ask = self._first
        if not self.verify:
            run.log("certificates are not verified: the configuration says so")
        values: dict[str, float] = {}
        came_from: Address | None = None
        for followed in range(_HOPS + 1):
            name = ask.name
            if self._proxy is not None:
                answer = await self._ask_proxy(self._proxy, ask, family, run, values)
            elif ask.closes:
                address = await resolve(run, ask.url.host, ask.url.port, family)
                if came_from is not None:
                    check_inward(came_from, address, name)
                came_from = address
                with Connection(address, name) as connection:
                    answer = await self._ask(connection, ask, address, run, values)
            else:
                answer, came_from = await self._ask_again(ask, came_from, family, run, values)
            values["redirects"] = float(followed)
            values["duration_seconds"] = perf_counter() - started
            values["status_code"] = float(answer.status)
            values["http_version"] = answer.version
            run.log("{} {} answers {} with {} bytes", ask.method, ask.url, answer.status, len(answer.body))
            try:
                following = self._follow(ask, answer, followed, name)
                if following is None:
                    return self._judge(answer, values, name, run)
            except ProbeFailed as failure:
                raise self._with_evidence(failure, answer, values, run) from failure
            run.log("redirected to {}", following.url)
            ask = following
            values.clear()
        raise AssertionError("redirects are bounded by __post_init__")

    async def _ask(
        self, connection: Connection, ask: Ask, address: Address, run: Run, values: dict[str, float]
    ) -> Answer:
        secure = ask.url.scheme == "https"
        context = await self._trust(run) if secure else None
        await connection.connect(run, address)
        values["tls"] = float(secure)
        if context is not None:
            await connection.start_tls(run, context, self._called(ask))
            values.update(certificate_values(connection))
        try:
            return await exchange(connection, ask.written, method=ask.method, run=run)
        except ProbeFailed as failure:
            raise ProbeFailed(failure.error, failure.message, reading=Reading(values=values)) from failure

    async def _ask_again(
        self, ask: Ask, came_from: Address | None, family: Family, run: Run, values: dict[str, float]
    ) -> tuple[Answer, Address]:
        """Ask over the connection the last run has left, or a fresh one, and leave it to the next where it lasts."""
        slot, origin = f"connection {family.value}", str(ask.url)
        kept: Kept | None = run.memory.pop(slot, None)
        if kept is not None and kept.origin == origin and (idle := kept.take()) is not None:
            with Lease(idle, origin, kept.address, kept.agreed) as lease:
                run.log("asking again over the connection to {}", lease.address)
                values["tls"] = float(ask.url.scheme == "https")
                if kept.agreed is not None:
                    values.update(kept.agreed.values())
                try:
                    again = await exchange_again(idle, ask.written, method=ask.method, run=run)
                except ProbeFailed as failure:
                    raise ProbeFailed(
                        failure.error, failure.message, reading=Reading(values=values)
                    ) from failure
                if again is not None:
                    if persists(again, ask.method):
                        lease.leave(run.memory, slot)
                    return again, lease.address
            run.log("it ended before an answer began")
        address = await resolve(run, ask.url.host, ask.url.port, family)
        if came_from is not None:
            check_inward(came_from, address, ask.name)
        with Lease(Connection(address, ask.name), origin, address) as lease:
            answer = await self._ask(lease.connection, ask, address, run, values)
            if persists(answer, ask.method):
                lease.leave(run.memory, slot)
            return answer, address

    async def _ask_proxy(
        self, proxy: Proxy, ask: Ask, family: Family, run: Run, values: dict[str, float]
    ) -> Answer:
        address = literal(ask.url.host, ask.url.port)
        if ask is not self._first and address is not None:  # where a name leads to, the proxy alone knows
            check_inward(literal(self._first.url.host, self._first.url.port), address, ask.name)
        context = await self._trust(run) if ask.url.scheme == "https" else None
        address = await resolve(run, proxy.host, proxy.port, family)
        return await in_task(
            proxy.exchange(
                ask, address, context=context, server_name=self._called(ask), run=run, values=values
            )
        )

    async def _trust(self, run: Run) -> ssl.SSLContext:
        return await trust(
            run, verify=self.verify, ca=self.ca, cert=self.cert, key=self.key, minimum=self.tls_min
        )

    def _called(self, ask: Ask) -> str:
        """Return the name to ask for over TLS. One of the configuration's own is not for other hosts."""
        if self.server_name is not None and ask.url.host == self._first.url.host:
            return self.server_name
        return ask.url.host.partition("%")[0]

    def _follow(self, ask: Ask, answer: Answer, followed: int, name: str) -> Ask | None:
        if answer.status not in _REDIRECTS or self.redirects == 0 or self.expect.allows(answer.status):
            return None
        location = answer.header("location")
        if not location:
            return None
        if followed >= self.redirects:
            raise ProbeFailed(
                ErrorClass.STATUS, f"{name} still answers {answer.status} after {followed} redirects"
            )
        try:
            return ask.redirected(answer.status, location)
        except ValueError as failure:
            raise ProbeFailed(
                ErrorClass.PROTOCOL, f"cannot follow the redirect of {name}: {failure}"
            ) from failure

    def _judge(self, answer: Answer, values: dict[str, float], name: str, run: Run) -> Reading:
        length = answer.header("content-length")
        if length is not None and length.isascii() and length.isdigit():
            values["content_length_bytes"] = float(length)
        self.expect.judge_status(answer, name)
        # A HEAD answer names the encoding of a body it does not bring.
        body, whole = (b"", True) if self.method == "HEAD" else unpack(answer, name)
        values["body_bytes"] = float(len(body))
        if not whole:
            run.log("stopped reading after {} bytes of the body", len(body))
        self.expect.judge(
            answer, body, whole=whole, seconds=values["duration_seconds"], phases=run.phases, name=name
        )
        return Reading(values=values, phases=run.phases)

    def _with_evidence(
        self, failure: ProbeFailed, answer: Answer, values: dict[str, float], run: Run
    ) -> ProbeFailed:
        evidence = decode(answer, answer.body[: 4 * _EVIDENCE_CHARACTERS])
        for secret in (
            self.password,
            self.bearer,
            None if self._proxy is None else self._proxy.password,
            self.body,
            *self.headers.values(),
            *dict(self._headers()).values(),
        ):
            if secret:  # servers like to repeat what they were sent
                evidence = evidence.replace(secret, "…")
        evidence = "".join(sign if sign.isprintable() else " " for sign in evidence)[:_EVIDENCE_CHARACTERS]
        reading = Reading(values=values, phases=run.phases)
        return ProbeFailed(failure.error, failure.message, detail=evidence, reading=reading)

    def _body(self) -> bytes:
        return b"" if self.body is None else self.body.encode("utf-8", "replace")

    def _headers(self) -> tuple[tuple[str, str], ...]:
        if not self.headers and self.bearer is None and self.user is None:
            return _OURS
        credentials = None
        if self.bearer is not None:
            credentials = f"Bearer {self.bearer}"
        elif self.user is not None:
            credentials = "Basic " + b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        ours = dict(_OURS)
        if credentials is not None:
            ours["Authorization"] = credentials
        theirs = {name.lower() for name in self.headers}
        return (
            *((name, value) for name, value in ours.items() if name.lower() not in theirs),
            *self.headers.items(),
        )
