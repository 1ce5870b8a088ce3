"""The data of records as text, the way zone files show it: numbers, names without a final dot, plain text."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final

from probes.network.names.question import Type
from probes.network.names.reader import Malformed, Reader

_SOA: Final = struct.Struct("!IIIII")
_SRV: Final = struct.Struct("!HHH")


def show(reader: Reader, kind: Type, data: bytes, at: int) -> str:
    """Return the data of a record of type `kind`, which begins at `at` in its message. Raises Malformed."""
    try:
        return _SHOWN[kind](reader, data, at)
    except (struct.error, IndexError, OSError, ValueError) as failure:
        raise Malformed(f"a record of type {kind.value} is not what it claims") from failure


def _address4(_reader: Reader, data: bytes, _at: int) -> str:
    return socket.inet_ntop(socket.AF_INET, data)


def _address6(_reader: Reader, data: bytes, _at: int) -> str:
    return socket.inet_ntop(socket.AF_INET6, data)


def _name(reader: Reader, data: bytes, at: int) -> str:
    name, end = reader.name(at)
    _must_end(end, at, data)
    return name


def _mail(reader: Reader, data: bytes, at: int) -> str:
    (preference,) = struct.unpack_from("!H", data)
    return f"{preference} {_name(reader, data[2:], at + 2) or '.'}"


def _service(reader: Reader, data: bytes, at: int) -> str:
    priority, weight, port = _SRV.unpack_from(data)
    return f"{priority} {weight} {port} {_name(reader, data[_SRV.size :], at + _SRV.size) or '.'}"


def _authority(reader: Reader, data: bytes, at: int) -> str:
    server, after = reader.name(at)
    person, after = reader.name(after)
    numbers = _SOA.unpack(data[after - at :])
    return f"{server or '.'} {person or '.'} {' '.join(map(str, numbers))}"


def _text(_reader: Reader, data: bytes, _at: int) -> str:
    """Return the strings put together, as those who cut a long text mean it."""
    whole, at = bytearray(), 0
    while at < len(data):
        size = data[at]
        whole += data[at + 1 : at + 1 + size]
        at += 1 + size
    _must_end(at, 0, data)
    return _readable(bytes(whole))


def _authorization(_reader: Reader, data: bytes, _at: int) -> str:
    flags, size = data[0], data[1]
    return f'{flags} {_readable(data[2 : 2 + size])} "{_readable(data[2 + size :])}"'


def _must_end(end: int, at: int, data: bytes) -> None:
    if end - at != len(data):
        raise Malformed("a record is longer or shorter than it says")


def _readable(data: bytes) -> str:
    return "".join(
        sign if sign.isprintable() else f"\\{ord(sign):03d}" for sign in data.decode("utf-8", "replace")
    )


_SHOWN: Final[dict[Type, Callable[[Reader, bytes, int], str]]] = {
    Type.A: _address4,
    Type.AAAA: _address6,
    Type.CNAME: _name,
    Type.NS: _name,
    Type.PTR: _name,
    Type.MX: _mail,
    Type.TXT: _text,
    Type.SOA: _authority,
    Type.SRV: _service,
    Type.CAA: _authorization,
}
