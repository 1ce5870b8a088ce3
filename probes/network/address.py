"""Where a target is: host and port as people write them, and URLs. What is doubtful is refused, not guessed."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote, urlsplit

URL_CHARACTERS: Final = 8192
_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = {scheme: scheme for scheme in _PORTS}  # thousands of URLs share the words
_MOST: Final = 65535
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# Whatever ends in a number is an address to some resolvers (0x7f.1, 2130706433, 127.1) and a name to others.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f\\]")
# Most URLs: nothing in them has to be quoted, unquoted or refused. The others take the long way.
_USUAL: Final = re.compile(
    r"(https?)://([a-z0-9][a-z0-9.-]*)(?::([1-9][0-9]{0,4}))?"
    r"(/[A-Za-z0-9_.~/%&=+,;:@-]*(?:\?[A-Za-z0-9_.~/%&=+,;:@?-]+)?)?"
)
_PATH_SIGNS: Final = "!#$%&'()*+,/:;=?@[]~|^\"<>{}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL taken apart. `path` is what is asked of the server, query included, percent-encoded.

    Its text form is the origin alone: paths and queries hold secrets more often than one would wish.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the origin: scheme, host, and the port unless it is the usual one."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(text: str) -> Url:
    """Take an http or https URL apart. Raise ValueError that says what is wrong, without repeating the URL."""
    if len(text) > URL_CHARACTERS:
        raise ValueError(f"a URL must not be longer than {URL_CHARACTERS} characters")
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        scheme, host, digits, path = usual.groups()
        port = _PORTS[scheme] if digits is None else _number(digits)
        if port <= _MOST:
            return Url(scheme=_SCHEMES[scheme], host=parse_host(host), port=port, path=path or "/")
    return _parse_unusual(text)


def _parse_unusual(text: str) -> Url:
    if _FORBIDDEN.search(text):
        raise ValueError("a URL must not hold blanks, control characters or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as failure:
        raise ValueError(
            "a URL must read like https://host:port/path with a port from 1 to 65535"
        ) from failure
    if parts.scheme not in _PORTS:
        raise ValueError(f"a URL must begin with http:// or https://, not {parts.scheme[:20]!r}")
    name = parts.hostname
    if not name:
        raise ValueError("a URL needs a host")
    if port == 0:
        raise ValueError("a port must be from 1 to 65535, not 0")
    host = unquote(name) if "%" in name else name
    if ":" in host and not parts.netloc.rpartition("@")[2].startswith("["):
        raise ValueError("an IPv6 address in a URL stands in brackets")
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PATH_SIGNS)
    return Url(
        scheme=parts.scheme,
        host=parse_host(host),
        port=port or _PORTS[parts.scheme],
        path=path,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def without_userinfo(text: str) -> str:
    """Return a URL without the user and password that may stand before its host."""
    scheme, separator, rest = text.partition("://")
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return (
        scheme + separator + rest[len(netloc.rpartition("@")[0]) :].removeprefix("@")
        if "@" in netloc
        else text
    )


_number: Final = lru_cache(maxsize=1024)(int)


@lru_cache(maxsize=1024)
def parse_host(text: str) -> str:
    """Return a host name in its ASCII form, or an address in its usual one. Raise ValueError for anything else."""
    if ":" in text:
        try:
            return str(ipaddress.IPv6Address(text))
        except ValueError as failure:
            raise ValueError(f"{text[:60]!r} is no IPv6 address") from failure
    try:
        host = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError as failure:
        raise ValueError(f"{text[:60]!r} is no host name") from failure
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as failure:
            raise ValueError(f"{host[:60]!r} is no IPv4 address: write all four decimal numbers") from failure
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{host[:60]!r} is no host name")
    return host.lower()


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split `host:port`, `[v6]:port`, or a bare host or IPv6 address, whose port is None."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text, re.DOTALL)
    if bracketed:
        return parse_host(bracketed[1]), None if bracketed[2] is None else parse_port(bracketed[2])
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return parse_host(host), parse_port(port)
    return parse_host(text), None


def parse_target(text: str, port: int | None) -> tuple[str, int | None]:
    """Return the host of a target and its port, which may stand apart. Raise ValueError when there are two."""
    host, own = parse_host_port(text)
    if own is not None and port not in {None, own}:
        raise ValueError("target and port name different ports")
    return host, own if own is not None or port is None else parse_port(str(port))


def parse_port(text: str) -> int:
    """Return a TCP port. Raise ValueError unless it is from 1 to 65535 in plain digits."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"a port must be from 1 to 65535, not {text[:20]!r}")
    return int(text)


def is_address(host: str) -> bool:
    """Say whether a host that `parse_host` let pass is an address and needs no look-up."""
    return ":" in host or host.rpartition(".")[2].isdigit()
