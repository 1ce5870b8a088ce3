"""The HTTP probe against servers that others wrote: what they all do, each in its own way, is understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from lab.probe_http import failure
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.web_servers import CAN, LARGE, NAMES, SECURE, SMALL, WebServers
from probes.api import ProbeFailed, Reading
from probes.network.expect import Expect
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.network.reuse import Use
from probes.network.tcp import Tcp
from probes.sample import ErrorClass

NEEDLE = Expect(body_contains="needle")
Result = Reading | ProbeFailed | TimeoutError
each_server = pytest.mark.parametrize("name", NAMES)
each_secure = pytest.mark.parametrize("name", SECURE)


@pytest.fixture(scope="module")
def servers() -> Iterator[WebServers]:
    with WebServers() as running:
        yield running


def ask(url: str, *, times: int = 1, loop: str = "uvloop", **options: Any) -> list[Result]:
    """Ask a number of times with one memory."""

    async def go() -> list[Result]:
        memory: dict[str, Any] = {}
        seen = []
        for _ in range(times):
            with surroundings(memory) as run:
                seen.append(await look(Http(url=url, **options), run))
        memory.clear()
        return seen

    return finished(go, loop)


def good(result: Result) -> Reading:
    assert isinstance(result, Reading), result
    return result


def can(word: str) -> Any:
    return pytest.mark.parametrize("name", [name for name in NAMES if word in CAN[name]])


@each_server
@pytest.mark.parametrize("loop", LOOPS)
def test_a_page(name: str, loop: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/small.txt"), loop=loop, expect=NEEDLE))
    assert reading.values["body_bytes"] == reading.values["content_length_bytes"] == len(SMALL)
    assert reading.values["http_version"] == (1.0 if name == "python-1.0" else 1.1)
    assert {"connect", "processing", "transfer"} <= set(reading.phases)


@each_secure
@pytest.mark.parametrize("loop", LOOPS)
def test_a_page_over_tls(name: str, loop: str, servers: WebServers) -> None:
    reading = good(
        *ask(servers.url(name, "/small.txt", secure=True), loop=loop, ca=servers.ca, expect=NEEDLE)
    )
    assert reading.values["tls_version"] == 1.3
    assert reading.values["certificate_expires_seconds"] > 86400
    assert reading.phases["tls"] > 0


@each_secure
def test_a_handshake_alone(name: str, servers: WebServers) -> None:
    async def go() -> Result:
        with surroundings() as run:
            return await look(Tls(target="127.0.0.1", port=servers.secure[name], ca=servers.ca), run)

    assert good(finished(go)).values["valid"] == 1


@each_server
def test_a_page_of_some_length(name: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/large.txt"), expect=NEEDLE))
    assert reading.values["body_bytes"] == len(LARGE)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(
    ("name", "packed"),
    [(name, word) for name in NAMES for word in ("gzip", "br", "deflate") if word in CAN[name]],
)
def test_a_packed_page(name: str, packed: str, secure: bool, servers: WebServers) -> None:
    expect = Expect(body_contains="needle", header={"Content-Encoding": packed})
    url = servers.url(name, "/large.txt", secure=secure)
    reading = good(*ask(url, headers={"Accept-Encoding": packed}, expect=expect, ca=servers.ca))
    assert reading.values["body_bytes"] == len(LARGE)
    assert reading.values.get("content_length_bytes", 0) < len(LARGE)


@each_server
def test_a_redirect(name: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/moved"), expect=NEEDLE))
    assert reading.values["redirects"] == 1
    assert good(*ask(servers.url(name, "/moved"), expect=Expect(status=302))).values["redirects"] == 0


@each_server
def test_a_head_alone(name: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/large.txt"), method="HEAD"))
    assert reading.values["body_bytes"] == 0
    assert reading.values["content_length_bytes"] == len(LARGE)


@can("empty")
def test_an_answer_without_content(name: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/empty"), expect=Expect(status=204)))
    assert reading.values["body_bytes"] == 0


@each_server
def test_a_page_that_has_not_changed(name: str, servers: WebServers) -> None:
    headers = {"If-Modified-Since": format_datetime(datetime.now(UTC), usegmt=True)}
    for use in Use:
        for reading in ask(
            servers.url(name, "/small.txt"),
            headers=headers,
            times=2,
            connection=use,
            expect=Expect(status=304),
        ):
            assert good(reading).values["body_bytes"] == 0


@each_server
def test_a_page_that_is_missing(name: str, servers: WebServers) -> None:
    (result,) = ask(servers.url(name, "/missing"))
    assert failure(result).error is ErrorClass.STATUS
    assert "answers 404" in failure(result).message


@each_server
@pytest.mark.parametrize(
    ("path", "options"),
    [
        pytest.param("/small.txt", {"expect": NEEDLE}, id="a page"),
        pytest.param("/large.txt", {"expect": NEEDLE, "headers": {"Accept-Encoding": "gzip"}}, id="packed"),
        pytest.param("/large.txt", {"method": "HEAD"}, id="a head"),
        pytest.param("/moved", {"expect": NEEDLE}, id="a redirect"),
        pytest.param("/missing", {"expect": Expect(status=404)}, id="missing"),
    ],
)
def test_a_connection_is_asked_again(
    name: str, path: str, options: dict[str, Any], servers: WebServers
) -> None:
    seen = ask(servers.url(name, path), times=5, connection=Use.REUSE, **options)
    fresh = ["connect" in good(result).phases for result in seen]
    if name == "python-1.0" or (name == "python" and path == "/missing"):  # it closes after every error
        assert all(fresh)
    elif name == "nginx":  # it is told to close after every third answer
        assert fresh[0]
        assert not all(fresh)
    else:
        assert fresh == [True, False, False, False, False]
    assert len({good(result).values["body_bytes"] for result in seen}) == 1


@each_secure
def test_a_connection_is_asked_again_over_tls(name: str, servers: WebServers) -> None:
    url = servers.url(name, "/small.txt", secure=True)
    seen = ask(url, times=3, connection=Use.REUSE, ca=servers.ca, expect=NEEDLE)
    assert ["tls" in good(result).phases for result in seen] == [True, False, False]
    assert all(good(result).values["tls_version"] >= 1.2 for result in seen)


@can("interim")
def test_interim_answers_are_passed_over(name: str, servers: WebServers) -> None:
    assert good(*ask(servers.url(name, "/interim"), expect=NEEDLE)).values["status_code"] == 200


@can("slow")
def test_a_body_that_comes_piece_by_piece(name: str, servers: WebServers) -> None:
    reading = good(*ask(servers.url(name, "/slow"), expect=NEEDLE))
    assert reading.phases["transfer"] > 0.02
    assert reading.values["body_bytes"] == len("piece " * 5 + "needle\n")


@can("trailers")
def test_trailers_end_an_answer(name: str, servers: WebServers) -> None:
    for result in ask(servers.url(name, "/trailers"), times=2, connection=Use.REUSE, expect=NEEDLE):
        good(result)


@each_server
def test_a_conversation_by_hand(name: str, servers: WebServers) -> None:
    async def go() -> Result:
        with surroundings() as run:
            request = "GET /small.txt HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
            probe = Tcp(target="127.0.0.1", port=servers.plain[name], send=request, expect="needle")
            return await look(probe, run)

    good(finished(go))
