"""A name server that misbehaves, one way for each name below `.test`; `nonsense` is the script for `lab.name_server`.

Names below `.shop.test` have addresses, of which some or all are dead: `lab.hostile_run` makes a network where nobody
answers at those.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Final

from lab.name_server import Asked, Script, a, cname, record, reply, wire
from probes.network.names.question import Type

DEAD_V4: Final = "10.66.0.9"
DEAD_V6: Final = "2001:db8:66::9"
HERE: Final = "127.0.0.1"
DNAME: Final = 39

Say = Callable[[Asked], Iterable[bytes]]


def _good(asked: Asked) -> bytes:
    return a(asked.name, "192.0.2.1")


def _huge(asked: Asked) -> Iterable[bytes]:
    """Nearly 64 KB of records, over TCP."""
    if not asked.tcp:
        return [reply(asked, truncated=True)]
    text = b"\xff" + b"x" * 255
    return [reply(asked, _good(asked), *(record(asked.name, Type.TXT, text) for _ in range(220)))]


def _crowd(asked: Asked) -> Iterable[bytes]:
    """Thousands of records that say nothing, over TCP."""
    if not asked.tcp:
        return [reply(asked, truncated=True)]
    return [reply(asked, *(b"\0" + struct.pack("!HHIH", 99, 1, 0, 0) for _ in range(5900)))]


def _chain(asked: Asked) -> Iterable[bytes]:
    """A hundred aliases, and no end."""
    return [
        reply(asked, *(cname(asked.name if n == 0 else f"c{n}.test", f"c{n + 1}.test") for n in range(20)))
    ]


def _pointers(asked: Asked) -> Iterable[bytes]:
    """Names that lead from one pointer to the next, as far as the rules permit."""
    first = 12 + len(asked.question)
    data, at = b"\x01x\x00", first
    for _ in range(200):
        pointer = struct.pack("!H", 0xC000 | at)
        at = first + len(data)
        data += pointer
    return [reply(asked, data)]


def _flood(asked: Asked) -> Iterable[bytes]:
    """A hundred forgeries, each with another number."""
    return [
        reply(asked, a(asked.name, "192.0.2.66"), number=(asked.number + n) & 0xFFFF) for n in range(1, 101)
    ]


BY_NAME: Final[dict[str, Say]] = {
    "good.test": lambda asked: [reply(asked, _good(asked))],
    "silent.test": lambda _asked: [],
    "wrong-id.test": lambda asked: [reply(asked, _good(asked), number=asked.number ^ 1)],
    "flood.test": _flood,
    "other-question.test": lambda asked: [
        reply(asked, a("evil.test", "192.0.2.66"), question=wire("evil.test") + b"\0\1\0\1")
    ],
    "other-name.test": lambda asked: [reply(asked, a("evil.test", "192.0.2.66"))],
    "circle.test": lambda asked: [reply(asked, cname("circle.test", "b.test"), cname("b.test", "circle.test"))],
    "chain.test": _chain,
    "empty.test": lambda asked: [reply(asked)],
    "lame.test": lambda asked: [reply(asked, authorities=[record("test", Type.NS, wire("ns.elsewhere.test"))])],
    "refused.test": lambda asked: [reply(asked, rcode=5)],
    "servfail.test": lambda asked: [reply(asked, rcode=2)],
    "nxdomain.test": lambda asked: [reply(asked, rcode=3)],
    "no-edns.test": lambda asked: [reply(asked, rcode=1) if asked.edns else reply(asked, _good(asked))],
    "hates-all.test": lambda asked: [reply(asked, rcode=1)],
    "dname.test": lambda asked: [
        reply(asked, record("test", DNAME, wire("example")), cname("dname.test", "dname.example"),
              a("dname.example", "192.0.2.1"))
    ],
    "ttl.test": lambda asked: [reply(asked, a("ttl.test", "192.0.2.1", ttl=2**31))],
    "three-bytes.test": lambda asked: [reply(asked, record(asked.name, asked.kind, b"123"))],
    "loop.test": lambda asked: [reply(asked, b"\x01x" + struct.pack("!H", 0xC000 | (12 + len(asked.question))))],
    "pointers.test": _pointers,
    "rubbish.test": lambda asked: [reply(asked, b"\xc0\x0c\xc0\x40")],
    "half.test": lambda asked: [reply(asked, _good(asked))[:-7]],
    "header-only.test": lambda asked: [reply(asked)[:12]],
    "counts-lie.test": lambda asked: [reply(asked)[:6] + b"\xff\xff" + reply(asked)[8:]],
    "truncated-no-tcp.test": lambda asked: [] if asked.tcp else [reply(asked, truncated=True)],
    "truncated-for-ever.test": lambda asked: [reply(asked, truncated=True)],
    "truncated-lies.test": lambda asked: [
        reply(asked, _good(asked), number=asked.number ^ 1) if asked.tcp else reply(asked, truncated=True)
    ],
    "huge.test": _huge,
    "crowd.test": _crowd,
    # Names that have addresses.
    "v6-dead.shop.test": lambda asked: [
        reply(asked, a(asked.name, DEAD_V6 if asked.kind is Type.AAAA else HERE))
    ],
    "fifty.shop.test": lambda asked: [
        reply(asked) if asked.kind is Type.AAAA else
        reply(asked, *(a(asked.name, f"10.66.0.{n + 2}") for n in range(49)), a(asked.name, HERE), truncated=False)
    ],
    "here.shop.test": lambda asked: [reply(asked) if asked.kind is Type.AAAA else reply(asked, a(asked.name, HERE))],
}  # fmt: skip
"""What is said of each name; of others that there are none."""


def nonsense(asked: Asked) -> Iterable[bytes]:
    """Answer by the name."""
    return BY_NAME.get(asked.name, lambda one: [reply(one, rcode=3)])(asked)


SCRIPT: Final[Script] = nonsense
