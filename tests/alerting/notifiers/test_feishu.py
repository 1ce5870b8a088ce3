from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from alerting.notifiers.feishu import Feishu
from lab.messages import ACK, a_message, accepted
from lab.webhook_server import WebhookServer


def sent(message: Any = None, **options: Any) -> dict[str, Any]:
    """Return what a bot gets: the path, and the JSON of the body."""

    async def scene() -> dict[str, Any]:
        async with WebhookServer(always='json:{"code": 0, "data": {}, "msg": "success"}') as server:
            bot = Feishu(**{"token": "t-1", "api": f"http://127.0.0.1:{server.port}", **options})
            assert bot.complaint() is None
            await accepted(bot, message)
            (entry,) = server.entries
            assert entry["headers"]["Content-Type"].startswith("application/json")
            return {"path": entry["path"], **json.loads(entry["body"])}

    return asyncio.run(scene())


@pytest.mark.parametrize("region", ["feishu", "lark"])
def test_a_page_arrives_as_a_text_with_its_title_first(region: str) -> None:
    assert sent(region=region) == {
        "path": "/open-apis/bot/v2/hook/t-1",
        "msg_type": "text",
        "content": {"text": f"{a_message().title}\n{a_message().text}"},
    }


def test_the_signature_has_time_and_secret_as_its_key_and_signs_nothing() -> None:
    told = sent(secret="s1")
    digest = hmac.new(f"{told['timestamp']}\ns1".encode(), b"", hashlib.sha256).digest()
    assert told["sign"] == base64.b64encode(digest).decode()
    assert abs(time.time() - int(told["timestamp"])) < 60


@pytest.mark.parametrize(
    ("at", "calls"),
    [
        pytest.param("{address}", '<at user_id="ou_li"></at>', id="the person"),
        pytest.param(("all", "ou_2"), '<at user_id="all"></at> <at user_id="ou_2"></at>', id="several"),
    ],
)
def test_whom_to_call_stands_at_the_end(at: Any, calls: str) -> None:
    told = sent(a_message(address="ou_li", text="长" * 9000 + ACK), at=at)["content"]["text"]
    assert told.endswith(f"…\n{calls}")
    assert ACK in told
    assert len(told.encode()) <= 18000


def test_a_call_cannot_break_out_of_its_tag() -> None:
    told = sent(a_message(address='x"><at user_id="all'), at="{address}")["content"]["text"]
    assert "<at" not in told
