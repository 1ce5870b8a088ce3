"""How the HTTP probe uses its connections: kept or fresh, over one family or both."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lab.hostile_http import answer, hostile, read_request
from lab.probe_certificates import Authority
from lab.probe_http import Result, failure
from lab.probe_run import LOOPS, finished, look, surroundings, until
from monitor.engine.driver import Drive
from probes.api import ProbeFailed, Reading, Run
from probes.network.connection import Family
from probes.network.families import Families, over
from probes.network.http import Http
from probes.network.http1 import Answer
from probes.network.poller import poller
from probes.network.reuse import Use, persists
from probes.sample import ErrorClass


class Keeper:
    """A server that answers many requests over one connection. `lasts`: how many it answers before it closes."""

    def __init__(self, lasts: int = 1000, say: Callable[[int], bytes] = lambda _: answer(b"ok")) -> None:
        self.lasts = lasts
        self.say = say
        self.port = 0
        self.opened = self.asked = 0
        self.writers: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Keeper]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            await until(lambda: not self.writers)

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.writers.add(writer)
        with contextlib.suppress(OSError, ssl.SSLError):
            for _ in range(self.lasts):
                if await read_request(reader) is None:
                    break
                self.asked += 1
                writer.write(self.say(self.asked))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
        self.writers.discard(writer)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def asking(
    keeper: Keeper,
    *,
    runs: int = 3,
    loop: str = "asyncio",
    tls: ssl.SSLContext | None = None,
    between: Callable[[], Any] = lambda: None,
    **options: Any,
) -> list[tuple[Result, dict[str, float]]]:
    """Ask several times with one memory and return what came of it, with the phases of each run."""

    async def go() -> list[tuple[Result, dict[str, float]]]:
        memory: dict[str, Any] = {}
        seen = []
        async with keeper.serving(tls):
            url = f"{'https' if tls else 'http'}://127.0.0.1:{keeper.port}/"
            probe = Http(url=url, connection=Use.REUSE, **options)
            for _ in range(runs):
                with surroundings(memory) as run:
                    seen.append((await look(probe, run), dict(run.phases)))
                waiting = between()
                if waiting is not None:
                    await waiting
            memory.clear()
            await until(lambda: not keeper.writers)
        return seen

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True])
def test_a_kept_connection_is_asked_again_without_another_handshake(
    loop: str, secure: bool, authority: Authority
) -> None:
    keeper = Keeper()
    tls = authority.server(days=5) if secure else None
    seen = asking(keeper, loop=loop, tls=tls, ca=authority.file)
    assert all(isinstance(result, Reading) for result, _ in seen), seen
    assert (keeper.opened, keeper.asked) == (1, 3)
    opening = {"resolve", "connect", "tls"} if secure else {"resolve", "connect"}
    assert opening <= set(seen[0][1])
    assert set(seen[2][1]) == {"processing", "transfer"}
    if secure:
        last = seen[2][0]
        assert isinstance(last, Reading)
        assert last.values["certificate_expires_seconds"] == pytest.approx(5 * 86400, abs=60)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_the_server_closes_after_its_answer_is_not_asked_again(loop: str) -> None:
    keeper = Keeper(lasts=1)
    seen = asking(keeper, loop=loop)
    assert all(isinstance(result, Reading) for result, _ in seen), seen
    assert (keeper.opened, keeper.asked) == (3, 3)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_that_dies_as_it_is_asked_again_is_replaced_once(loop: str) -> None:
    class Dying(Keeper):
        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Answer the first request of a connection, and close on the second."""
            self.opened += 1
            self.writers.add(writer)
            await read_request(reader)
            writer.write(answer(b"ok"))
            if await read_request(reader) is not None:
                self.asked += 1
            writer.close()
            self.writers.discard(writer)

    dying = Dying()
    seen = asking(dying, loop=loop)
    assert all(isinstance(result, Reading) for result, _ in seen), seen
    assert (dying.opened, dying.asked) == (3, 2)
    assert {"connect", "processing"} <= set(seen[1][1])


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", id="it says so"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP/1.0"),
        pytest.param(answer(b"ok") + b"and what nobody asked for", id="something follows"),
    ],
)
def test_an_answer_after_which_nothing_more_can_be_asked_ends_the_connection(say: bytes) -> None:
    keeper = Keeper(say=lambda _: say)
    seen = asking(keeper, runs=2)
    assert all(isinstance(result, Reading) for result, _ in seen), seen
    # What follows may have been read along with the answer; then nobody knows of it.
    assert keeper.opened == 2 or b"nobody" in say


