"""The scheduler's bounds with real sockets and timers, where places become free and turns come due at the same time."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from config.model import Check
from lab.core_virtual import START, settle
from lab.probe_run import LOOPS, finished
from monitor.daemon import Vitals
from monitor.engine.runner import Attempt, Executors, Runner
from monitor.engine.scheduler import Memory, Scheduler
from probes.network.poller import serve
from probes.network.tcp import Tcp
from probes.sample import Sample


@pytest.mark.parametrize("loop", LOOPS)
def test_the_bounds_hold_where_many_deadlines_strike_at_once(loop: str) -> None:
    """Real sockets and timers: places become free within one turn of the loop, and other turns come due in it."""
    room, per_host = 24, 4

    async def story() -> tuple[int, int]:
        most = most_at_host = 0
        with socket.create_server(("0.0.0.0", 0), backlog=1024) as silent, Executors() as executors:
            port = silent.getsockname()[1]
            checks = {
                name: Check(
                    name=name, probe=Tcp(target=f"127.0.1.{1 + number % 8}:{port}", expect="x"), every=0.5,
                    timeout=0.2, retry_every=0.5, fingerprint="1",
                )
                for number in range(160) for name in (f"c{number}",)
            }  # fmt: skip
            runner, under_way = Runner(executors), Counter[str]()

            def start(check: Check, memory: Memory, done: Callable[[], None]) -> Attempt:
                nonlocal most, most_at_host
                host = str(check.host)

                def over(_: Sample | None) -> None:
                    under_way[host] -= 1
                    done()

                under_way[host] += 1
                most, most_at_host = max(most, under_way.total()), max(most_at_host, under_way[host])
                return runner.start(check, memory, over)

            scheduler = Scheduler(
                start, Vitals(started_at=START), room=room, per_host=per_host, breathe=serve
            )
            scheduler.watch(checks)
            running = asyncio.create_task(scheduler.run())
            await asyncio.sleep(2.5)
            await settle(running)
        return most, most_at_host

    assert finished(story, loop) == (room, per_host)
