from __future__ import annotations

import asyncio

import pytest

from alerting.notification import Reason
from alerting.notifiers.heartbeat import Heartbeat
from lab.messages import accepted, cut_short, refusal
from lab.webhook_server import WebhookServer


def test_a_beat_asks_for_the_url_and_carries_no_words() -> None:
    async def scene() -> None:
        async with WebhookServer(script=["ok", "status:204"]) as server:
            beat = Heartbeat(url=server.url + "?key=1")
            await accepted(beat)
            await accepted(beat)
            for entry in server.entries:
                assert (entry["method"], entry["path"], entry["body"]) == ("GET", "/hook?key=1", "")
            assert not beat.needs_address

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("word", "reason", "retry", "ambiguous"),
    [
        pytest.param("redirect", Reason.REFUSED, False, False, id="redirect"),
        pytest.param("status:404", Reason.REFUSED, False, False, id="404"),
        pytest.param("status:503", Reason.SERVER, True, False, id="503"),
        pytest.param("rst", Reason.CONNECT, True, True, id="reset"),
        pytest.param("garbage", Reason.PROTOCOL, True, True, id="garbage"),
    ],
)
def test_anything_but_a_2xx_is_a_beat_that_was_not_heard(
    word: str, reason: Reason, retry: bool, ambiguous: bool
) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            error = await refusal(Heartbeat(url=server.url + "/canary-word"))
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, ambiguous)
            assert error.message.startswith("cannot beat at 127.0.0.1: ")
            assert "canary" not in error.message

    asyncio.run(scene())


def test_cut_short_a_beat_may_have_been_heard() -> None:
    async def scene() -> None:
        async with WebhookServer(always="swallow") as server:
            assert (await cut_short(Heartbeat(url=server.url), server.arrived.wait)).sent

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"url": "ftp://x/"}, "must begin with https", id="scheme"),
        pytest.param({"url": "https://x/ y"}, "spaces", id="space"),
        pytest.param({"url": "https://x:99999999/"}, "cannot be read", id="port"),
        pytest.param({"url": "https://x/", "ca": "/no/such.pem"}, "cannot find the file", id="ca"),
    ],
)
def test_a_bad_option_is_found_when_the_configuration_is_read(options: dict[str, str], told: str) -> None:
    assert told in (Heartbeat(**options).complaint() or "")
