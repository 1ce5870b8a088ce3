"""The numbers of ICMP, and what its reports of errors say in words."""

from __future__ import annotations

import socket
from typing import Final

PROTOCOLS: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
REQUEST: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}
ERRORS: Final = {
    socket.AF_INET: {3: "destination unreachable", 11: "too many hops on the way"},
    socket.AF_INET6: {
        1: "destination unreachable",
        2: "packet too big for the way",
        3: "too many hops on the way",
    },
}
_CODES: Final = {
    (socket.AF_INET, 3): {
        0: "network unreachable",
        1: "host unreachable",
        2: "protocol unreachable",
        3: "port unreachable",
        4: "packet too big for the way",
        9: "prohibited on the way",
        10: "prohibited on the way",
        13: "prohibited on the way",
    },
    (socket.AF_INET6, 1): {
        0: "no route to the destination",
        1: "prohibited on the way",
        3: "address unreachable",
        4: "port unreachable",
        5: "prohibited on the way",
        6: "route rejected",
    },
}


def describe(family: socket.AddressFamily, kind: int, code: int) -> str:
    """Return what a report of this type and code says."""
    known = _CODES.get((family, kind), {})
    return known.get(code) or ERRORS[family].get(kind, "refused on the way")
