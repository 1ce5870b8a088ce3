"""Asks the hostile server once with the HTTP probe."""

from __future__ import annotations

import ssl
from typing import Any

from lab.hostile_http import Hostile, hostile
from lab.probe_run import finished, look, surroundings
from probes.api import ProbeFailed, Reading, Run
from probes.network.http import Http

Result = Reading | ProbeFailed | TimeoutError


def ask(
    path: str = "/ok",
    *,
    loop: str = "asyncio",
    tls: ssl.SSLContext | None = None,
    within: float = 10.0,
    host: str = "127.0.0.1",
    **options: Any,
) -> tuple[Result, Hostile, Run]:
    """Start a server, ask it once by the name `host`, and return what came of it."""

    async def go() -> tuple[Result, Hostile, Run]:
        async with hostile(tls=tls) as server:
            with surroundings() as run:
                url = server.url(path).replace("127.0.0.1", host)
                return await look(Http(url=url, **options), run, within=within), server, run

    return finished(go, loop)


def failure(result: Result) -> ProbeFailed:
    assert isinstance(result, ProbeFailed), result
    return result
