"""Connections and sockets that stay open between runs: no more than the process can spare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab.hostile_http import answer
from lab.name_server import a, name_server, reply
from lab.probe_run import finished, look, surroundings
from lab.probe_server import serving
from probes.api import Reading
from probes.network.dns import Dns
from probes.network.http import Http
from probes.network.names.client import _servers
from probes.network.poller import poller
from probes.network.reuse import Use
from probes.network.spare import SPARE


@pytest.fixture(autouse=True)
def spare() -> Iterator[None]:
    before = replace(SPARE)
    yield
    SPARE.connections, SPARE.name_servers = before.connections, before.name_servers
    assert SPARE.kept == before.kept, "all are counted out again"


async def keeps(reader: Any, writer: Any) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(answer(b"needle", headers="Connection: keep-alive\r\n"))
        await writer.drain()


def test_connections_are_kept_as_far_as_there_is_room_and_the_others_are_fresh_each_time() -> None:
    SPARE.connections = SPARE.kept + 2

    async def go() -> list[int]:
        seen, memories = [], [dict[str, Any]() for _ in range(5)]
        async with serving(keeps) as port:
            probe = Http(url=f"http://127.0.0.1:{port}/", connection=Use.REUSE)
            for _ in range(3):
                for memory in memories:
                    with surroundings(memory) as run:
                        assert isinstance(await look(probe, run), Reading)
                    del run
                seen.append(len(poller()._signals))
            memories[0].clear()  # as when a reload takes the check away: another has its room
            for memory in memories[1:]:
                with surroundings(memory) as run:
                    assert isinstance(await look(probe, run), Reading)
                del run
            seen.append(len(poller()._signals))
            for memory in memories:
                memory.clear()
        return seen

    assert finished(go) == [2, 2, 2, 2]


def test_of_sockets_to_name_servers_those_nobody_uses_make_room() -> None:
    SPARE.name_servers = 3

    async def go() -> int:
        with surroundings() as run:
            for _ in range(10):
                async with name_server(lambda asked: [reply(asked, a(asked.name, "192.0.2.1"))]) as server:
                    probe = Dns(target=f"127.0.0.1:{server.port}", name="shop.test")
                    assert isinstance(await look(probe, run), Reading)
        (known,) = _servers.values()
        return len(known)

    assert finished(go) <= 3
