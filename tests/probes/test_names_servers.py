"""Name servers that are odd, silent, gone or slow: each gets its due, and the look-up its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

import pytest

from lab.name_looks import SHOP, look, with_server
from lab.name_server import Asked, NameServer, a, cname, machine, name_server, record, reply, wire, zone
from lab.probe_run import finished, surroundings
from probes.api import Run
from probes.network.connection import Family
from probes.network.names.question import Type
from probes.network.names.resolver import Resolver, use


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
