"""The HTTP probe over TLS: whom it trusts, and how a handshake goes wrong."""

from __future__ import annotations

import asyncio
import math

import pytest

from lab.hostile_http import hostile
from lab.probe_certificates import BAD, Authority
from lab.probe_http import Result, ask, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import serving
from probes.api import Reading
from probes.network.http import Http
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
