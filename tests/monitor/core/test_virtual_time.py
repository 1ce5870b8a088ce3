"""The tests' own clock: hours pass at once, and never past work that is really going on."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alerting.incidents.incident import Incident
from alerting.state import Changes
from lab.core_virtual import START, Outside, clock, virtually
from lab.records import NOON, incident
from monitor.store.thread import StoreThread


def test_hours_of_timers_pass_at_once_and_in_order() -> None:
    async def story() -> list[int]:
        seen: list[int] = []

        async def sleeper(seconds: int) -> None:
            await asyncio.sleep(seconds)
            seen.append(seconds)

        now = clock()
        await asyncio.gather(*(sleeper(seconds) for seconds in (7200, 5, 60, 3600)))
        assert (now.now() - START).total_seconds() >= 7200
        return seen

    assert virtually(story, within=5) == [5, 60, 3600, 7200]


def test_time_stands_still_while_a_thread_is_at_work() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            before = loop.time()
            async with asyncio.timeout(1):
                await loop.run_in_executor(pool, time.sleep, 0.1)
            assert loop.time() - before < 1

    virtually(story)


def test_time_stands_still_while_the_store_writes(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        inner = StoreThread(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
        store = Outside(inner, loop)  # type: ignore[arg-type]
        await store.open()
        before = loop.time()
        async with asyncio.timeout(0.001):
            for number in range(1, 20):
                await store.record(Changes(records=(incident(number),)))
            assert len((await store.load(NOON)).records[Incident]) == 19
        assert loop.time() == before
        await store.close()

    virtually(story)


def test_real_sockets_work_and_an_answer_comes_before_its_deadline() -> None:
    async def story() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for _ in range(20):
            async with asyncio.timeout(0.5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
                writer.close()
                await writer.wait_closed()
            await asyncio.sleep(600)
        server.close()
        await server.wait_closed()

    virtually(story, within=10)
