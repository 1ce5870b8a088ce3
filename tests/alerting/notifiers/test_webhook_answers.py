"""Receivers that answer 200 to what they refuse."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import TypeAdapter

from alerting.notification import Reason
from alerting.notifiers.webhook import Webhook
from lab.messages import accepted, refusal
from lab.webhook_server import WebhookServer


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param('{"ok": false, "error": "no such channel"}', id="ok false"),
        pytest.param('{"success": false, "error": "no such channel"}', id="success false"),
    ],
)
def test_a_200_that_says_no_is_a_refusal(answer: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=f"json:{answer}") as server:
            error = await refusal(Webhook(url=server.url))
            assert (error.reason, error.retry, error.ambiguous) == (Reason.REFUSED, True, False)
            assert "no such channel" in error.message

    asyncio.run(scene())


@pytest.mark.parametrize(
    "word",
    [
        pytest.param('json:{"ok": true}', id="yes"),
        pytest.param('json:{"ok": null, "success": 0, "error": "none"}', id="not an explicit no"),
        pytest.param('json:[{"ok": false}]', id="no object"),
        pytest.param('json:{"ok": false', id="broken"),
        pytest.param('json:{"last": {"ok": false}}', id="further down"),
        pytest.param("text:no", id="words"),
    ],
)
def test_a_200_that_says_anything_else_is_a_yes(word: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            await accepted(Webhook(url=server.url))

    asyncio.run(scene())


SUCCESS = {"code": 0, "data.accepted": True}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        pytest.param('json:{"code": 0, "data": {"accepted": true}, "id": 7}', "taken", id="all as asked for"),
        pytest.param(
            'json:{"code": 0, "data": {"accepted": true}, "ok": false}', "taken", id="only this counts"
        ),
        pytest.param('json:{"code": 7, "data": {"accepted": true}}', "refused", id="another code"),
        pytest.param('json:{"code": 0, "data": {"accepted": 1}}', "refused", id="1 is not true"),
        pytest.param('json:{"code": false, "data": {"accepted": true}}', "refused", id="false is not 0"),
        pytest.param('json:{"code": 0, "data": [true]}', "open", id="nothing there"),
        pytest.param('json:{"code": 0}', "open", id="a part"),
        pytest.param("text:fine", "open", id="no JSON"),
        pytest.param("empty", "open", id="nothing"),
        pytest.param(
            'json=503:{"code": 0, "data": {"accepted": true}}', "refused", id="the status comes first"
        ),
    ],
)
def test_with_success_the_answer_must_hold_what_it_names(word: str, outcome: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            webhook = Webhook(url=server.url, success=SUCCESS)
            if outcome == "taken":
                await accepted(webhook)
                return
            error = await refusal(webhook)
            assert error.retry
            assert error.ambiguous is (outcome == "open")

    asyncio.run(scene())


def test_success_is_read_from_yaml_as_it_stands() -> None:
    webhook = TypeAdapter(Webhook).validate_python(
        {"url": "https://x/", "success": {"a": True, "b": 0, "c": "ok"}}
    )
    assert [(name, type(value)) for name, value in webhook.success.items()] == [
        ("a", bool),
        ("b", int),
        ("c", str),
    ]
