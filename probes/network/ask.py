"""One request of a chain of redirects: its bytes, and what may follow it to another place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin

from probes.api import ProbeFailed
from probes.network.address import Url, parse_url
from probes.network.connection import Address
from probes.network.http1 import write_request
from probes.sample import ErrorClass

# The only ones another origin gets to see: any other may hold a key.
_HARMLESS: Final = frozenset({"accept", "accept-language", "accept-encoding", "user-agent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `closes`: the server is told that the connection ends with its answer."""

    url: Url
    method: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    closes: bool = True
    written: bytes = field(init=False, repr=False)
    """The request as it goes over the wire."""

    def __post_init__(self) -> None:
        """Work out once what is the same in every run."""
        object.__setattr__(self, "written", self._write())

    @property
    def name(self) -> str:
        """What messages call the target."""
        return f"{self.url.host}:{self.url.port}"

    def _write(self) -> bytes:
        headers = [*self.sent, ("Connection", "close" if self.closes else "keep-alive")]
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers.append(("Content-Length", str(len(self.body))))
        return write_request(self.method, self.url.path, headers, self.body)

    @property
    def sent(self) -> tuple[tuple[str, str], ...]:
        """The headers with the one that names the host, without those that concern the connection and the body."""
        if "host" in map(str.lower, dict(self.headers)):
            return self.headers
        return (("Host", self.url.authority), *self.headers)

    def redirected(self, status: int, location: str) -> Ask:
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


def check_inward(old: Address | None, new: Address, name: str) -> None:
    """Refuse to be redirected from elsewhere (None: nobody knows) to this machine or its link.

    A stranger's server must not make the monitor talk to services which trust this machine.
    """
    if new.ip.is_link_local:
        raise ProbeFailed(ErrorClass.PROTOCOL, f"cannot follow the redirect to {name}: it is link-local")
    if (new.ip.is_loopback or new.ip.is_unspecified) and not (old is not None and old.ip.is_loopback):
        raise ProbeFailed(
            ErrorClass.PROTOCOL, f"cannot follow the redirect to {name}: it leads to this machine"
        )


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
