"""HTTP and HTTPS: asks once for a page, over a fresh connection, and compares the answer with what is expected."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import ClassVar, Final
from urllib.parse import urljoin

from probes.api import Metric, ProbeFailed, Reading, Run
from probes.network.address import Url, parse_url, without_userinfo
from probes.network.connection import Address, Connection, Family, resolve
from probes.network.content import decode, unpack
from probes.network.expect import Expect
from probes.network.http1 import Answer, exchange, write_request
from probes.network.tls import trust
from probes.sample import ErrorClass
from probes.units import Unit

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,8192}")
_BODY_BYTES: Final = 65536
_HEADERS: Final = 50
_HOPS: Final = 20
_EVIDENCE_CHARACTERS: Final = 500
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Ours to say: they follow from the body and from the fresh connection.
_RESERVED: Final = frozenset({"content-length", "transfer-encoding", "connection", "expect", "upgrade"})
# The only ones another origin gets to see: any other may hold a key.
_HARMLESS: Final = frozenset({"accept", "accept-language", "accept-encoding", "user-agent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """Asks a web server once and compares its answer with what is expected.

    Every run uses a fresh connection to one address. Redirects are followed; another origin gets to see neither
    credentials nor headers. At most 1 MiB of the body is read, and judged on that.

    url: what to ask for; a user and password in it are used for basic authentication
    method: request method (default GET)
    headers: request headers
    body: request body
    expect: what the answer has to be like (default: any status 2xx)
    redirects: how many redirects are followed (default 5)
    user: user for basic authentication
    password: password for basic authentication
    bearer: token for bearer authentication
    family: which addresses of the host may be used: v4, v6 or any (default any)
    verify: whether the certificate must be valid (default true)
    ca: file with the certificates to trust instead of the system's
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
        "certificate_expires_seconds": Metric(
            unit=Unit.SECONDS, help="Time until the first certificate of the chain ends; only over TLS."
        ),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "url": "https://shop.example.com/health",
        "expect": {"status": 200, "body_contains": "ok"},
    }

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = field(default=None, repr=False)
    expect: Expect = field(default_factory=Expect)
    redirects: int = 5
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    family: Family = Family.ANY
    verify: bool = True
    ca: str | None = None
    _first: _Ask = field(init=False, repr=False, compare=False)

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
        if not _TOKEN.fullmatch(self.method) or self.method.upper() in {"CONNECT", "TRACE"}:
            raise ValueError(f"method must be a word like GET or POST, not {self.method[:20]!r}")
        object.__setattr__(self, "method", self.method.upper())
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
        # What is sent is the same in every run: worked out once, as there may be thousands of checks.
        first = _Ask(url=parse_url(self.url), method=self.method, body=self._body(), headers=self._headers())
        object.__setattr__(self, "_first", first)

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which a bare URL stands for."""
        return {"url": url}

    @property
    def target(self) -> str | None:
        """Host name or address in the URL."""
        return self._first.url.host

    async def probe(self, run: Run) -> Reading:
        """Ask, follow redirects, and judge the last answer."""
        started = perf_counter()
        ask = self._first
        if not self.verify:
            run.log("certificates are not verified: the configuration says so")
        values: dict[str, float] = {}
        came_from: Address | None = None
        for followed in range(_HOPS + 1):
            name = ask.name
            address = await resolve(run, ask.url.host, ask.url.port, self.family)
            if came_from is not None:
                check_inward(came_from, address, name)
            came_from = address
            answer = await self._ask(ask, address, run, values)
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
        raise AssertionError("redirects are bounded by __post_init__")

    async def _ask(self, ask: _Ask, address: Address, run: Run, values: dict[str, float]) -> Answer:
        secure = ask.url.scheme == "https"
        context = await trust(run, verify=self.verify, ca=self.ca) if secure else None
        with Connection(address, ask.name) as connection:
            await connection.connect(run, address)
            values["tls"] = float(secure)
            values.pop("certificate_expires_seconds", None)
            if context is not None:
                await connection.start_tls(run, context, ask.url.host.partition("%")[0])
                expires = connection.certificate_expires()
                if expires is not None:
                    values["certificate_expires_seconds"] = expires - time.time()
            try:
                return await exchange(connection, ask.written, method=ask.method, run=run)
            except ProbeFailed as failure:
                raise ProbeFailed(failure.error, failure.message, reading=Reading(values=values)) from failure

    def _follow(self, ask: _Ask, answer: Answer, followed: int, name: str) -> _Ask | None:
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
        self.expect.judge(answer, body, whole=whole, seconds=values["duration_seconds"], name=name)
        return Reading(values=values, phases=run.phases)

    def _with_evidence(
        self, failure: ProbeFailed, answer: Answer, values: dict[str, float], run: Run
    ) -> ProbeFailed:
        evidence = decode(answer, answer.body[: 4 * _EVIDENCE_CHARACTERS])
        for secret in (
            self.password,
            self.bearer,
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
        credentials = None
        if self.bearer is not None:
            credentials = f"Bearer {self.bearer}"
        elif self.user is not None:
            credentials = "Basic " + b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        ours = {"User-Agent": "nightbell", "Accept": "*/*", "Accept-Encoding": "identity"}
        if credentials is not None:
            ours["Authorization"] = credentials
        theirs = {name.lower() for name in self.headers}
        return (
            *((name, value) for name, value in ours.items() if name.lower() not in theirs),
            *self.headers.items(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """One request of a chain of redirects."""

    url: Url
    method: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    name: str = field(init=False)
    """What messages call the target."""
    written: bytes = field(init=False, repr=False)
    """The request as it goes over the wire."""

    def __post_init__(self) -> None:
        """Work out once what is the same in every run."""
        object.__setattr__(self, "name", f"{self.url.host}:{self.url.port}")
        object.__setattr__(self, "written", self._write())

    def _write(self) -> bytes:
        headers = [*self.headers, ("Connection", "close")]
        if not any(name.lower() == "host" for name, _ in headers):
            headers.insert(0, ("Host", self.url.authority))
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers.append(("Content-Length", str(len(self.body))))
        return write_request(self.method, self.url.path, headers, self.body)

    def redirected(self, status: int, location: str) -> _Ask:
        """Return the request that follows a redirect. Raise ValueError when it must not be followed."""
        # Header bytes arrive as Latin-1; browsers take them for UTF-8.
        place = location.strip(" \t").encode("latin-1").decode("utf-8", "replace")
        url = parse_url(_join(f"{self.url}{self.url.path}", place))
        following = replace(self, url=url)
        if status == 303 or (status in {301, 302} and self.method == "POST"):
            kept = tuple(pair for pair in self.headers if pair[0].lower() != "content-type")
            following = replace(
                following, method="HEAD" if self.method == "HEAD" else "GET", body=b"", headers=kept
            )
        if _trusts(self.url, url):
            return following
        if following.body:
            raise ValueError("it would carry the body to another origin")
        harmless = tuple(pair for pair in following.headers if pair[0].lower() in _HARMLESS)
        return replace(following, headers=harmless)


def _join(base: str, place: str) -> str:
    try:
        return urljoin(base, place)
    except ValueError as failure:  # the library's own words may repeat a secret
        raise ValueError("its place is no URL") from failure


def _trusts(old: Url, new: Url) -> bool:
    """Say whether `new` may see what `old` was sent: the same origin, or the same host made secure."""
    if old.host != new.host:
        return False
    return (old.scheme, old.port) == (new.scheme, new.port) or (
        (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)
    )


def check_inward(old: Address, new: Address, name: str) -> None:
    """Refuse to be redirected from elsewhere to this machine or its link.

    A stranger's server must not make the monitor talk to services which trust this machine.
    """
    if new.ip.is_link_local:
        raise ProbeFailed(ErrorClass.PROTOCOL, f"cannot follow the redirect to {name}: it is link-local")
    if (new.ip.is_loopback or new.ip.is_unspecified) and not old.ip.is_loopback:
        raise ProbeFailed(
            ErrorClass.PROTOCOL, f"cannot follow the redirect to {name}: it leads to this machine"
        )
