"""Which of a name's addresses comes first: what this machine can reach, IPv6 before IPv4 (RFC 6724, in short)."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Final

Found = tuple[socket.AddressFamily, str]
"""One address: its family and its text."""

# Addresses of these are for tunnels and sites: IPv4 is the better way where there is one.
_SECOND_CHOICE: Final = tuple(map(ipaddress.IPv6Network, ("fc00::/7", "2002::/16", "2001::/32", "fec0::/10")))


def ordered(addresses: tuple[Found, ...]) -> tuple[Found, ...]:
    """Return them with the better family first; within a family the order of the answer stays."""
    six = tuple(found for found in addresses if found[0] is socket.AF_INET6)
    four = tuple(found for found in addresses if found[0] is socket.AF_INET)
    if not six or not four:
        return addresses
    return six + four if _fits(six[0][1]) else four + six


def reachable(family: socket.AddressFamily, address: str) -> str | None:
    """Return from which of our own addresses one would be reached; None where no way leads there. Sends nothing."""
    try:
        probe = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as failure:
        if failure.errno == errno.EAFNOSUPPORT:  # a kernel without IPv6
            return None
        raise
    with probe:
        try:
            probe.connect((address, 53))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _fits(address: str) -> bool:
    source = reachable(socket.AF_INET6, address)
    if source is None:
        return False
    ends = [ipaddress.IPv6Address(end.partition("%")[0]) for end in (address, source)]
    if any(end in network for end in ends for network in _SECOND_CHOICE):
        return False
    return ends[0].is_link_local == ends[1].is_link_local and ends[0].is_loopback == ends[1].is_loopback
