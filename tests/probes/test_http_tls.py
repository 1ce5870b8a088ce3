"""The HTTP probe over TLS: whom it trusts, and how a handshake goes wrong."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from config.schema.decode import adapter
from lab.hostile_http import hostile
from lab.probe_certificates import BAD, Authority
from lab.probe_http import Result, ask, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import serving
from probes.api import Reading
from probes.network.families import Families
from probes.network.http import Http
from probes.network.tls import TlsVersion
from probes.sample import ErrorClass

DAY = 86400


def test_the_certificate_that_ends_first_counts_not_only_the_leaf(authority: Authority) -> None:
    result, _, _ = ask("/ok", tls=authority.short_chain(), host="localhost", ca=authority.file)
    assert isinstance(result, Reading)
    assert result.values["certificate_expires_seconds"] == pytest.approx(3 * DAY, abs=60)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("bad", BAD)
def test_a_certificate_that_is_not_valid_is_down_with_class_tls(
    bad: str, loop: str, authority: Authority
) -> None:
    result, server, _ = ask("/ok", loop=loop, tls=BAD[bad](authority), ca=authority.file)
    assert failure(result).error is ErrorClass.TLS
    assert "the certificate is not valid" in failure(result).message
    assert server.requests == []


@pytest.mark.parametrize("bad", BAD)
def test_without_verification_it_is_up_and_says_so_and_the_expiry_is_still_known(
    bad: str, authority: Authority
) -> None:
    result, _, run = ask("/ok", tls=BAD[bad](authority), verify=False)
    assert isinstance(result, Reading)
    assert math.isfinite(result.values["certificate_expires_seconds"])
    assert (result.values["certificate_expires_seconds"] < 0) == (bad == "expired")
    assert any("not verified" in line for line in run.lines)


def test_the_systems_authorities_do_not_vouch_for_a_certificate_of_our_own(authority: Authority) -> None:
    result, _, _ = ask("/ok", tls=authority.server())
    assert failure(result).error is ErrorClass.TLS


def test_a_ca_file_that_is_missing_is_our_own_fault() -> None:
    async def go() -> None:
        with surroundings() as run, pytest.raises(OSError, match="cannot load certificates from /nowhere"):
            await Http(url="https://127.0.0.1:9/", ca="/nowhere.pem").probe(run)

    finished(go)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_plain_server_on_a_tls_port_is_down_with_class_tls(loop: str) -> None:
    async def go() -> Result:
        async with hostile() as server:
            with surroundings() as run:
                return await look(Http(url=server.url().replace("http:", "https:")), run)

    result = finished(go, loop)
    assert failure(result).error is ErrorClass.TLS
    assert "is this a plain port" in failure(result).message


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", ["silent", "closes", "resets"])
def test_a_handshake_that_goes_wrong_is_down_with_class_tls_or_cut_off(path: str, loop: str) -> None:
    async def go() -> tuple[Result, dict[str, float]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if path == "silent":
                await reader.read()
            elif path == "closes":
                await reader.read(1)
            else:
                writer.transport.abort()

        async with serving(serve) as port:
            with surroundings() as run:
                within = 0.15 if path == "silent" else 10
                return await look(Http(url=f"https://127.0.0.1:{port}/"), run, within=within), run.phases

    result, phases = finished(go, loop)
    assert "tls" in phases
    if path == "silent":
        assert isinstance(result, TimeoutError)
    else:
        assert failure(result).error is ErrorClass.TLS


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_asks_who_we_are_is_shown_our_certificate(
    loop: str, authority: Authority, tmp_path: Path
) -> None:
    tls = authority.server()
    tls.load_verify_locations(authority.file)
    tls.verify_mode = ssl.CERT_REQUIRED
    ours = authority.ca.issue_cert("nightbell.example.com")
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    for blob in ours.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    ours.private_key_pem.write_to_path(key)
    shown, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file, cert=cert, key=key)
    assert isinstance(shown, Reading), shown
    refused, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file)
    assert failure(refused).error in {ErrorClass.TLS, ErrorClass.PROTOCOL}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot load the client certificate from .*cert.pem", id="missing"),
        pytest.param(b"rubbish", "cannot load the client certificate from .*cert.pem", id="rubbish"),
        pytest.param("locked", "its key needs a password", id="under a password"),
    ],
)
def test_a_client_certificate_that_cannot_be_read_is_our_own_fault(
    content: bytes | str | None, message: str, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "cert.pem"
    if content == "locked":
        ours = authority.ca.issue_cert("nightbell.example.com")
        key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
        locked = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        path.write_bytes(locked + ours.cert_chain_pems[0].bytes())
    elif isinstance(content, bytes):
        path.write_bytes(content)

    async def go() -> None:
        with surroundings() as run, pytest.raises(OSError, match=message):
            await Http(url="https://127.0.0.1:9/", cert=str(path)).probe(run)

    finished(go)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_below_the_oldest_version_that_will_do_is_class_tls(loop: str, authority: Authority) -> None:
    tls = authority.server()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    old, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file)
    assert isinstance(old, Reading)
    assert old.values["tls_version"] == 1.2
    refused, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file, tls_min=TlsVersion.V1_3)
    assert failure(refused).error is ErrorClass.TLS
    assert "TLS" in failure(refused).message


@pytest.mark.parametrize("written", ["1.3", 1.3])
def test_a_version_of_tls_may_be_written_as_a_number(written: object) -> None:
    options = {"url": "https://h/", "tls_min": written}
    (probe,) = adapter(Http).validate_python((options,))
    assert isinstance(probe, Http)
    assert probe.tls_min is TlsVersion.V1_3


@pytest.mark.parametrize("loop", LOOPS)
def test_another_server_name_is_asked_for_and_expected(loop: str, authority: Authority) -> None:
    asked: list[str | None] = []
    tls = authority.server("shop.example.com")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    result, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file, server_name="Shop.Example.com")
    assert isinstance(result, Reading), result
    assert asked == ["shop.example.com"]
    wrong, _, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file, server_name="pay.example.com")
    assert "not valid for this name" in failure(wrong).message


def test_another_server_name_is_not_asked_for_where_a_redirect_leads_elsewhere(authority: Authority) -> None:
    tls = authority.server("shop.example.com", "localhost")
    result, server, _ = ask("/redirect-to-name", tls=tls, ca=authority.file, server_name="shop.example.com")
    assert isinstance(result, Reading), result
    assert len(server.requests) == 2


def test_what_is_told_of_a_certificate_fits_together(authority: Authority) -> None:
    result, _, _ = ask("/ok", tls=authority.server(days=10, began_days_ago=30), ca=authority.file)
    assert isinstance(result, Reading)
    assert result.values["certificate_lifetime_left_ratio"] == pytest.approx(0.25, abs=0.001)
    left = result.values["certificate_ends_at"] - time.time()
    assert left == pytest.approx(result.values["certificate_expires_seconds"], abs=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"key": "k.pem"}, "key needs cert", id="a key alone"),
        pytest.param({"server_name": "a b"}, "no host name", id="no name"),
        pytest.param(
            {"url": "https://127.0.0.1/", "family": Families.BOTH}, "both needs a name", id="both of one"
        ),
    ],
)
def test_options_of_tls_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Http(**{"url": "https://h/", **options})
