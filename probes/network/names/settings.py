"""What the machine says about looking up names, in the files that libc reads: hosts, resolv.conf and nsswitch.conf."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from probes.api import OUR_FAULT
from probes.network.names.client import PORT, Place
from probes.network.names.order import Found

_HOSTS_BYTES: Final = 4 * 1024 * 1024
_FILE_BYTES: Final = 65536
_SERVERS: Final = 3
_DOMAINS: Final = 20
_NDOTS: Final = 15
_ATTEMPTS: Final = 5
_OURS: Final = frozenset({"files", "dns"})

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the machine says it, and the port at which the name servers it names listen."""

    hosts: str = "/etc/hosts"
    resolv: str = "/etc/resolv.conf"
    nsswitch: str = "/etc/nsswitch.conf"
    port: int = PORT

    def stamp(self) -> Stamp:
        """Return what changes with any of the files."""
        return tuple(map(_stamp, (self.hosts, self.resolv, self.nsswitch)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How names are looked up here. `ours` is false where libc asks more than the files and DNS."""

    ours: bool = True
    dns: bool = True
    servers: tuple[Place, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    attempts: int = 2
    tcp: bool = False
    aaaa: bool = True
    hosts: Mapping[str, tuple[Found, ...]] = field(default_factory=dict)

    def candidates(self, host: str) -> tuple[str, ...]:
        """Return the full names that `host` may stand for, in the order in which they are tried."""
        if host.endswith("."):
            return (host[:-1],)
        searched = tuple(f"{host}.{domain}" for domain in self.search if len(host) + len(domain) < 253)
        return (host, *searched) if host.count(".") >= self.ndots else (*searched, host)


def load(files: Files) -> Settings:
    """Read the files; one that is missing or may not be read says nothing. Raises OSError when we are out of files."""
    ours, dns = _switch(_read(files.nsswitch, _FILE_BYTES))
    return _resolv(
        _read(files.resolv, _FILE_BYTES),
        files.port,
        ours=ours,
        dns=dns,
        hosts=_hosts(_read(files.hosts, _HOSTS_BYTES)),
    )


def _switch(text: str) -> tuple[bool, bool]:
    """Return whether we can do what the line for hosts says, and whether that includes DNS."""
    for line in text.splitlines():
        key, colon, rest = line.partition("#")[0].partition(":")
        if colon and key.strip() == "hosts":
            words = rest.split()
            known = _OURS.issuperset(words) and words[:1] == ["files"] and len(words) == len(set(words))
            return known, "dns" in words
    return True, True


def _resolv(
    text: str, port: int, *, ours: bool, dns: bool, hosts: Mapping[str, tuple[Found, ...]]
) -> Settings:
    servers: list[Place] = []
    search: tuple[str, ...] | None = None
    options: dict[str, str] = {}
    for line in text.splitlines():
        key, *words = re.split(r"\s[#;]", line)[0].split() or [""]
        if key == "nameserver" and words and len(servers) < _SERVERS:
            place = _place(words[0], port)
            if place is not None:
                servers.append(place)
        elif key in {"search", "domain"} and words:
            search = tuple(word.strip(".").lower() for word in (words if key == "search" else words[:1]))
        elif key == "options":
            options |= {name: value for name, _, value in (word.partition(":") for word in words)}
    if search is None:  # then it is the domain of this machine's own name
        search = (socket.gethostname().partition(".")[2],)
    return Settings(
        ours=ours,
        dns=dns,
        hosts=hosts,
        servers=tuple(servers) or (Place(socket.AF_INET, ("127.0.0.1", port)),),
        search=tuple(domain for domain in search if domain)[:_DOMAINS],
        ndots=_number(options, "ndots", 1, _NDOTS),
        attempts=max(_number(options, "attempts", 2, _ATTEMPTS), 1),
        tcp="use-vc" in options,
        aaaa="no-aaaa" not in options,
    )


def _number(options: Mapping[str, str], name: str, default: int, most: int) -> int:
    word = options.get(name, "")
    return min(int(word), most) if re.fullmatch(r"[0-9]{1,4}", word) else default


def _place(word: str, port: int) -> Place | None:
    try:
        if ":" not in word:
            socket.inet_pton(socket.AF_INET, word)
            return Place(socket.AF_INET, (word, port))
        address, _, zone = word.partition("%")
        socket.inet_pton(socket.AF_INET6, address)
        return Place(socket.AF_INET6, (address, port, 0, socket.if_nametoindex(zone) if zone else 0))
    except OSError:  # also an interface that is not there
        return None


def _hosts(text: str) -> dict[str, tuple[Found, ...]]:
    table: dict[str, tuple[Found, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            socket.inet_pton(family, address)
        except (OSError, ValueError):
            continue
        for name in names:
            key, found = name.lower(), (family, address)
            if found not in table.get(key, ()):
                table[key] = (*table.get(key, ()), found)
    return table


def _read(path: str, limit: int) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError as failure:
        if failure.errno in OUR_FAULT:
            raise
        return ""


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - each second, on the loop
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
