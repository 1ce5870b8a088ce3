"""A network of its own, a router away from another: runs pings there and prints what came of them.

    unshare -rn python -m lab.ping_world SOCKETS PLAN

SOCKETS is what is permitted: `dgram` (and raw), `raw` alone, or `none`. PLAN is JSON: lists of options, those of one
list pinging at the same time. 127.0.0.0/8, ::1 and the router 10.66.0.2 answer; 10.66.0.9 does not exist; the router
calls 192.0.2.0/24 unreachable and 203.0.113.0/24 prohibited, and swallows 198.51.100.0/24. No way leads to
10.77.0.0/16. The router answers one request, then for a long time it says no more.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvloop

from lab.probe_run import look, surroundings
from probes.api import ProbeFailed, Reading
from probes.network.ping import Ping

HERE = """
ip link set lo up
ip link add near type veth peer name far netns {router}
ip address add 10.66.0.1/24 dev near
ip link set near up
ip route add default via 10.66.0.2
ip route add unreachable 10.77.0.0/16
"""
THERE = """
ip link set lo up
ip address add 10.66.0.2/24 dev far
ip link set far up
ip route add unreachable 192.0.2.0/24
ip route add prohibit 203.0.113.0/24
ip route add blackhole 198.51.100.0/24
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratemask=1 net.ipv4.icmp_ratelimit=60000
"""
_DROP_CAPABILITY, _NET_RAW = 24, 13


def told(result: Reading | ProbeFailed | TimeoutError | OSError) -> dict[str, Any]:
    """Return a result as JSON has it."""
    if isinstance(result, Reading):
        return {"outcome": "up", "values": dict(result.values), "phases": list(result.phases)}
    if isinstance(result, ProbeFailed):
        values = dict(result.reading.values) if result.reading else {}
        return {"outcome": "down", "error": result.error.value, "message": result.message, "values": values}
    if isinstance(result, TimeoutError):
        return {"outcome": "cut off"}
    return {"outcome": "unknown", "message": str(result), "kind": type(result).__name__}


async def go(plan: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Ping as planned."""

    async def one(options: dict[str, Any]) -> dict[str, Any]:
        with surroundings() as run:
            try:
                return told(await look(Ping(**options), run, within=2))
            except OSError as failure:
                return told(failure)

    return [list(await asyncio.gather(*map(one, together))) for together in plan]


def prepare() -> subprocess.Popen[bytes]:
    """Build both networks, and return what holds the other: it ends when its input does, so not later than we do."""
    router = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert router.stdout is not None
    router.stdout.readline()
    enter = ["nsenter", "-t", str(router.pid), "-n"]
    for line in HERE.format(router=router.pid).strip().splitlines():
        if line.endswith("near up"):
            for there in THERE.strip().splitlines():
                subprocess.run([*enter, *there.split()], check=True)
        subprocess.run(line.split(), check=True)
    return router


def main() -> None:
    """Prepare, permit, and ping."""
    permitted, plan = sys.argv[1:]
    if permitted == "none":  # root is given with the next program what is in the bounding set
        assert ctypes.CDLL(None).prctl(_DROP_CAPABILITY, _NET_RAW, 0, 0, 0) == 0
        os.execv(sys.executable, [sys.executable, "-m", "lab.ping_world", "nothing", plan])
    router = prepare() if permitted != "nothing" else None
    if permitted == "dgram":
        Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0", encoding="ascii")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(go(json.loads(plan)))))
    if router is not None:
        router.communicate()


if __name__ == "__main__":
    main()
