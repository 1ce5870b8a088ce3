from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alerting.notifiers.dingtalk import DingTalk
from lab.messages import ACK, a_message, accepted
from lab.webhook_server import WebhookServer


def sent(message: Any = None, **options: Any) -> dict[str, Any]:
    """Return what a robot gets: the path, and the JSON of the body."""

    async def scene() -> dict[str, Any]:
        async with WebhookServer(always='json:{"errcode": 0, "errmsg": "ok"}') as server:
            robot = DingTalk(**{"token": "tok", "api": f"http://127.0.0.1:{server.port}", **options})
            assert robot.complaint() is None
            await accepted(robot, message)
            (entry,) = server.entries
            assert entry["headers"]["Content-Type"].startswith("application/json")
            return {"path": entry["path"], **json.loads(entry["body"])}

    return asyncio.run(scene())


def test_a_page_arrives_as_a_text_with_its_title_first() -> None:
    told = sent()
    assert told["path"] == "/robot/send?access_token=tok"
    assert told["msgtype"] == "text"
    assert told["text"]["content"] == f"{a_message().title}\n{a_message().text}"
    assert told["at"] == {"atMobiles": [], "atUserIds": [], "isAtAll": False}


def test_the_signature_is_encoded_once() -> None:
    for _ in range(20):  # about one signature in three holds a + or a /, every one ends in =
        path = sent(secret="SEC1")["path"]
        query = parse_qs(urlsplit(path).query, strict_parsing=True)
        stamp = query["timestamp"][0]
        digest = hmac.new(b"SEC1", f"{stamp}\nSEC1".encode(), hashlib.sha256).digest()
        assert query["sign"] == [base64.b64encode(digest).decode()]
        assert abs(time.time() - int(stamp) / 1000) < 60
        assert "%25" not in path


@pytest.mark.parametrize(
    ("at", "mobiles", "users", "everybody", "calls"),
    [
        pytest.param("{address}", ["13800000001"], [], False, "@13800000001", id="the person"),
        pytest.param(("+86 139-0000-0002",), ["13900000002"], [], False, "@13900000002", id="as people write it"),
        pytest.param(("+852-91234567",), ["+85291234567"], [], False, "@+85291234567", id="from abroad"),
        pytest.param(("boss", "{address}"), ["13800000001"], ["boss"], False, "@boss @13800000001", id="ids"),
        pytest.param("all", [], [], True, "", id="all"),
    ],
)  # fmt: skip
def test_whom_to_call_stands_in_the_text_and_beside_it(
    at: Any, mobiles: list[str], users: list[str], everybody: bool, calls: str
) -> None:
    told = sent(a_message(address="+8613800000001"), at=at)
    assert told["at"] == {"atMobiles": mobiles, "atUserIds": users, "isAtAll": everybody}
    assert told["text"]["content"].endswith(f"\n{calls}" if calls else "库存正常")


def test_a_text_too_long_is_cut_but_not_its_link_nor_the_call() -> None:
    told = sent(a_message(text="长" * 9000 + "\n" + ACK, address="13800000001"), at="{address}")
    content = told["text"]["content"]
    assert len(content.encode()) <= 18000
    assert content.splitlines()[:2] == [a_message().title, ACK]
    assert content.splitlines()[-1] == "@13800000001"
    assert "…" in content


def test_a_token_of_ones_own_is_percent_encoded() -> None:
    robot = DingTalk(token="{address}")
    assert robot.needs_address
    assert sent(a_message(address="a&b=c"), token="{address}")["path"] == "/robot/send?access_token=a%26b%3Dc"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"token": ""}, "token: is no key", id="no token"),
        pytest.param(
            {"token": "https://oapi.dingtalk.com/robot/send?access_token=x"}, "token: only the key", id="url"
        ),
        pytest.param({"token": "{adress}"}, "token: is no key", id="placeholder"),
        pytest.param({"token": "t", "at": "{adress}"}, "at: only {address}", id="call"),
        pytest.param({"token": "t", "api": "oapi.dingtalk.com"}, "api: must begin with https", id="api"),
        pytest.param(
            {"token": "t", "api": "https://h/?x=1"}, "api: must be the beginning", id="api with a query"
        ),
        pytest.param({"token": "t", "ca": "/no/such.pem"}, "ca: cannot find", id="ca"),
    ],
)
def test_a_bad_option_is_found_when_the_configuration_is_read(options: dict[str, Any], told: str) -> None:
    assert told in (DingTalk(**options).complaint() or "")
