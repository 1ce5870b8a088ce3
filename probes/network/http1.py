"""HTTP/1.1 from the asking side: the bytes of a request, and one answer read within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import httptools

from probes.api import ProbeFailed, Run
from probes.network.connection import Connection
from probes.sample import ErrorClass

HEAD_BYTES: Final = 65536
BODY_BYTES: Final = 1 << 20
SLICE_SECONDS: Final = 0.005
"""What has arrived is read for so long before others have their turn."""
# What chunking may add to the body before reading stops.
_WIRE_BYTES: Final = BODY_BYTES + (BODY_BYTES >> 2)
_VERSIONS: Final = {"1.0": 1.0, "1.1": 1.1}
_BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. `body` is as it came over the wire, cut after `BODY_BYTES`; `whole` tells if that is all.

    `fields` are its headers, their names in lower case.
    """

    status: int
    version: float
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes = field(repr=False)
    whole: bool

    def header(self, name: str) -> str | None:
        """Return the value of a header (name in lower case), several joined by a comma; None when absent."""
        wanted = name.encode("latin-1")
        values = []
        for known, value in self.fields:
            if known == wanted:
                values.append(value)
        return b", ".join(values).decode("latin-1") if values else None


def write_request(method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body


async def exchange(connection: Connection, request: bytes, *, method: str, run: Run) -> Answer:
    """Send a request and read its answer, no more than the limits allow. Raises ProbeFailed."""
    reader = _Reader(bodiless=method == "HEAD", name=connection.name)
    run.phase("processing")
    try:
        await connection.send(request)
    except ProbeFailed as failure:
        # A server may refuse a request before it has read it all, and its answer says why.
        run.log("{}; reading the answer all the same", failure.message)
    data = await connection.receive()
    run.phase("transfer")
    await _read(connection, reader, data)
    run.phase(None)
    return reader.answer()


async def exchange_again(connection: Connection, request: bytes, *, method: str, run: Run) -> Answer | None:
    """The same over a connection that was idle; None when it ended before the first byte of an answer.

    Raises ProbeFailed for what is wrong with an answer that has begun.
    """
    run.phase("processing")
    try:
        await connection.send(request)
        data = await connection.receive()
    except ProbeFailed:
        return None
    if not data:
        return None
    reader = _Reader(bodiless=method == "HEAD", name=connection.name)
    run.phase("transfer")
    await _read(connection, reader, data)
    run.phase(None)
    return reader.answer()


async def _read(connection: Connection, reader: _Reader, data: bytes) -> None:
    """Read on after the first `data`. A server that sends faster than we read must not keep the loop to itself.

    Nor must each piece wait for a turn of a busy loop: a megabyte would not be read by the deadline.
    """
    began = perf_counter()
    while not reader.feed(data):
        if perf_counter() - began > SLICE_SECONDS:
            await asyncio.sleep(0)
            began = perf_counter()
        data = await connection.receive()


class _Reader:
    """Gathers one answer from the parser's calls. `feed` says when to stop."""

    __slots__ = (
        "_bodiless",
        "_body",
        "_complete",
        "_head",
        "_headers",
        "_name",
        "_parser",
        "_read",
        "_status",
        "_taken",
    )

    def __init__(self, *, bodiless: bool, name: str) -> None:
        self._name = name
        self._bodiless = bodiless
        self._head = True  # still reading the head
        self._complete = False
        self._status = 0
        self._read = self._taken = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> bool:
        """Take what has arrived (nothing: the other side has closed). True when enough has been read."""
        if not data:
            self._closed()
            return True
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # 101: what follows is no HTTP any more
            self._complete = True
        except httptools.HttpParserError as failure:
            if not self._complete:  # what comes after the answer is nobody's business
                raise self._failed(f"what it answers is not HTTP/1.1 ({failure})") from failure
        if self._complete:
            return True
        if self._head:
            if self._read >= HEAD_BYTES:
                raise self._failed(f"its headers are longer than {HEAD_BYTES} bytes")
            return False
        return len(self._body) >= BODY_BYTES or self._read >= _WIRE_BYTES

    def answer(self) -> Answer:
        """Return what was read, once `feed` has said that it is enough."""
        version = _VERSIONS.get(self._parser.get_http_version())
        if version is None or not 100 <= self._status <= 999:
            raise self._failed(
                f"it answers HTTP/{self._parser.get_http_version()} with status {self._status}"
            )
        return Answer(
            status=self._status,
            version=version,
            fields=self._headers,
            body=bytes(self._body) if len(self._body) <= BODY_BYTES else bytes(self._body[:BODY_BYTES]),
            whole=self._complete,
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:  # an interim answer: the true one follows
            self._headers.clear()
            return
        self._head = False
        self._status = status
        self._complete = self._bodiless or status in _BODILESS

    def on_body(self, data: bytes) -> None:
        if not self._complete and len(self._body) < BODY_BYTES:
            self._body += data

    def on_message_complete(self) -> None:
        self._complete = not self._head

    def _closed(self) -> None:
        if self._head:
            raise self._failed(
                "it closed the connection " + ("within the headers" if self._read else "without an answer")
            )
        names = dict(self._headers)
        coding = names.get(b"transfer-encoding", b"").lower().rpartition(b",")[2].strip()
        if coding == b"chunked":
            raise self._failed("it closed the connection before the last chunk")
        if not coding and b"content-length" in names:
            raise self._failed(
                f"it closed the connection after {len(self._body)} of {names[b'content-length'].decode('latin-1')[:20]}"
                " bytes"
            )
        self._complete = True  # without a length the end of the connection is the end of the body

    def _failed(self, cause: str) -> ProbeFailed:
        return ProbeFailed(ErrorClass.PROTOCOL, f"cannot read the answer of {self._name}: {cause}")
