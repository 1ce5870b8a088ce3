"""A crew of real worker processes in this test's loop, and targets of every sort for them."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.model import Check
from lab.probe_certificates import BAD, Authority
from lab.probe_server import serving
from lab.wait import free_port
from monitor.clock import SystemClock
from monitor.daemon import Vitals
from monitor.engine.workers.crew import Crew
from probes.api import Probe
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.network.reuse import Use
from probes.network.tcp import Tcp
from probes.sample import Sample


def check(name: str, probe: Probe, **fields: Any) -> Check:
    """Return a check twice a second with a deadline of 2 s."""
    usual: dict[str, Any] = {"every": 0.5, "timeout": 2.0, "retry_every": 0.1, "fingerprint": "1"}
    return Check(name=name, probe=probe, **usual | fields)


def named(*checks: Check) -> dict[str, Check]:
    return {one.name: one for one in checks}


@dataclass(slots=True)
class Crewed:
    """A crew at work, and what came of it."""

    crew: Crew
    vitals: Vitals
    samples: list[Sample] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        """The processes that probe, or are about to."""
        return workers_of(os.getpid())

    async def until(self, what: Any, *, within: float = 10) -> None:
        async with asyncio.timeout(within):
            while not what():  # noqa: ASYNC110 - what other processes do rings no bell
                await asyncio.sleep(0.005)

    async def next_of_each(self, names: Mapping[str, Check]) -> dict[str, Sample]:
        """Wait until every check has been sampled from now on; return those samples."""
        begin = len(self.samples)
        await self.until(lambda: {one.check for one in self.samples[begin:]} >= set(names))
        return {one.check: one for one in self.samples[begin:]}


@asynccontextmanager
async def crewed(count: int, checks: Mapping[str, Check], **fields: Any) -> AsyncIterator[Crewed]:
    vitals = Vitals(started_at=SystemClock().now())
    samples: list[Sample] = []
    crew = Crew(
        count, take=lambda _, sample: samples.append(sample), vitals=vitals, clock=SystemClock(), **fields
    )
    running = asyncio.create_task(crew.run())
    try:
        await crew.manned(10)
        crew.watch(checks)
        yield Crewed(crew, vitals, samples)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def workers_of(pid: int) -> list[int]:
    """Return the worker processes that a process has, those that are dying included."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            children = (thread / "children").read_text("ascii").split()
            found += [int(child) for child in children if is_worker(int(child))]
    return found


def is_worker(pid: int) -> bool:
    """Tell whether a process lives and is a worker."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return b"engine.workers.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def expendable(pid: int | str) -> int:
    """Return how readily the kernel takes a process when it is short of memory."""
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text("ascii"))


def here(path: str) -> str:
    """Return a path as seen from where the daemon was started: people write them so."""
    return os.path.relpath(path)


@dataclass(slots=True)
class Targets:
    """Servers on loopback. `opened` counts connections by server."""

    checks: dict[str, Check]
    opened: Counter[str]


@asynccontextmanager
async def targets(folder: Path) -> AsyncIterator[Targets]:
    """Serve what is up, down in each way, and silent; give a check for each."""
    authority, opened = Authority(folder), Counter[str]()

    def http(name: str, answer: bytes) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened[name] += 1
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)

        return serve

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    good, bad = (
        b"HTTP/1.1 %s\r\nContent-Length: 3\r\n\r\nok\n" % status for status in (b"200 OK", b"500 Broken")
    )
    async with (
        serving(http("good", good)) as up,
        serving(http("bad", bad)) as broken,
        serving(http("kept", good)) as kept,
        serving(silent) as mute,
        serving(http("tls", good), tls=authority.server()) as secure,
        serving(silent, tls=BAD["expired"](authority)) as expired,
    ):
        yield Targets(
            named(
                check("up", Http(url=f"http://127.0.0.1:{up}/", headers={"X-A": "1"})),
                check("by-name", Http(url=f"http://localhost:{up}/")),
                check("kept", Http(url=f"http://127.0.0.1:{kept}/", connection=Use.REUSE)),
                check("status", Http(url=f"http://127.0.0.1:{broken}/")),
                check("open", Tcp(target=f"127.0.0.1:{mute}")),
                check("refused", Tcp(target=f"127.0.0.1:{free_port()}")),
                check("silent", Http(url=f"http://127.0.0.1:{mute}/"), timeout=0.3),
                check("tls", Http(url=f"https://127.0.0.1:{secure}/", ca=authority.file)),
                check("tls-alone", Tls(target=f"127.0.0.1:{secure}", ca=here(authority.file))),
                check("untrusted", Http(url=f"https://127.0.0.1:{secure}/")),
                check("expired", Tls(target=f"127.0.0.1:{expired}", ca=authority.file)),
            ),
            opened,
        )
