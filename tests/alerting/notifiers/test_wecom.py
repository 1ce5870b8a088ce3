from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from alerting.notifiers.wecom import WeCom
from lab.messages import ACK, a_message, accepted
from lab.webhook_server import WebhookServer


def sent(message: Any = None, **options: Any) -> dict[str, Any]:
    """Return what a robot gets: the path, and the JSON of the body."""

    async def scene() -> dict[str, Any]:
        async with WebhookServer(always='json:{"errcode": 0, "errmsg": "ok"}') as server:
            robot = WeCom(**{"key": "k-1", "api": f"http://127.0.0.1:{server.port}/", **options})
            assert robot.complaint() is None
            await accepted(robot, message)
            (entry,) = server.entries
            assert entry["headers"]["Content-Type"].startswith("application/json")
            return {"path": entry["path"], **json.loads(entry["body"])}

    return asyncio.run(scene())


def test_a_page_arrives_as_a_text_with_its_title_first() -> None:
    told = sent()
    assert told == {
        "path": "/cgi-bin/webhook/send?key=k-1",
        "msgtype": "text",
        "text": {
            "content": f"{a_message().title}\n{a_message().text}",
            "mentioned_mobile_list": [],
            "mentioned_list": [],
        },
    }


@pytest.mark.parametrize(
    ("at", "mobiles", "users"),
    [
        pytest.param("{address}", ["13800000001"], [], id="the person"),
        pytest.param(("+86 139 0000 0002", "wangqing"), ["13900000002"], ["wangqing"], id="several"),
        pytest.param("all", [], ["@all"], id="all"),
    ],
)
def test_whom_to_call_stands_beside_the_text(at: Any, mobiles: list[str], users: list[str]) -> None:
    told = sent(a_message(address="+8613800000001"), at=at)["text"]
    assert (told["mentioned_mobile_list"], told["mentioned_list"]) == (mobiles, users)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        pytest.param("库存", "x" * 2500 + ACK, id="link at the end"),
        pytest.param("库存", "长" * 680 + ACK, id="link cut in the middle"),
        pytest.param("题" * 900, ACK + "\n" + "长" * 900, id="long title"),
    ],
)
def test_a_text_too_long_is_cut_to_2048_bytes_but_not_its_link(title: str, text: str) -> None:
    content = sent(a_message(title=title, text=text))["text"]["content"]
    assert 1900 < len(content.encode()) <= 2048
    assert ACK in content
    assert content.startswith(title[:100])
    assert content.endswith("…")


def test_of_a_second_link_no_half_is_left() -> None:
    other = "https://status.example.com/ack/" + "t" * 300
    content = sent(a_message(title="t", text=f"{ACK}\n{'y' * 1800}\n{other}"))["text"]["content"]
    assert ACK in content
    assert content.endswith("y\n…")


def test_a_text_that_just_fits_stays_whole() -> None:
    text = "y" * (2048 - len("t\n"))
    assert sent(a_message(title="t", text=text))["text"]["content"] == f"t\n{text}"


def test_half_a_character_does_not_lose_the_page() -> None:
    assert sent(a_message(title="half \ud83d"))["text"]["content"].startswith("half ?\n")


def test_the_whole_url_in_place_of_the_key_is_found_when_the_configuration_is_read() -> None:
    complaint = WeCom(key="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary").complaint()
    assert complaint == "key: only the key itself belongs here, not the URL around it"
