"""A name server for one test, over UDP and TCP on one port of the loopback address: what it says is a function."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probes.network.names.question import NUMBERS, TYPES, Type
from probes.network.names.settings import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query as it arrived. `times` counts those for this name and type, this one included."""

    number: int
    name: str
    kind: Type
    question: bytes = field(repr=False)
    edns: bool
    recursion: bool
    tcp: bool
    times: int


Script = Callable[[Asked], Iterable[bytes]]
"""What is sent for a query: any number of messages, none being silence."""


def wire(name: str) -> bytes:
    """Return a name as labels, uncompressed; anything goes."""
    return (
        b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"
    )


def record(name: str, kind: Type | int, data: bytes, *, ttl: int = 60) -> bytes:
    """Return one resource record."""
    number = kind if isinstance(kind, int) else NUMBERS[kind]
    return wire(name) + struct.pack("!HHIH", number, 1, ttl, len(data)) + data


def a(name: str, address: str, *, ttl: int = 60) -> bytes:
    """Return an A or AAAA record."""
    if ":" in address:
        return record(name, Type.AAAA, socket.inet_pton(socket.AF_INET6, address), ttl=ttl)
    return record(name, Type.A, socket.inet_aton(address), ttl=ttl)


def cname(name: str, target: str, *, ttl: int = 60) -> bytes:
    """Return an alias."""
    return record(name, Type.CNAME, wire(target), ttl=ttl)


def reply(
    asked: Asked,
    *answers: bytes,
    rcode: int = 0,
    truncated: bool = False,
    authoritative: bool = False,
    number: int | None = None,
    question: bytes | None = None,
    authorities: Iterable[bytes] = (),
    additionals: Iterable[bytes] = (),
) -> bytes:
    """Return an answer to `asked`, right in all that is not given otherwise."""
    flags = 0x8180 | rcode | (0x0200 if truncated else 0) | (0x0400 if authoritative else 0)
    question = asked.question if question is None else question
    sections = [list(answers), list(authorities), list(additionals)]
    counts = (1 if question else 0, *map(len, sections))
    header = struct.pack("!HHHHHH", asked.number if number is None else number, flags, *counts)
    return header + question + b"".join(part for section in sections for part in section)


def zone(addresses: dict[str, tuple[str, ...]], *, ttl: int = 60) -> Script:
    """Return the script of a server that knows these names, and no other."""

    def script(asked: Asked) -> Iterable[bytes]:
        known = addresses.get(asked.name)
        if known is None:
            return [reply(asked, rcode=3)]
        wanted = [one for one in known if (asked.kind is Type.AAAA) is (":" in one)]
        return [
            reply(
                asked, *(a(asked.name, one, ttl=ttl) for one in wanted if asked.kind in {Type.A, Type.AAAA})
            )
        ]

    return script


class NameServer(asyncio.DatagramProtocol):
    """Answers by its script, which may be changed at any time, and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.port = 0
        self._transport: Any = None

    def times(self, name: str, kind: Type = Type.A) -> int:
        """Return how often it was asked for this."""
        return sum(one.name == name and one.kind is kind for one in self.asked)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for message in self._answers(data, tcp=False):
            self._transport.sendto(message, addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one query over TCP and close."""
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                data = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                for message in self._answers(data, tcp=True):
                    writer.write(len(message).to_bytes(2) + message)
                await writer.drain()
        finally:
            writer.close()

    def _answers(self, data: bytes, *, tcp: bool) -> Iterable[bytes]:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1"))
            at += data[at] + 1
        name, kind = ".".join(labels), TYPES[int.from_bytes(data[at + 1 : at + 3])]
        asked = Asked(
            number=int.from_bytes(data[:2]),
            name=name,
            kind=kind,
            question=data[12 : at + 5],
            edns=data[10:12] != b"\0\0",
            recursion=bool(data[2] & 1),
            tcp=tcp,
            times=self.times(name, kind) + 1,
        )
        self.asked.append(asked)
        return self.script(asked)


@contextlib.asynccontextmanager
async def name_server(script: Script, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[NameServer]:
    """Serve over both transports on one port."""
    server = NameServer(script)
    loop = asyncio.get_running_loop()
    for _ in range(20):
        datagrams, _protocol = await loop.create_datagram_endpoint(lambda: server, local_addr=(host, port))
        server.port = datagrams.get_extra_info("sockname")[1]
        try:
            stream = await asyncio.start_server(server.serve, host, server.port)
        except OSError:  # another has that port for TCP
            datagrams.close()
            continue
        break
    else:
        raise RuntimeError("cannot find a port that is free for both transports")
    try:
        yield server
    finally:
        datagrams.close()
        stream.close()
        await stream.wait_closed()
        await asyncio.sleep(0)


def machine(folder: Path, *, port: int = 53, resolv: str = "", hosts: str = "", nsswitch: str = "") -> Files:
    """Return the files of a machine whose first name server is on the loopback address at `port`."""
    for name, text in (("hosts", hosts), ("resolv.conf", resolv), ("nsswitch.conf", nsswitch)):
        (folder / name).write_text(text)
    return Files(
        hosts=str(folder / "hosts"),
        resolv=str(folder / "resolv.conf"),
        nsswitch=str(folder / "nsswitch.conf"),
        port=port,
    )
