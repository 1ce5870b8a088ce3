"""A large answer is sent in pieces and arrives whole."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.web.pieces import AT_ONCE, LARGE, Pieces


def _fetched(pieces: list[bytes], method: str = "GET") -> tuple[bytes, str]:
    """Return the body and the length a client is told."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=Pieces(pieces), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def run() -> tuple[bytes, str]:
        application = web.Application()
        application.router.add_route("*", "/", answer)
        async with (
            TestServer(application) as server,
            aiohttp.ClientSession() as session,
            session.request(method, server.make_url("/")) as got,
        ):
            assert got.headers["Content-Type"] == "text/plain; version=0.0.4"
            return await got.read(), got.headers["Content-Length"]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="none"),
        pytest.param([b""], id="empty"),
        pytest.param([b"one", b"", b"two"], id="few"),
        pytest.param([b"x" * (3 * AT_ONCE), b"y"], id="one that is large"),
        pytest.param([bytes((number % 251,)) * 9000 for number in range(2 * LARGE // 9000)], id="many"),
    ],
)
def test_pieces_arrive_whole_and_in_order(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    body, length = _fetched(pieces)
    assert body == whole
    assert length == str(len(whole))
    assert pieces == [], "what is sent is let go"


def test_who_asks_for_the_head_alone_is_told_the_length() -> None:
    assert _fetched([b"one", b"two"], method="HEAD") == (b"", "6")
