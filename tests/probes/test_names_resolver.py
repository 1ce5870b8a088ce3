"""Looking names up: remembered as long as they hold, asked for once, and forgotten quickly when it went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from lab.name_looks import SHOP, look, turned, with_server
from lab.name_server import Asked, NameServer, a, cname, reply, zone
from lab.probe_run import LOOPS, finished, surroundings, until
from probes.api import Run
from probes.network.connection import Address, Family, resolve
from probes.network.names.resolver import Resolver
from probes.network.names.stub import BAD_SECONDS


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("host", "family", "answer"),
    [
        ("shop.example", Family.ANY, "192.0.2.1"),
        ("SHOP.example.", Family.ANY, "192.0.2.1"),
        ("shop.example", Family.V4, "192.0.2.1"),
        ("six.example", Family.ANY, "[2001:db8::1]"),
        ("six.example", Family.V6, "[2001:db8::1]"),
        ("dual.example", Family.ANY, "127.0.0.1"),
        ("dual.example", Family.V6, "[::1]"),
        ("shop.example", Family.V6, "cannot resolve shop.example: No address associated with hostname"),
        ("gone.example", Family.ANY, "cannot resolve gone.example: Name or service not known"),
        ("x.invalid", Family.ANY, "cannot resolve x.invalid: Name or service not known"),
    ],
)
def test_a_name_becomes_an_address_or_words(
    host: str, family: Family, answer: str, loop: str, tmp_path: Path
) -> None:
    async def go(run: Run, _: NameServer) -> str:
        return await look(run, host, family)

    assert with_server(zone(SHOP), go, tmp_path, loop=loop) == answer


def test_many_that_ask_at_once_cost_one_question_and_later_ones_none(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> list[int]:
        await asyncio.gather(*(look(run, "shop.example", Family.V4) for _ in range(50)))
        counts = [len(server.asked)]
        await look(run, "shop.example", Family.V4)
        return [*counts, len(server.asked)]

    assert with_server(zone(SHOP), go, tmp_path) == [1, 1]


def test_one_that_gives_up_takes_nobody_along(tmp_path: Path) -> None:
    held: list[Asked] = []

    def late(asked: Asked) -> Iterable[bytes]:
        held.append(asked)
        return []

    async def go(run: Run, server: NameServer) -> str:
        first = asyncio.create_task(look(run, "shop.example", Family.V4))
        second = asyncio.create_task(look(run, "shop.example", Family.V4))
        await until(lambda: bool(held))
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        server.script = zone(SHOP)
        return await second

    assert with_server(late, go, tmp_path) == "192.0.2.1"


def test_an_answer_is_forgotten_when_its_time_is_over(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> str:
        assert await look(run, "shop.example") == "192.0.2.1"
        server.script = zone({"shop.example": ("192.0.2.2",)})
        await turned(run, "shop.example", "192.0.2.2")
        assert server.times("shop.example") == 2
        return await look(run, "shop.example")

    assert with_server(zone(SHOP, ttl=0), go, tmp_path) == "192.0.2.2"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(lambda asked: [reply(asked, rcode=3)], id="no such name"),
        pytest.param(lambda asked: [reply(asked, rcode=2)], id="SERVFAIL"),
        pytest.param(lambda _: [], id="silence"),
        pytest.param(lambda asked: [reply(asked, cname(asked.name, asked.name))], id="circle"),
        pytest.param(lambda asked: [reply(asked, a(asked.name, "192.0.2.1"))[:-2]], id="cut off"),
    ],
)
def test_who_comes_back_is_seen_by_the_next_run(
    trouble: Callable[[Asked], Iterable[bytes]], tmp_path: Path
) -> None:
    async def go(run: Run, server: NameServer) -> float:
        assert (await look(run, "shop.example")).startswith("cannot resolve")
        server.script = zone(SHOP)
        began = monotonic()
        await turned(run, "shop.example", "192.0.2.1")
        return monotonic() - began

    took = with_server(trouble, go, tmp_path)
    assert isinstance(took, float)
    assert took < 3, "not the minute that the answer holds"
    assert BAD_SECONDS < 1


def test_domains_to_search_are_tried_in_turn(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> tuple[str, list[str]]:
        return await look(run, "db", Family.V4), [one.name for one in server.asked]

    names = {"db.corp.example": ("192.0.2.7",)}
    resolv = "nameserver 127.0.0.1\nsearch shop.example corp.example\n"
    assert with_server(zone(names), go, tmp_path, resolv=resolv) == (
        "192.0.2.7", ["db.shop.example", "db.corp.example"],
    )  # fmt: skip


def test_the_files_of_the_machine_come_first_and_are_read_again_when_they_change(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> tuple[str, int]:
        assert await look(run, "shop.example") == "192.0.2.50"
        assert await look(run, "localhost") == "127.0.0.1"
        assert await look(run, "api.localhost") == "127.0.0.1"
        assert server.asked == []
        (tmp_path / "hosts").write_text("192.0.2.51 shop.example\n")
        await turned(run, "shop.example", "192.0.2.51")
        return await look(run, "shop.example"), len(server.asked)

    assert with_server(zone(SHOP), go, tmp_path, hosts="192.0.2.50 Shop.Example\n") == ("192.0.2.51", 0)


def test_where_only_files_count_nobody_is_asked(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> tuple[str, int]:
        return await look(run, "shop.example"), len(server.asked)

    words, asked = with_server(zone(SHOP), go, tmp_path, nsswitch="hosts: files\n")  # type: ignore[misc]
    assert (words, asked) == ("cannot resolve shop.example: Name or service not known", 0)


def test_where_libc_asks_more_than_we_can_it_is_asked(tmp_path: Path) -> None:
    """Ours would say what the file says; libc knows nothing of that file."""

    async def go(run: Run, server: NameServer) -> tuple[str, int]:
        return await look(run, "localhost", Family.V4), len(server.asked)

    texts = {
        "nsswitch": "hosts: files mdns4_minimal [NOTFOUND=return] dns\n",
        "hosts": "192.0.2.9 localhost\n",
    }
    assert with_server(zone(SHOP), go, tmp_path, **texts) == ("127.0.0.1", 0)


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Leave none to open: the limit is the number of those that are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) - 1, hard))
    filled: list[socket.socket] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                filled.append(socket.socket())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in filled:
            one.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_without_descriptors_it_is_our_own_fault_and_no_word_about_the_name(
    loop: str, tmp_path: Path
) -> None:
    async def go(run: Run, _: NameServer) -> tuple[str, str]:
        with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
            await resolve(run, "shop.example", 80, Family.ANY)
        await look(run, "localhost")
        with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
            await resolve(run, "shop.example", 80, Family.ANY)
        return await look(run, "shop.example"), await look(run, "localhost")

    assert with_server(zone(SHOP), go, tmp_path, loop=loop, hosts="127.0.0.1 localhost\n") == (
        "192.0.2.1", "127.0.0.1",
    )  # fmt: skip


def test_an_address_needs_no_look_up() -> None:
    async def go() -> list[Address]:
        with surroundings() as run:
            return [
                await resolve(run, host, 80, Family.ANY)
                for host in ("192.0.2.1", "2001:db8::1", "fe80::1%lo")
            ]

    assert [str(one) for one in finished(go)] == ["192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1]:80"]


def test_a_name_that_hangs_in_libc_holds_one_thread_however_often_it_is_asked_for() -> None:
    async def go() -> None:
        begun, answer = [], asyncio.get_running_loop().create_future()

        async def offload(_function: object, host: str, *_rest: object) -> Any:
            begun.append(host)
            return await answer

        names = Resolver()
        asked = [
            asyncio.create_task(names.ask_libc(host, 0, offload))
            for host in ("dead.example", "a.example") * 9
        ]
        await asyncio.sleep(0)
        for one in asked[:9]:
            one.cancel()  # runs that give up take nobody along
        asked.append(asyncio.create_task(names.ask_libc("dead.example", 0, offload)))
        await asyncio.sleep(0)
        assert sorted(begun) == ["a.example", "dead.example"]
        answer.set_result(["found"])
        assert [await one for one in asked[9:]] == [["found"]] * 10

    finished(go)


def resolv_conf(home: Path) -> Path:
    [found] = [one for one in home.rglob("*") if one.is_file() and "nameserver" in one.read_text()]
    return found


def test_servers_that_are_new_in_the_file_are_asked_at_once_and_not_after_the_dead_ones(
    tmp_path: Path,
) -> None:
    async def go(run: Run, server: NameServer) -> list[str]:
        with ExitStack() as stack:
            for last in (2, 3, 4):  # they take questions and say nothing
                dead = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                dead.bind((f"127.0.0.{last}", server.port))
            with pytest.raises(TimeoutError):
                await look(run, "shop.example", Family.V4, within=0.5)
            resolv_conf(tmp_path).write_text("nameserver 127.0.0.1\n")
            await asyncio.sleep(1.1)  # the files are looked at once a second
            return [await look(run, "shop.example", Family.V4, within=1.0)]

    dead = "".join(f"nameserver 127.0.0.{last}\n" for last in (2, 3, 4))
    assert with_server(zone(SHOP), go, tmp_path, resolv=dead) == ["192.0.2.1"]