LENGTH = {"content-length": "2"}


def said(fields: dict[str, str], *, status: int = 200, version: float = 1.1, whole: bool = True) -> Answer:
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    return Answer(status=status, version=version, fields=pairs, body=b"", whole=whole)


@pytest.mark.parametrize(
    ("answer", "method", "expected"),
    [
        pytest.param(said(LENGTH), "GET", True, id="with a length"),
        pytest.param(said({"transfer-encoding": "chunked"}), "GET", True, id="in chunks"),
        pytest.param(said({}), "GET", False, id="until the end"),
        pytest.param(said({}), "HEAD", True, id="HEAD"),
        pytest.param(said({}, status=204), "GET", True, id="no content"),
        pytest.param(said({}, status=304), "GET", True, id="not modified"),
        pytest.param(said(LENGTH, status=101), "GET", False, id="no HTTP any more"),
        pytest.param(said(LENGTH, whole=False), "GET", False, id="not read to its end"),
        pytest.param(said(LENGTH, version=1.0), "GET", False, id="HTTP/1.0"),
        pytest.param(
            said({**LENGTH, "connection": "Keep-Alive"}, version=1.0), "GET", True, id="HTTP/1.0 kept"
        ),
        pytest.param(said({**LENGTH, "connection": "x, Close"}), "GET", False, id="it says so"),
    ],
)
def test_what_an_answer_says_of_its_connection(answer: Answer, method: str, expected: bool) -> None:
    assert persists(answer, method) is expected


def test_the_connection_closes_with_the_memory_of_its_check_and_leaves_no_descriptor() -> None:
    async def go() -> None:
        keeper = Keeper()
        async with keeper.serving():
            memory: dict[str, Any] = {}
            known = poller()
            probe = Http(url=f"http://127.0.0.1:{keeper.port}/", connection=Use.REUSE)
            before = descriptors()
            with surroundings(memory) as run:
                assert isinstance(await look(probe, run), Reading)
            del run
            assert len(known._signals) == 1
            memory.clear()  # as when a reload takes the check away
            assert known._signals == {}
            await until(lambda: not keeper.writers)
            assert descriptors() == before

    finished(go)


def test_the_connection_closes_also_where_the_memory_goes_in_a_circle_or_nobody_asks_for_a_minute() -> None:
    async def go() -> None:
        keeper = Keeper()
        async with keeper.serving():
            known, loop = poller(), asyncio.get_running_loop()
            probe = Http(url=f"http://127.0.0.1:{keeper.port}/", connection=Use.REUSE)
            for way in ("circle", "minute"):
                memory: dict[str, Any] = {}
                with surroundings(memory) as run:
                    assert isinstance(await look(probe, run), Reading)
                del run
                (kept,) = (value for name, value in memory.items() if name.startswith("connection"))
                assert 50 < kept._timer.when() - loop.time() <= 60
                if way == "circle":
                    memory["itself"] = memory
                    del memory, kept
                    gc.collect()
                else:
                    kept._timer._run()  # as the loop does when the time has come
                    assert not kept.open
                    memory.clear()
                assert known._signals == {}
                await until(lambda: not keeper.writers)

    finished(go)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_closes_an_idle_connection_is_noticed_at_once(loop: str) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with keeper.serving():
            memory: dict[str, Any] = {}
            probe = Http(url=f"http://127.0.0.1:{keeper.port}/", connection=Use.REUSE)
            with surroundings(memory) as run:
                assert isinstance(await look(probe, run), Reading)
            (kept,) = (value for name, value in memory.items() if name.startswith("connection"))
            assert kept.open
            keeper.hang_up()
            await until(lambda: not kept.open)
            with surroundings(memory) as run:
                assert isinstance(await look(probe, run), Reading)
            assert keeper.opened == 2
            memory.clear()

    finished(go, loop)


