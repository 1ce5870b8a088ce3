"""The TLS probe against real handshakes: good certificates, every kind of bad one, and what is told of them."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from lab.probe_certificates import BAD, Authority
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import serving
from probes.api import ProbeFailed, Reading, Run
from probes.network.certificate import fits
from probes.network.handshake import Tls
from probes.network.tls import TlsVersion
from probes.sample import ErrorClass

DAY = 86400
Result = Reading | ProbeFailed | TimeoutError


def shake(
    tls: ssl.SSLContext, *, loop: str = "asyncio", host: str = "127.0.0.1", **options: Any
) -> tuple[Result, Run]:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> tuple[Result, Run]:
        async with serving(silent, tls=tls) as port:
            with surroundings() as run:
                return await look(Tls(target=host, port=port, **options), run), run

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_good_certificates_are_up_and_tell_how_long_they_hold(loop: str, authority: Authority) -> None:
    result, _ = shake(authority.server(days=15, began_days_ago=45), loop=loop, ca=authority.file)
    assert isinstance(result, Reading), result
    assert result.values["valid"] == 1
    assert result.values["certificate_expires_seconds"] == pytest.approx(15 * DAY, abs=60)
    assert result.values["certificate_lifetime_left_ratio"] == pytest.approx(0.25, abs=0.001)
    assert result.values["tls_version"] == 1.3
    assert result.values["handshake_seconds"] == result.phases["tls"] > 0
    assert result.values["connect_seconds"] == result.phases["connect"] > 0


CHAIN = "the certificate chain of 127.0.0.1:{port} is not valid: "
COMPLAINTS = {
    "expired": (CHAIN + "certificate has expired", -1),
    "not yet valid": (CHAIN + "certificate is not yet valid", 30),
    "wrong name": ("the certificate of 127.0.0.1:{port} is not for its name: ", 30),
    "unknown authority": (CHAIN + "unable to get local issuer certificate", 30),
    "self-signed": (CHAIN + "self-signed certificate, nor is it for 127.0.0.1", 30),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_certificates_are_down_say_what_is_bad_and_are_measured_all_the_same(
    bad: str, loop: str, authority: Authority
) -> None:
    result, run = shake(BAD[bad](authority), loop=loop, ca=authority.file)
    message, days = COMPLAINTS[bad]
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.TLS
    before, _, after = message.partition("{port}")
    assert result.message.startswith(before)
    assert after in result.message
    assert ("nor is it" in result.message) == (bad == "self-signed")
    assert result.reading is not None
    assert result.reading.values["valid"] == 0
    assert result.reading.values["certificate_expires_seconds"] == pytest.approx(days * DAY, abs=60)
    assert {"connect", "tls"} <= set(result.reading.phases)
    assert any("without verification" in line for line in run.lines)


def test_a_good_chain_is_looked_at_once(authority: Authority) -> None:
    _, run = shake(authority.server(), ca=authority.file)
    assert not any("without verification" in line for line in run.lines)


def test_an_intermediate_that_ends_first_counts(authority: Authority) -> None:
    result, _ = shake(authority.short_chain(), host="localhost", ca=authority.file)
    assert isinstance(result, Reading), result
    assert result.values["certificate_expires_seconds"] == pytest.approx(3 * DAY, abs=60)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_no_certificate_trouble_is_told_without_a_second_look(
    loop: str, authority: Authority
) -> None:
    old = authority.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    result, run = shake(old, loop=loop, ca=authority.file, tls_min=TlsVersion.V1_3)
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.TLS
    assert result.reading is None
    assert not any("without verification" in line for line in run.lines)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("say", "error", "message"),
    [
        (b"", ErrorClass.TLS, "the connection broke"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorClass.TLS, "is this a plain port?"),
        (b"220 mail.example.com ESMTP\r\n", ErrorClass.TLS, "is this a plain port?"),
        (b"\x15\x03\x01\x00\x02\x02\x28", ErrorClass.TLS, "handshake failure"),
    ],
)
def test_a_port_that_speaks_no_tls_is_class_tls(
    say: bytes, error: ErrorClass, message: str, loop: str
) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(say)

    async def go() -> Result:
        async with serving(plain) as port:
            with surroundings() as run:
                return await look(Tls(target=f"127.0.0.1:{port}"), run)

    result = finished(go, loop)
    assert isinstance(result, ProbeFailed)
    assert result.error is error
    assert message in result.message


@pytest.mark.parametrize(
    ("kind", "known", "name", "expected"),
    [
        ("DNS", "shop.example.com", "shop.example.com", True),
        ("DNS", "SHOP.example.com", "shop.example.com.", True),
        ("DNS", "*.example.com", "shop.example.com", True),
        ("DNS", "*.example.com", "a.shop.example.com", False),
        ("DNS", "*.example.com", "example.com", False),
        ("DNS", "shop.example.com", "pay.example.com", False),
        ("DNS", "127.0.0.1", "127.0.0.1", False),
        ("IP Address", "127.0.0.1", "127.0.0.1", True),
        ("IP Address", "0:0:0:0:0:0:0:1", "::1", True),
        ("IP Address", "rubbish", "::1", False),
        ("IP Address", "127.0.0.1", "shop.example.com", False),
        ("email", "shop.example.com", "shop.example.com", False),
    ],
)
def test_a_certificate_is_for_the_names_in_it(kind: str, known: str, name: str, expected: bool) -> None:
    assert fits(kind, known, name) is expected


@pytest.mark.parametrize(
    ("options", "target", "port"),
    [
        ({"target": "shop.example.com"}, "shop.example.com", 443),
        ({"target": "shop.example.com:8443"}, "shop.example.com", 8443),
        ({"target": "2001:db8::1", "port": 8443}, "2001:db8::1", 8443),
        (Tls.from_url("tls://shop.example.com"), "shop.example.com", 443),
        (Tls.from_url("tls://[::1]:25/"), "::1", 25),
    ],
)
def test_the_target_is_the_host_and_the_port_443_unless_told(
    options: dict[str, Any], target: str, port: int
) -> None:
    probe = Tls(**options)
    assert (probe.target, probe.port) == (target, port)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "h:0"}, "1 to 65535"),
        ({"target": "h", "port": 0}, "1 to 65535"),
        ({"target": "h:1", "port": 2}, "different ports"),
        ({"target": "https://h"}, "IPv6|no host name|1 to 65535"),
        ({"target": "h", "server_name": "a b"}, "no host name"),
        ({"target": "h", "key": "k"}, "key needs cert"),
    ],
)
def test_what_cannot_be_reached_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tls(**options)
