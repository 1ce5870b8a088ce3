"""Handshakes and certificates made to mislead or to hurt: every one has its outcome, bounded in time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.hostile_http import answer, hostile
from lab.hostile_tls import HERE, NAME, context, dns, many_tickets, tls_1_0, weak_ciphers
from lab.probe_certificates import Authority
from lab.probe_http import Result, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import Serve, serving
from probes.api import Reading
from probes.network.expect import Expect
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.sample import ErrorClass


def shake(tls: ssl.SSLContext, ca: str, *, name: str = NAME) -> Result:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> Result:
        async with serving(silent, tls=tls) as port:
            with surroundings() as run:
                return await look(Tls(target="127.0.0.1", port=port, server_name=name, ca=ca), run)

    return finished(go)


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        pytest.param({}, NAME, None, id="an ordinary one"),
        pytest.param({"names": dns("*.example.com")}, NAME, None, id="a wildcard"),
        pytest.param({"names": dns(*(f"h{n}.example.com" for n in range(1000)), NAME)}, NAME, None, id="1,000 names"),
        pytest.param({"names": [x509.IPAddress(ip_address("192.0.2.7"))]}, "192.0.2.7", None, id="an address"),
        pytest.param({"names": [x509.IPAddress(ip_address("2001:db8::7"))]}, "2001:db8::7", None, id="an IPv6 address"),
        pytest.param({"names": dns("192.0.2.7")}, "192.0.2.7", "not for its name", id="an address as a name"),
        pytest.param({"names": dns("*")}, NAME, "not for its name", id="a star"),
        pytest.param({"names": dns("*.com")}, NAME, "not for its name", id="a wildcard for a country"),
        pytest.param({"names": dns("*.*.com")}, NAME, "not for its name", id="two wildcards"),
        pytest.param({"names": dns("*.example.com")}, "a.shop.example.com", "not for its name", id="two labels deep"),
        pytest.param({"names": dns("shop.*.com")}, NAME, "not for its name", id="a wildcard within"),
        pytest.param({"names": dns(f"{NAME}\0.evil.com")}, NAME, "not for its name", id="a NUL in the name"),
        pytest.param({"names": dns(f"{NAME}.evil.com")}, NAME, "not for its name", id="a longer name"),
        pytest.param({"names": dns("other.com"), "common": NAME}, NAME, "not for its name", id="the common name only"),
        pytest.param({"names": [x509.RFC822Name(f"a@{NAME}")]}, NAME, "not for its name", id="a mail address"),
    ],
)  # fmt: skip
def test_only_a_certificate_for_the_name_will_do(
    options: dict[str, Any], name: str, message: str | None, authority: Authority, tmp_path: Path
) -> None:
    result = shake(context(authority, tmp_path, **options), authority.file, name=name)
    if message is None:
        assert isinstance(result, Reading), result
    else:
        assert failure(result).error is ErrorClass.TLS
        assert message in failure(result).message
        assert failure(result).reading is not None


def weak_key(_: ssl.SSLContext) -> None:
    """Change nothing: the certificate is at fault."""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        pytest.param(weak_key, {"key": 1024}, "key too small|key too weak", id="a weak key"),
        pytest.param(tls_1_0, {}, "cannot speak TLS", id="TLS 1.0 alone"),
        pytest.param(weak_ciphers, {}, "cannot speak TLS", id="ciphers without a certificate"),
        pytest.param(weak_key, {"extra": 400}, "cannot speak TLS", id="a chain of 200 KB"),
    ],
)
def test_what_is_too_weak_or_too_much_is_class_tls(
    change: Callable[[ssl.SSLContext], None],
    options: dict[str, Any],
    message: str,
    authority: Authority,
    tmp_path: Path,
) -> None:
    if "key" in options:
        options = {"key": rsa.generate_private_key(65537, options["key"])}
    tls = context(authority, tmp_path, **options)
    change(tls)
    result = shake(tls, authority.file)
    assert failure(result).error is ErrorClass.TLS, result
    assert any(one in failure(result).message for one in message.split("|")), failure(result).message


@pytest.mark.parametrize("loop", LOOPS)
def test_a_storm_of_session_tickets_changes_nothing(loop: str, authority: Authority, tmp_path: Path) -> None:
    tls = context(authority, tmp_path, names=[HERE])
    many_tickets(tls)

    async def go() -> Result:
        async with hostile(tls=tls) as target:
            with surroundings() as run:
                probe = Http(url=target.url("/ok"), ca=authority.file, expect=Expect(body_contains="needle"))
                return await look(probe, run)

    assert isinstance(finished(go, loop), Reading)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("say", "error"),
    [
        pytest.param(answer(b"needle"), None, id="after the whole answer"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nneedle", ErrorClass.PROTOCOL, id="within"
        ),
    ],
)
def test_a_server_that_goes_without_a_farewell_is_judged_by_its_answer(
    say: bytes, error: ErrorClass | None, loop: str, authority: Authority
) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(say)
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.shutdown(socket.SHUT_WR)  # no close_notify
        await reader.read()

    result = fetch(rude, authority, loop=loop)
    if error is None:
        assert isinstance(result, Reading), result
    else:
        assert failure(result).error is error


def fetch(serve: Serve, authority: Authority, *, loop: str) -> Result:
    async def go() -> Result:
        async with serving(serve, tls=authority.server()) as port:
            with surroundings() as run:
                return await look(Http(url=f"https://127.0.0.1:{port}/", ca=authority.file), run)

    return finished(go, loop)


# Below TLS


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_connection_that_is_broken_off_as_soon_as_it_is_open_has_its_class(
    at_once: bool, scheme: str, loop: str
) -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not at_once:
            await reader.read(1)
        reset(writer)

    async def go() -> Result:
        async with serving(breaks) as port:
            with surroundings() as run:
                return await look(Http(url=f"{scheme}://127.0.0.1:{port}/"), run)

    expected = {ErrorClass.TLS if scheme == "https" else ErrorClass.PROTOCOL, ErrorClass.CONNECT}
    assert failure(finished(go, loop)).error in expected


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_takes_nothing_in_is_cut_off_by_the_deadline(loop: str) -> None:
    async def go() -> tuple[Result, dict[str, float]]:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()  # the kernel accepts, nobody reads
            with surroundings() as run:
                probe = Http(
                    url=f"http://127.0.0.1:{deaf.getsockname()[1]}/", method="POST", body="x" * 65536
                )
                return await look(probe, run, within=0.2), run.phases

    result, phases = finished(go, loop)
    assert isinstance(result, TimeoutError)
    assert list(phases)[-1] == "processing"
