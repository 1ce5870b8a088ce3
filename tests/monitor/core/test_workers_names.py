"""Worker processes and name servers: those of the machine, as its files say now, and no more sockets than given out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

from lab.crew import check, crewed, named
from lab.name_server import a, name_server, reply
from lab.probe_run import finished
from lab.tools import ROOT
from monitor.descriptors import ALL
from probes.network.dns import Dns
from probes.sample import Outcome


def test_workers_ask_the_name_servers_of_the_machine_and_follow_when_it_has_others(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-rnm", sys.executable, "-W", "error", "-m", "lab.names_world", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'lib'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, then = json.loads(done.stdout)
    assert first["asked"][1] == 0
    assert 2 <= first["asked"][0] <= 4, (
        "each worker asks once for all its checks, or again where an answer is late"
    )
    assert 2 <= then["asked"][1] <= 4


def sockets_to_name_servers(pid: int) -> int:
    """Return how many UDP sockets a process has."""
    lines = Path(f"/proc/{pid}/net/udp").read_text("ascii").splitlines()[1:]
    datagrams = {f"socket:[{line.split()[9]}]" for line in lines}
    count = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += str(one.readlink()) in datagrams
    return count


def test_workers_have_no_more_sockets_to_name_servers_than_they_were_given() -> None:
    shares = replace(ALL, name_servers=4, kept=100, runs=200, per_host=200)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(
                    name_server(lambda asked: [reply(asked, a(asked.name, "192.0.2.1"))])
                )
                for _ in range(24)
            ]
            some = named(
                *(
                    check(f"c-{server.port}", Dns(target=f"127.0.0.1:{server.port}", name="shop.test"))
                    for server in servers
                )
            )
            at_work = await stack.enter_async_context(crewed(2, some, shares=shares))
            for _ in range(3):
                seen = await at_work.next_of_each(some)
                assert {one.outcome for one in seen.values()} == {Outcome.UP}
                counts = [sockets_to_name_servers(pid) for pid in at_work.pids]
                assert len(counts) == 2
                assert all(1 <= count <= 4 + 2 for count in counts), "but for those in use right now"

    finished(story, "uvloop")
