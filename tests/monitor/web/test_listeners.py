"""What reaches the listeners before any handler: broken requests, slow clients, too many of them, TLS."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from config.model import Address, Listen, Tls
from lab.web_daemon import Site, WebDaemon, site, web_daemon, within
from monitor.web.guard import DAEMON, LISTENER, as_machine, guard
from monitor.web.server import DOORS, Door, ListenError, Servers


async def raw(port: int, sent: bytes, *, most: int = 65536) -> bytes:
    """Send bytes, return what comes back until the other side closes or has answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            return await reader.read(most)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


HEAD = b"GET /readyz HTTP/1.1\r\nHost: x\r\n"

BROKEN: list[tuple[str, bytes]] = [
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n"),
    ("a request line of 64 KB", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("1,000 headers", HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n"),
    ("a header of 64 KB", HEAD + b"X: " + b"a" * 65536 + b"\r\n\r\n"),
    ("NUL in a header", HEAD + b"X: a\x00b\r\n\r\n"),
    ("a folded header", HEAD + b"X: a\r\n b\r\n\r\n"),
    ("two lengths", b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("a negative length", b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("a signed length", b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde"),
    (
        "length and chunks",
        b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked, identity",
        b"POST /readyz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "a chunk of 2^64",
        b"POST /readyz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    ),
    ("no version", b"GET /readyz\r\n\r\n"),
    ("HTTP/9.9", b"GET /readyz HTTP/9.9\r\nHost: x\r\n\r\n"),
]


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in BROKEN])
@pytest.mark.parametrize("which", ["internal", "public"])
def test_a_broken_request_is_refused_and_tells_nothing_of_us(tmp_path: Path, which: str, sent: bytes) -> None:
    async def story(here: Site) -> None:
        port = getattr(here.servers, which).port
        answer = await raw(port, sent)
        status = answer.split(b" ")[1] if answer else b""
        assert status in (b"", b"400", b"404", b"405", b"411", b"413", b"414", b"431", b"501", b"505"), (
            answer[:300]
        )
        assert b"aiohttp" not in answer.lower()
        assert b"python" not in answer.lower()
        assert b"Traceback" not in answer
        assert (await here.ask("GET", "/readyz")).status == 200, "the daemon goes on"

    within(tmp_path, story)


def test_broken_requests_are_counted(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        for _ in range(3):
            await raw(here.servers.public.port, b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n")
        assert here.daemon.vitals.answered["public", 400] == 3
        text = (await here.ask("GET", "/metrics")).text
        assert 'nightbell_http_answers_total{code="400",listener="public"} 3.0' in text

    within(tmp_path, story)


def test_a_client_that_says_nothing_or_drips_its_head_loses_its_connection(tmp_path: Path) -> None:
    doors = {**DOORS, "public": Door(connections=10, keepalive=0.15)}

    async def drip(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            for letter in HEAD * 1000:
                writer.write(bytes([letter]))
                try:
                    async with asyncio.timeout(0.02):
                        if await reader.read(100) == b"":
                            break
                except TimeoutError:
                    continue
                except ConnectionResetError:
                    break
            else:
                raise AssertionError("the connection was never closed")
        writer.close()

    async def story(here: Site) -> None:
        port = here.servers.public.port
        async with asyncio.TaskGroup() as both:
            both.create_task(drip(port))
            silent = both.create_task(raw(port, b""))
        assert silent.result() == b""

    within(tmp_path, story, doors=doors)


def test_connections_beyond_the_limit_are_closed_at_once(tmp_path: Path) -> None:
    doors = {**DOORS, "public": Door(connections=3, keepalive=15)}

    async def story(here: Site) -> None:
        port = here.servers.public.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await raw(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert (await here.ask("GET", "/readyz")).status == 200, "the other listener does not mind"
        for _, writer in held:
            writer.close()

    within(tmp_path, story, doors=doors)


def test_no_header_names_the_software_in_detail(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        for path, public in (("/", True), ("/nope", True), ("/metrics", False), ("/api/v1/incidents", False)):
            headers = (await here.ask("GET", path, public=public)).headers
            assert headers["Server"] == "nightbell"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert "Set-Cookie" not in headers
            assert "Access-Control-Allow-Origin" not in headers

    within(tmp_path, story)


def test_nothing_is_compressed_and_ranges_are_ignored(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        await here.daemon.all_up()
        for headers in (
            {"Accept-Encoding": "gzip, br"},
            {"Range": "bytes=0-10"},
            {"If-Modified-Since": "nonsense"},
        ):
            answer = await here.page(headers=headers)
            assert answer.status == 200
            assert "Content-Encoding" not in answer.headers
            assert answer.text.rstrip().endswith("</html>")

    within(tmp_path, story)


def test_a_head_request_has_the_headers_and_no_body(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        for path in ("/", "/feed.atom", "/api/v2/summary.json", "/style.css"):
            head, whole = await here.ask("HEAD", path, public=True), await here.page(path)
            assert (head.status, head.text) == (200, "")
            assert head.headers["Content-Length"] == str(len(whole.text.encode()))

    within(tmp_path, story)


def test_a_pipelined_second_request_is_answered_too(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        one = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", here.servers.internal.port)
        writer.write(one + last)
        answer = await reader.read()
        writer.close()
        assert answer.count(b"HTTP/1.1 200 OK") == 2

    within(tmp_path, story)


def test_a_port_that_is_taken_is_named_and_neither_listener_stays_open(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            async with web_daemon(tmp_path) as daemon:
                servers = Servers(daemon)
                free, bad = Address(host="127.0.0.1", port=0), Address(host="127.0.0.1", port=port)
                with pytest.raises(
                    ListenError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"
                ):
                    await servers.start(Listen(internal=free, public=bad))
                first = servers.internal
                assert first is not None
                with pytest.raises(OSError):
                    await asyncio.open_connection("127.0.0.1", first.port)

    asyncio.run(run())
    gc.collect()


def _tls(folder: Path) -> tuple[Tls, trustme.CA]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return Tls(cert=cert, key=key), authority


def test_the_outer_listener_speaks_tls_and_takes_a_new_certificate_without_a_restart(tmp_path: Path) -> None:
    async def serial(port: int, authority: trustme.CA) -> int:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        found = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        writer.close()
        await writer.wait_closed()
        return int(found, 16)

    async def run() -> None:
        tls, first = _tls(tmp_path)
        async with site(tmp_path / "home", tls=tls) as here:
            anywhere = Address(host="127.0.0.1", port=0)
            assert here.servers.public is not None
            old = await serial(here.servers.public.port, first)
            _, second = _tls(tmp_path)
            here.servers.renew(Listen(internal=anywhere, public=anywhere, tls=tls))
            new = await serial(here.servers.public.port, second)
            assert old != new
            assert here.servers.addresses()["status page"].startswith("https://127.0.0.1:")
            tls.cert.write_text("broken")
            with pytest.raises(ListenError, match="cannot serve TLS with"):
                here.servers.renew(Listen(internal=anywhere, public=anywhere, tls=tls))
            assert await serial(here.servers.public.port, second) == new

    asyncio.run(run())


def test_what_breaks_inside_is_logged_and_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Site) -> None:
        here.daemon.fault = RuntimeError("secret-canary")
        answer = await here.post("/api/v1/channels/log/test")
        assert (answer.status, answer.json["error"]["code"]) == (500, "internal")
        assert "canary" not in answer.text
        assert answer.headers["Server"] == "nightbell"
        assert here.daemon.vitals.answered["internal", 500] == 1

    with caplog.at_level("ERROR", logger="nightbell.web"):
        within(tmp_path, story)
    assert "secret-canary" in caplog.text


def test_who_hangs_up_has_acknowledged_all_the_same(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        _, writer = await asyncio.open_connection("127.0.0.1", here.servers.internal.port)
        writer.write(
            f"POST /api/v1/incidents/{number}/ack HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
            f"Authorization: Bearer {here.tokens['operator']}\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()
        async with asyncio.timeout(10):
            while (await here.get(f"/api/v1/incidents/{number}")).json["acknowledged_at"] is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    within(tmp_path, story)


async def _guarded(daemon: WebDaemon, handler: Any, **deadlines: float) -> tuple[web.AppRunner, int]:
    """Serve one handler behind a guard with deadlines of its own."""
    app = web.Application(middlewares=[guard(as_machine, **deadlines)])
    app[DAEMON], app[LISTENER] = daemon, "internal"
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, access_log=None, lingering_time=0)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    return runner, place.port


def test_a_body_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    async def run() -> None:
        async def read(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        async with web_daemon(tmp_path) as daemon:
            runner, port = await _guarded(daemon, read, deadline=0.05)
            answer = await raw(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            assert answer.startswith(b"HTTP/1.1 503 ")
            await runner.cleanup()

    asyncio.run(run())


def test_a_client_that_does_not_read_its_answer_loses_the_connection(tmp_path: Path) -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def much(request: web.Request) -> web.Response:
            assert request.task is not None
            request.task.add_done_callback(lambda _: gone.set())
            return web.Response(body=b"x" * 50_000_000)

        async with web_daemon(tmp_path) as daemon:
            runner, port = await _guarded(daemon, much, write_deadline=0.05)
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                await gone.wait()
            writer.close()
            await runner.cleanup()

    asyncio.run(run())


def test_closing_lets_an_answer_under_way_finish(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path) as here:
            number = await here.daemon.outage()
            asked = asyncio.create_task(here.post(f"/api/v1/incidents/{number}/ack", {"by": "li"}))
            await asyncio.sleep(0.02)
            await here.servers.close()
            assert (await asked).status == 200

    asyncio.run(run())
