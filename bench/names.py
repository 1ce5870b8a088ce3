"""What looking at names and echoes costs: CPU in µs per DNS query, per name looked up, and per ping; medians.

The name server is a process of its own, so its CPU does not count; what the kernel does to answer an echo on the
loopback address does. Probes are driven as the daemon drives them, fifty at a time.

    python bench/names.py [--rounds 7] [--each 2000] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvloop

from monitor.engine.driver import Drive
from probes.api import Probe, Run
from probes.network.connection import Family, resolve
from probes.network.dns import Dns
from probes.network.echo import EchoSocket
from probes.network.names.resolver import Resolver, use
from probes.network.names.settings import Files
from probes.network.ping import Ping

AT_ONCE = 50


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="of which the median counts")
    parser.add_argument("--each", type=int, default=2000, help="probes in a round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure(port, options.rounds, options.each))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    if options.json:
        print(json.dumps({"microseconds": found, "machine": platform.platform(), "python": sys.version}))
    else:
        for what, cost in found.items():
            print(f"{what:<58} {cost:7.1f} µs")
    return 0


def serve() -> int:
    """Answer each query with one address, whatever it asks for, until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        print(server.getsockname()[1], flush=True)
        while True:
            query, place = server.recvfrom(2048)
            question = query[12 : query.index(b"\0", 12) + 5]
            head = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
            server.sendto(head + question + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1", place)


async def measure(port: int, rounds: int, each: int) -> dict[str, float]:
    """Return the median CPU of one of each, in microseconds."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as executor:
        (Path(folder) / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        use(Resolver(Files(hosts=os.devnull, nsswitch=os.devnull, resolv=f"{folder}/resolv.conf", port=port)))

        def run() -> Run:
            def offload(function: Callable[..., Any], /, *args: Any) -> Awaitable[Any]:
                return loop.run_in_executor(executor, function, *args)

            return Run(offload=offload, resolve=offload)

        dns = Dns(target=f"127.0.0.1:{port}", name="shop.example.com")
        one = Ping(target="127.0.0.1", count=1)
        three = Ping(target="127.0.0.1", count=3)
        await resolve(run(), "known.example.com", 80, Family.V4)
        fresh = iter(range(10**9))
        works: dict[str, tuple[Callable[[], Coroutine[Any, Any, object]], int]] = {
            "dns query (probe)": (probing(dns, run), 1),
            "name that is not known (one family)": (
                lambda: resolve(run(), f"n{next(fresh)}.example.com", 80, Family.V4), 1,
            ),
            "name that is known": (lambda: resolve(run(), "localhost.", 80, Family.V4), 1),
            "ping with one echo (probe)": (probing(one, run), 1),
            "ping with three echoes (probe), per echo": (probing(three, run), 3),
        }  # fmt: skip
        found = {}
        for what, (begin, parts) in works.items():
            at_once = AT_ONCE if parts == 1 else each  # they wait most of the time
            costs = [await cost(begin, each, at_once) / parts for _ in range(rounds)]
            found[what] = round(statistics.median(costs), 2)
        sender = EchoSocket(socket.AF_INET)
        costs = [await cost_of_echoes(sender, each) for _ in range(rounds)]
        found["echo alone (shared socket)"] = round(statistics.median(costs), 2)
        return found


def probing(probe: Probe, run: Callable[[], Run]) -> Callable[[], Coroutine[Any, Any, object]]:
    """Return what begins one run of a probe."""
    return lambda: probe.probe(run())


async def cost(begin: Callable[[], Coroutine[Any, Any, object]], count: int, at_once: int) -> float:
    """Run so many, `at_once` at a time, and return the CPU of one in microseconds."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    begun = ended = 0

    def start() -> None:
        nonlocal begun
        if begun < count:
            begun += 1
            Drive(begin(), end, loop).start()

    def end(_: object, problem: BaseException | None) -> None:
        nonlocal ended
        ended += 1
        if problem is not None and not done.done():
            done.set_exception(problem)
        elif ended == count:
            done.set_result(None)
        loop.call_soon(start)

    began = time.process_time()
    for _ in range(min(at_once, count)):
        loop.call_soon(start)
    await done
    return (time.process_time() - began) / count * 1e6


class Burst:
    """Stands for the probes whose echoes leave at the same time."""

    def __init__(self) -> None:
        self.pending: set[int] = set()
        self.back = asyncio.get_running_loop().create_future()

    def answered(self, number: int, _seconds: float) -> None:
        self.pending.discard(number)
        if not self.pending:
            self.back.set_result(None)


async def cost_of_echoes(sender: EchoSocket, count: int) -> float:
    """Send so many, fifty at a time, and return the CPU of one in microseconds."""
    began = time.process_time()
    for _ in range(count // AT_ONCE):
        burst = Burst()
        for _ in range(AT_ONCE):
            sender.send(("127.0.0.1", 0), burst, 56)
        await burst.back
    return (time.process_time() - began) / count * 1e6


if __name__ == "__main__":
    sys.exit(main())
