"""Looking names up: remembered as long as they hold, asked for once, and forgotten quickly when it went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from lab.name_server import Asked, NameServer, a, cname, machine, name_server, record, reply, wire, zone
from lab.probe_run import LOOPS, finished, surroundings, until
from probes.api import ProbeFailed, Run
from probes.network.connection import Address, Family, resolve
from probes.network.names.question import Type
from probes.network.names.resolver import Resolver, use
from probes.sample import ErrorClass

SHOP = {"shop.example": ("192.0.2.1",), "dual.example": ("127.0.0.1", "::1"), "six.example": ("2001:db8::1",)}
Look = Callable[..., Awaitable[str]]


async def look(run: Run, host: str, family: Family = Family.ANY, *, within: float = 8.0) -> str:
    """Return the address, or what a person would read."""
    run.memory.clear()
    try:
        async with asyncio.timeout(within):
            return str(await resolve(run, host, 80, family)).removesuffix(":80")
    except ProbeFailed as failure:
        return failure.message if failure.error is ErrorClass.DNS else repr(failure)


async def turned(run: Run, host: str, answer: str) -> None:
    """Wait until the answer is this one."""
    async with asyncio.timeout(5):
        while await look(run, host) != answer:  # noqa: ASYNC110 - what is remembered rings no bell
            await asyncio.sleep(0.02)


def with_server(
    script: Callable[[Asked], Iterable[bytes]],
    go: Callable[[Run, NameServer], Awaitable[object]],
    folder: Path,
    *,
    loop: str = "uvloop",
    resolv: str = "nameserver 127.0.0.1\n",
    **texts: str,
) -> object:
    async def all_of_it() -> object:
        async with name_server(script) as server:
            use(Resolver(machine(folder, port=server.port, resolv=resolv, **texts)))
            with surroundings() as run:
                return await go(run, server)

    return finished(all_of_it, loop)


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
    assert took < 1


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        pytest.param(
            lambda asked: [
                reply(asked, a(asked.name, "192.0.2.66"), number=asked.number ^ 1),
                reply(asked, a("evil", "192.0.2.66"), question=wire("evil") + b"\0\1\0\1"),
                reply(asked, a(asked.name, "192.0.2.66"))[:2] + b"\x01\0" + reply(asked)[4:],
                b"",
                b"junk",
                reply(asked, a(asked.name, "192.0.2.1")),
            ],
            "192.0.2.1",
            id="what answers something else is not listened to",
        ),
        pytest.param(
            lambda asked: [reply(asked, rcode=1)] if asked.edns else [reply(asked, a(asked.name, "192.0.2.1"))],
            "192.0.2.1",
            id="a server that knows no EDNS is asked without",
        ),
        pytest.param(
            lambda asked: [reply(asked, *(a(asked.name, "192.0.2.1") for _ in range(200 if asked.tcp else 1)),
                                 truncated=not asked.tcp)],
            "192.0.2.1",
            id="a long answer comes over TCP",
        ),
        pytest.param(
            lambda asked: [reply(asked, cname(asked.name, "cdn.example"), a("cdn.example", "192.0.2.1"))],
            "192.0.2.1",
            id="an alias",
        ),
        pytest.param(
            lambda asked: [reply(asked, a("other.example", "192.0.2.66"))],
            "cannot resolve shop.example: No address associated with hostname",
            id="an answer about another name",
        ),
        pytest.param(
            lambda asked: [reply(asked, rcode=5)],
            "cannot resolve shop.example: Temporary failure in name resolution (127.0.0.1:PORT answers REFUSED)",
            id="a refusal",
        ),
        pytest.param(
            lambda asked: [reply(asked, record(asked.name, asked.kind, b"123"))],
            "cannot resolve shop.example: Temporary failure in name resolution (the answer of 127.0.0.1:PORT"
            " is not usable: a record of type A is not what it claims)",
            id="an address of three bytes",
        ),
    ],
)  # fmt: skip
def test_an_odd_server_gets_its_due(
    script: Callable[[Asked], Iterable[bytes]], answer: str, tmp_path: Path
) -> None:
    async def go(run: Run, server: NameServer) -> tuple[str, int]:
        return await look(run, "shop.example", Family.V4), server.port

    found = with_server(script, go, tmp_path)
    assert isinstance(found, tuple)
    assert found[0] == answer.replace("PORT", str(found[1]))


def test_a_server_that_is_silent_is_passed_over_and_asked_last_from_then_on(tmp_path: Path) -> None:
    async def go() -> tuple[str, str, int, int]:
        async with (
            name_server(lambda _: []) as silent,
            name_server(zone(SHOP), host="127.0.0.2", port=silent.port) as good,
        ):
            servers = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n"
            use(Resolver(machine(tmp_path, port=silent.port, resolv=servers)))
            with surroundings() as run:
                first = await look(run, "shop.example", Family.V4)
                again = await look(run, "six.example", Family.V6)
                return first, again, len(silent.asked), len(good.asked)

    assert finished(go) == ("192.0.2.1", "[2001:db8::1]", 1, 2)


def test_a_closed_port_is_known_at_once(tmp_path: Path) -> None:
    async def go() -> tuple[str, float]:
        async with name_server(lambda _: []) as server:
            port = server.port
        use(Resolver(machine(tmp_path, port=port, resolv="nameserver 127.0.0.1\n")))
        with surroundings() as run:
            began = monotonic()
            return await look(run, "shop.example"), monotonic() - began

    words, took = finished(go)
    assert "Temporary failure in name resolution (127.0.0.1" in words
    assert "cannot be reached" in words
    assert took < 0.5


def test_the_other_family_is_not_waited_for_long(tmp_path: Path) -> None:
    def half(asked: Asked) -> Iterable[bytes]:
        return zone(SHOP)(asked) if asked.kind is Type.A else []

    async def go(run: Run, _: NameServer) -> tuple[str, float]:
        began = monotonic()
        return await look(run, "shop.example"), monotonic() - began

    found = with_server(half, go, tmp_path)
    assert isinstance(found, tuple)
    assert found[0] == "192.0.2.1"
    assert found[1] < 0.9


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


def opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_socket_serves_many_questions_and_is_renewed(tmp_path: Path) -> None:
    async def go(run: Run, server: NameServer) -> tuple[int, int]:
        before = opened()
        names = [f"n{number}.example" for number in range(2500)]
        for at in range(0, len(names), 100):
            await asyncio.gather(*(look(run, name, Family.V4) for name in names[at : at + 100]))
        return len(server.asked), opened() - before

    asked, more = with_server(lambda asked: [reply(asked, a(asked.name, "192.0.2.1"))], go, tmp_path)  # type: ignore[misc]
    assert asked == 2500
    assert more == 1


def test_an_address_needs_no_look_up() -> None:
    async def go() -> list[Address]:
        with surroundings() as run:
            return [
                await resolve(run, host, 80, Family.ANY)
                for host in ("192.0.2.1", "2001:db8::1", "fe80::1%lo")
            ]

    assert [str(one) for one in finished(go)] == ["192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1]:80"]
