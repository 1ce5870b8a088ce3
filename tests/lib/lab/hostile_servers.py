"""All that misbehaves, in one process.   python -m lab.hostile_servers FOLDER

prints one JSON object once all listen: the port of each by name, those of `lab.hostile_tcp` and `lab.hostile_tls`,
`http`, `dns` over both transports, `udp` over one; and serves until its input ends. The name server listens at port 53
as well where that is permitted. FOLDER then holds `authority.pem`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from lab.hostile_http import hostile
from lab.hostile_names import SCRIPT
from lab.hostile_tcp import ports
from lab.hostile_tls import tls_ports
from lab.name_server import NameServer, name_server
from lab.probe_certificates import Authority


@contextlib.asynccontextmanager
async def udp_alone() -> AsyncIterator[int]:
    """Answer over UDP, and refuse connections at the same port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = int(closed.getsockname()[1])
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: NameServer(SCRIPT), local_addr=("127.0.0.1", port)
        )
        try:
            yield port
        finally:
            transport.close()


@contextlib.asynccontextmanager
async def all_ports(folder: Path) -> AsyncIterator[dict[str, int]]:
    """Serve all."""
    async with contextlib.AsyncExitStack() as stack:
        found = await stack.enter_async_context(ports())
        found |= await stack.enter_async_context(tls_ports(Authority(folder), folder))
        found["http"] = (await stack.enter_async_context(hostile())).port
        found["dns"] = (await stack.enter_async_context(name_server(SCRIPT))).port
        found["udp"] = await stack.enter_async_context(udp_alone())
        with contextlib.suppress(PermissionError):
            await stack.enter_async_context(name_server(SCRIPT, port=53))
        yield found


@contextlib.contextmanager
def served(folder: Path) -> Iterator[dict[str, int]]:
    """Serve all in a process of its own while the block lasts, and give the ports."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.hostile_servers", str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate(timeout=10)


async def _serve(folder: Path) -> None:
    async with all_ports(folder) as found:
        print(json.dumps(found), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