def test_two_checks_never_share_a_connection() -> None:
    async def go() -> None:
        keeper = Keeper()
        async with keeper.serving():
            probe = Http(url=f"http://127.0.0.1:{keeper.port}/", connection=Use.REUSE)
            memories: list[dict[str, Any]] = [{}, {}]
            for _ in range(2):
                for memory in memories:
                    with surroundings(memory) as run:
                        assert isinstance(await look(probe, run), Reading)
            assert (keeper.opened, keeper.asked) == (2, 4)
            memories.clear()
            del memory, run

    finished(go)


def test_a_redirect_elsewhere_leaves_no_kept_connection_to_the_wrong_place() -> None:
    async def go() -> None:
        async with hostile() as server:
            memory: dict[str, Any] = {}
            probe = Http(url=server.url("/redirect-to-name"), connection=Use.REUSE)
            for _ in range(2):
                with surroundings(memory) as run:
                    result = await look(probe, run)
                    assert isinstance(result, Reading), result
            assert [request.path for request in server.requests] == ["/redirect-to-name", "/echo"] * 2
            memory.clear()

    finished(go)


# Over both families


@contextlib.asynccontextmanager
async def on(*hosts: str, say: bytes = answer(b"ok")) -> AsyncIterator[int]:
    """Serve on one port of several addresses."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(say)
        writer.close()

    first = await asyncio.start_server(serve, hosts[0], 0)
    port = first.sockets[0].getsockname()[1]
    others = [await asyncio.start_server(serve, host, port) for host in hosts[1:]]
    try:
        yield port
    finally:
        for server in (first, *others):
            server.close()


def both(*hosts: str) -> tuple[Result, list[str]]:
    """Ask the address of each family in one run, served on `hosts` alone."""

    async def go() -> tuple[Result, list[str]]:
        async with on(*hosts) as port:
            with surroundings() as run:

                async def ask(run: Run, family: Family) -> Reading:
                    host = "127.0.0.1" if family is Family.V4 else "[::1]"
                    return await Http(url=f"http://{host}:{port}/").probe(run)

                try:
                    return await over(Families.BOTH, ask, run), list(run.lines)
                except ProbeFailed as failed:
                    return failed, list(run.lines)

    return finished(go)


def test_both_families_are_asked_in_one_run_and_the_slower_one_tells() -> None:
    result, lines = both("127.0.0.1", "::1")
    assert isinstance(result, Reading), result
    assert result.values["status_code"] == 200
    assert set(result.phases) == {"resolve", "connect", "processing", "transfer"}
    assert sum("answers 200" in line for line in lines) == 2


@pytest.mark.parametrize(("host", "bad"), [("127.0.0.1", "over IPv6"), ("::1", "over IPv4")])
def test_where_one_family_fails_the_message_names_it(host: str, bad: str) -> None:
    result, _ = both(host)
    assert failure(result).error is ErrorClass.CONNECT
    assert failure(result).message.startswith(f"{bad}: cannot connect to ")
    assert failure(result).message.count("over IPv") == 1


def test_a_name_with_neither_family_fails_over_both() -> None:
    async def go() -> Result:
        with surroundings() as run:
            return await look(Http(url="http://nowhere.invalid/", family=Families.BOTH), run)

    assert failure(finished(go)).error is ErrorClass.DNS
    assert failure(finished(go)).message.count("over IPv") == 2


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True])
def test_driven_without_a_task_a_kept_connection_is_asked_again_and_its_end_noticed(
    secure: bool, loop: str, authority: Authority
) -> None:
    async def go() -> None:
        keeper = Keeper()
        async with keeper.serving(authority.server() if secure else None):
            memory: dict[str, Any] = {}
            url = f"{'https' if secure else 'http'}://127.0.0.1:{keeper.port}/"
            probe = Http(url=url, connection=Use.REUSE, ca=authority.file)

            async def once() -> object:
                """Drive one run as the daemon does."""
                ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()
                with surroundings(memory) as run:
                    Drive(
                        probe.probe(run),
                        lambda reading, problem: ended.set_result(problem or reading),
                        asyncio.get_running_loop(),
                    ).start()
                    return await ended

            for _ in range(3):
                assert isinstance(await once(), Reading)
            assert keeper.opened == 1
            (kept,) = (value for name, value in memory.items() if name.startswith("connection"))
            keeper.hang_up()
            await until(lambda: not kept.open)
            assert isinstance(await once(), Reading)
            assert keeper.opened == 2
            memory.clear()
            await until(lambda: not keeper.writers)

    finished(go, loop)
