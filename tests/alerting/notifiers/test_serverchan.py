from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from alerting.notifiers.serverchan import ServerChan
from lab.connect_proxy import Outside
from lab.messages import ACK, a_message, accepted
from lab.webhook_server import WebhookServer

YES = 'json:{"code": 0, "message": "", "data": {"pushid": "114", "error": "SUCCESS", "errno": 0}}'


def sent(message: Any = None, key: str = "SCT1") -> dict[str, str]:
    """Return what the service gets: the path, and the fields of the form."""

    async def scene() -> dict[str, str]:
        async with WebhookServer(always=YES) as server:
            channel = ServerChan(key=key, api=f"http://127.0.0.1:{server.port}")
            assert channel.complaint() is None
            receipt = await accepted(channel, message)
            assert receipt.provider_id == "114"
            (entry,) = server.entries
            fields = parse_qs(entry["body"], strict_parsing=True)
            return {"path": entry["path"], **{name: value for name, (value,) in fields.items()}}

    return asyncio.run(scene())


def test_a_page_arrives_with_a_paragraph_for_each_line() -> None:
    told = sent()
    assert told["path"] == "/SCT1.send"
    assert told["title"] == a_message().title
    assert told["desp"].split("\n\n") == a_message().text.split("\n")


def test_a_title_too_long_is_cut_and_stands_whole_above_the_text() -> None:
    title = "INC-1 下单结算: " + "很长的题目" * 10
    told = sent(a_message(title=title))
    assert len(told["title"]) == 32
    assert told["desp"].startswith(f"{title}\n\n")


def test_a_text_too_long_is_cut_but_not_its_link() -> None:
    told = sent(a_message(text="长\n" * 9000 + ACK))
    assert len(told["desp"].encode()) <= 32768
    assert ACK in told["desp"]


def test_each_person_has_a_key() -> None:
    assert ServerChan(key="{address}").needs_address
    assert sent(a_message(address="SCT/2"), key="{address}")["path"] == "/SCT%2F2.send"


@pytest.mark.parametrize(
    ("key", "host", "path"),
    [
        pytest.param("SCT1abc", "sctapi.ftqq.com", "/SCT1abc.send", id="Turbo"),
        pytest.param("sctp123tabc", "123.push.ft07.com", "/send/sctp123tabc.send", id="the third"),
    ],
)
def test_the_key_says_where_to_send(key: str, host: str, path: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, host, always=YES) as outside:
            outside.inhabit(trusting=False)
            await accepted(ServerChan(key=key, ca=outside.ca))
            (entry,) = outside.server.entries
            assert (entry["headers"]["Host"], entry["path"]) == (host, path)

    asyncio.run(scene())
