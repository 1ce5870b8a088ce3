"""The HTTP probe against a server that misbehaves: every path has one right outcome, bounded in time and memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.hostile_http import PATHS, hostile
from lab.probe_http import ask
from lab.probe_run import LOOPS, finished, look, surroundings, until
from probes.api import ProbeFailed, Reading
from probes.network.expect import Expect
from probes.network.http import Http
from probes.network.json_path import JsonRule
from probes.network.poller import poller
from probes.sample import ErrorClass

UP = None
OK = JsonRule(equals="ok")
NEEDLE = Expect(body_contains="needle")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


OUTCOMES = [
    ("/ok", {"expect": NEEDLE}, UP, ""),
    ("/json", {"expect": Expect(json={"$.status": OK, "$.queue.size": JsonRule(below=10)})}, UP, ""),
    ("/json-deep", {"expect": Expect(json={"$": OK})}, ErrorClass.BODY, "nested too deeply"),
    ("/ok", {"expect": Expect(json={"$": OK})}, ErrorClass.BODY, "it is no JSON"),
    ("/empty", {}, UP, ""),
    ("/empty", {"expect": NEEDLE}, ErrorClass.ASSERTION, "not found within the body"),
    ("/no-length", {"expect": NEEDLE}, UP, ""),
    ("/no-reason", {}, UP, ""),
    ("/interim", {"expect": NEEDLE}, UP, ""),
    ("/after-the-end", {"expect": NEEDLE}, UP, ""),
    ("/head", {"method": "HEAD"}, UP, ""),
    ("/head", {}, UP, ""),
    ("/endless-header", {}, ErrorClass.PROTOCOL, "headers are longer than 65536"),
    ("/endless-interim", {}, ErrorClass.PROTOCOL, "headers are longer than 65536"),
    ("/many-headers", {}, ErrorClass.PROTOCOL, "headers are longer than 65536"),
    ("/close-at-once", {}, ErrorClass.PROTOCOL, "without an answer"),
    ("/close-in-headers", {}, ErrorClass.PROTOCOL, "within the headers"),
    ("/close-in-body", {}, ErrorClass.PROTOCOL, "after 4 of 100 bytes"),
    ("/close-in-chunks", {}, ErrorClass.PROTOCOL, "before the last chunk"),
    ("/reset", {}, ErrorClass.PROTOCOL, "reset"),
    ("/reset-in-body", {}, ErrorClass.PROTOCOL, "reset"),
    ("/chunk-size-junk", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/chunk-size-negative", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/chunk-size-huge", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/chunk-without-end", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/split-keyword", {"expect": NEEDLE}, UP, ""),
    ("/needle-at-end", {"expect": NEEDLE}, ErrorClass.ASSERTION, "within the first 1048576 bytes"),
    ("/two-lengths", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/bad-length", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/binary", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/binary-status", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/icy", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/line-feeds", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/version-9", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/version-2", {}, ErrorClass.PROTOCOL, "HTTP/2.0"),
    ("/status-000", {}, ErrorClass.PROTOCOL, "status 0"),
    ("/status-099", {}, ErrorClass.PROTOCOL, "status 99"),
    ("/status-1000", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/ssh", {}, ErrorClass.PROTOCOL, "not HTTP/1.1"),
    ("/upgrade", {}, ErrorClass.STATUS, "answers 101"),
    ("/upgrade", {"expect": Expect(status=101)}, UP, ""),
    ("/upgrade-offered", {"expect": NEEDLE}, UP, ""),
    ("/gzip", {"expect": NEEDLE}, UP, ""),
    ("/gzip-twice", {"expect": NEEDLE}, UP, ""),
    ("/gzip-two-members", {"expect": NEEDLE}, UP, ""),
    ("/gzip-1000-members", {}, ErrorClass.BODY, "not gzip"),
    ("/gzip-cut", {}, ErrorClass.BODY, "ends too early"),
    ("/gzip-bomb", {}, ErrorClass.BODY, "200 times its size"),
    ("/deflate", {"expect": NEEDLE}, UP, ""),
    ("/deflate-raw", {"expect": NEEDLE}, UP, ""),
    ("/not-gzip", {}, ErrorClass.BODY, "not gzip"),
    ("/brotli", {"expect": NEEDLE}, UP, ""),
    ("/brotli-cut", {}, ErrorClass.BODY, "ends too early"),
    ("/brotli-bomb", {}, ErrorClass.BODY, "200 times its size"),
    ("/not-brotli", {}, ErrorClass.BODY, "not br"),
    ("/zstd", {}, ErrorClass.BODY, "'zstd' was not asked for"),
    ("/latin-1", {"expect": Expect(body_contains="Grüße")}, UP, ""),
    ("/gbk", {"expect": Expect(body_contains="正常", body_matches="^商城")}, UP, ""),
    ("/charset-lies", {"expect": NEEDLE}, UP, ""),
    ("/charset-unknown", {"expect": Expect(body_matches="need.e")}, UP, ""),
    ("/charset-costly", {"expect": Expect(body_matches="need.e")}, UP, ""),
    ("/not-utf-8", {"expect": Expect(body_matches="need.e", body_contains="needle")}, UP, ""),
    ("/bom", {"expect": Expect(body_matches="^{", json={"$.state": JsonRule(equals="needle")})}, UP, ""),
    ("/nothing-but-nuls", {"expect": NEEDLE}, ErrorClass.ASSERTION, "not found within the body"),
    ("/redirect", {"expect": NEEDLE}, UP, ""),
    ("/redirect", {"redirects": 0}, ErrorClass.STATUS, "answers 302"),
    ("/redirect", {"expect": Expect(status=302)}, UP, ""),
    ("/redirect-for-ever", {}, ErrorClass.STATUS, "still answers 302 after 5 redirects"),
    ("/redirect-to-file", {}, ErrorClass.PROTOCOL, "not 'file'"),
    ("/redirect-to-unix", {}, ErrorClass.PROTOCOL, "not 'unix'"),
    ("/redirect-to-script", {}, ErrorClass.PROTOCOL, "not 'javascript'"),
    ("/redirect-to-metadata", {}, ErrorClass.PROTOCOL, "link-local"),
    ("/redirect-to-legacy", {}, ErrorClass.PROTOCOL, "no IPv4 address"),
    ("/redirect-to-junk", {}, ErrorClass.PROTOCOL, "is no URL"),
    ("/redirect-with-blank", {}, ErrorClass.PROTOCOL, "blanks"),
    ("/redirect-empty", {}, ErrorClass.STATUS, "answers 302"),
    ("/redirect-nowhere", {}, ErrorClass.STATUS, "answers 302"),
    ("/redirect-long", {}, ErrorClass.PROTOCOL, "longer than 8192"),
    ("/redirect-longer", {}, ErrorClass.PROTOCOL, "headers are longer than 65536"),
    ("/redirect-to?/%E4%BD%A0", {}, ErrorClass.STATUS, "answers 404"),
    ("/redirect-to?//nowhere.invalid", {}, ErrorClass.DNS, "nowhere.invalid"),
    ("/status/200", {}, UP, ""),
    ("/status/204", {}, UP, ""),
    ("/status/304", {"expect": Expect(status=(200, 304))}, UP, ""),
    ("/status/401", {}, ErrorClass.AUTH, "answers 401"),
    ("/status/401", {"expect": Expect(status=401)}, UP, ""),
    ("/status/403", {}, ErrorClass.AUTH, "answers 403"),
    ("/status/404", {}, ErrorClass.STATUS, "answers 404, expected 2xx"),
    ("/status/503", {"expect": Expect(status=(200, "3xx"))}, ErrorClass.STATUS, "expected 200 or 3xx"),
    ("/status/999", {}, ErrorClass.STATUS, "answers 999"),
]  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("path", "options", "error", "message"),
    [pytest.param(*row, id=f"{row[0]} {row[1]}"[:60]) for row in OUTCOMES],
)
def test_each_misbehaviour_has_its_outcome(
    path: str, options: dict[str, Any], error: ErrorClass | None, message: str, loop: str
) -> None:
    result, server, _ = ask(path, loop=loop, **options)
    assert (result.error if isinstance(result, ProbeFailed) else None) is error, result
    if isinstance(result, ProbeFailed):
        assert message in result.message
        assert len(result.message) < 300
    else:
        assert isinstance(result, Reading)
    assert server.sent < 32 << 20, "the server could send far more than the probe may read"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("path", "reached"),
    [
        pytest.param("/hang", "processing", id="says nothing"),
        pytest.param("/drip-headers", "transfer", id="a byte of header now and then"),
        pytest.param("/hang-after-head", "transfer", id="says nothing after the headers"),
        pytest.param("/drip-body", "transfer", id="a byte of body now and then"),
    ],
)
def test_what_never_ends_is_cut_off_by_the_deadline_and_shows_how_far_it_got(
    path: str, reached: str, loop: str
) -> None:
    result, server, run = ask(path, loop=loop, within=0.15)
    assert isinstance(result, TimeoutError)
    assert list(run.phases)[-1] == reached
    assert sum(run.phases.values()) < 5
    assert server.sent < 1 << 20


@pytest.mark.parametrize("path", ["/huge-body", "/endless-body", "/tiny-chunks", "/needle-at-end"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_body_without_end_is_judged_by_its_first_mebibyte(path: str, loop: str) -> None:
    result, server, _ = ask(path, loop=loop)
    assert isinstance(result, Reading)
    assert 100_000 < result.values["body_bytes"] <= 1 << 20
    assert server.sent < 32 << 20


@pytest.mark.parametrize(
    "path", ["/tiny-chunks", "/gzip-bomb", "/brotli-bomb", "/json-deep", "/many-headers"]
)
def test_the_loop_stays_free_whatever_arrives(path: str) -> None:
    async def go() -> tuple[Any, float]:
        loop, gaps = asyncio.get_running_loop(), [0.0]

        async def watch() -> None:
            before = loop.time()
            while True:
                await asyncio.sleep(0.001)
                gaps.append(loop.time() - before)
                before = loop.time()

        async with hostile() as server:
            watcher = loop.create_task(watch())
            with surroundings() as run:
                expect = Expect(json={"$": OK}) if path == "/json-deep" else Expect()
                result = await look(Http(url=server.url(path), expect=expect), run)
            watcher.cancel()
            return result, max(gaps)

    result, gap = finished(go)
    assert isinstance(result, Reading) == (path == "/tiny-chunks")
    assert gap < 0.5


def test_a_pattern_that_backtracks_without_end_is_our_own_fault() -> None:
    async def go() -> None:
        async with hostile() as server:
            with surroundings() as run:
                probe = Http(url=server.url("/backtrack"), expect=Expect(body_matches="(a+)+b"))
                async with asyncio.timeout(10):
                    with pytest.raises(RuntimeError, match="cannot judge body_matches"):
                        await probe.probe(run)

    finished(go)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", ["/hang", "/drip-body", "/hang-after-head"])
def test_cancellation_closes_the_connection_at_once(path: str, loop: str) -> None:
    async def go() -> None:
        async with hostile() as server:
            with surroundings() as run:
                task = asyncio.get_running_loop().create_task(Http(url=server.url(path)).probe(run))
                await until(lambda: bool(server.requests))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(lambda: not server.open)

    finished(go, loop)


def test_fifty_at_once_leave_no_descriptor_behind() -> None:
    async def go() -> None:
        async with hostile() as server:
            with surroundings() as run:
                poller()  # the one descriptor that stands for all sockets stays with the loop
                before = descriptors()
                probes = [
                    Http(url=server.url(path))
                    for path in ("/ok", "/reset", "/hang", "/close-in-body", "/huge-body")
                ] * 10
                await asyncio.gather(*(look(probe, run, within=0.2) for probe in probes))
                await until(lambda: not server.open)
                await asyncio.sleep(0)
                assert descriptors() <= before

    finished(go)


def test_the_server_starts_from_a_shell_and_prints_its_port() -> None:
    lib = str(Path(sys.modules["lab.hostile_http"].__file__ or "").parents[1])
    with subprocess.Popen(
        [sys.executable, "-m", "lab.hostile_http", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": lib},
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())

        async def go() -> Reading | ProbeFailed | TimeoutError:
            with surroundings() as run:
                return await look(Http(url=f"http://127.0.0.1:{port}/ok", expect=NEEDLE), run)

        assert isinstance(finished(go), Reading)
        process.terminate()
        assert process.wait(10) == 0


def test_every_path_of_the_server_is_tried() -> None:
    tried = {row[0].partition("?")[0] for row in OUTCOMES}
    elsewhere = {
        "/hang", "/hang-after-head", "/drip-headers", "/drip-body", "/huge-body", "/endless-body", "/tiny-chunks",
        "/echo", "/refuse-and-echo", "/backtrack", "/redirect-to-name", "/redirect-keep-name", "/redirect-post",
        "/redirect-see-other", "/redirect-keep",
    }  # fmt: skip
    assert set(PATHS) <= tried | elsewhere
