"""Looks names up as a check would, against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from lab.name_server import NameServer, Script, machine, name_server
from lab.probe_run import finished, surroundings
from probes.api import ProbeFailed, Run
from probes.network.connection import Family, resolve
from probes.network.names.resolver import Resolver, use
from probes.sample import ErrorClass

SHOP = {"shop.example": ("192.0.2.1",), "dual.example": ("127.0.0.1", "::1"), "six.example": ("2001:db8::1",)}


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
    script: Script,
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
