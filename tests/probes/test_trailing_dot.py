"""Names that end in a dot: complete ones, looked up as they stand. To TLS they are the name without it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.probe_certificates import Authority
from lab.probe_http import ask, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import serving
from probes.api import Probe, ProbeFailed, Reading
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.network.tcp import Tcp
from probes.sample import ErrorClass


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"host": "localhost."}, id="in the URL"),
        pytest.param({"host": "LOCALHOST."}, id="in capitals"),
        pytest.param({"host": "127.0.0.1", "server_name": "localhost."}, id="as the server's name"),
    ],
)
def test_tls_is_asked_for_the_name_without_its_dot_and_the_server_for_the_host_as_it_was_given(
    options: dict[str, Any], loop: str, authority: Authority
) -> None:
    named: list[str | None] = []
    tls = authority.server("localhost")
    tls.sni_callback = lambda _socket, name, _context: named.append(name)
    result, server, _ = ask("/ok", loop=loop, tls=tls, ca=authority.file, **options)
    assert isinstance(result, Reading), result
    assert named == ["localhost"]
    (request,) = server.requests
    assert request.header("Host").startswith(f"{options['host'].lower()}:")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda port, ca: Http(url=f"https://localhost.:{port}/", ca=ca), id="http"),
        pytest.param(lambda port, ca: Tls(target=f"localhost.:{port}", ca=ca), id="tls"),
        pytest.param(lambda port, ca: Tcp(target=f"localhost.:{port}", tls=True, ca=ca), id="tcp"),
    ],
)
def test_the_dot_makes_no_certificate_good_or_bad(make: Any, authority: Authority) -> None:
    async def answer(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def looked(*names: str) -> Reading | ProbeFailed | TimeoutError:
        async def go() -> Reading | ProbeFailed | TimeoutError:
            async with serving(answer, tls=authority.server(*names)) as port:
                probe: Probe = make(port, authority.file)
                with surroundings() as run:
                    return await look(probe, run)

        return finished(go)

    good = looked("localhost")
    assert isinstance(good, Reading), good
    bad = failure(looked("elsewhere.example.com"))
    assert bad.error is ErrorClass.TLS
    assert "name" in bad.message
