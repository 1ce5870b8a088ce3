"""The robots of chats, under their real names behind a proxy: every answer they document, and every bad manner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from alerting.notification import Reason
from alerting.notifiers.api import Notifier
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.dingtalk import DingTalk
from alerting.notifiers.feishu import Feishu
from alerting.notifiers.serverchan import ServerChan
from alerting.notifiers.wecom import WeCom
from lab.connect_proxy import Outside
from lab.messages import accepted, cut_short, refusal

HOSTS = {
    "dingtalk": "oapi.dingtalk.com",
    "wecom": "qyapi.weixin.qq.com",
    "feishu": "open.feishu.cn",
    "lark": "open.larksuite.com",
    "serverchan": "sctapi.ftqq.com",
}
OURS: dict[str, Callable[[], Notifier]] = {
    "dingtalk": lambda: DingTalk(token="canarytoken", secret="SECcanary"),
    "wecom": lambda: WeCom(key="canary-key"),
    "feishu": lambda: Feishu(token="canary-token", secret="canary-secret"),
    "lark": lambda: Feishu(token="canary-token", region="lark"),
    "serverchan": lambda: ServerChan(key="SCTcanary"),
}
BY_APPRISE = {
    "dingtalk": "dingtalk://SECcanary@canarytoken/",
    "wecom": "wecombot://canary-key",
    "feishu": "feishu://canary-token",
    "lark": "lark://canary-token",
    "serverchan": "schan://SCTcanary",
}
SECRETS = {
    "dingtalk": ["canarytoken", "SECcanary"],
    "wecom": ["canary-key"],
    "feishu": ["canary-token"],
    "lark": ["canary-token"],
    "serverchan": ["SCTcanary"],
}
YES = {
    "dingtalk": '{"errcode": 0, "errmsg": "ok"}',
    "wecom": '{"errcode": 0, "errmsg": "ok"}',
    "feishu": '{"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}',
    "lark": '{"code": 0, "data": {}, "msg": "success"}',
    "serverchan": '{"code": 0, "message": "", "data": {"pushid": "1", "readkey": "r", "error": "SUCCESS", "errno": 0}}',
}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

NO: list[tuple[str, str, Reason, timedelta | bool]] = [
    ("dingtalk", 'json:{"errcode": 310000, "errmsg": "sign not match"}', Reason.AUTH, False),
    ("dingtalk", 'json:{"errcode": 310000, "errmsg": "keywords not in content"}', Reason.AUTH, False),
    ("dingtalk", 'json:{"errcode": 300001, "errmsg": "token is not exist"}', Reason.AUTH, False),
    ("dingtalk", 'json:{"errcode": 400102, "errmsg": "机器人已停用"}', Reason.AUTH, False),
    ("dingtalk", 'json:{"errcode": 400013, "errmsg": "群已被解散"}', Reason.REFUSED, False),
    ("dingtalk", 'json:{"errcode": 430101, "errmsg": "含有不安全的外链"}', Reason.REFUSED, False),
    ("dingtalk", 'json:{"errcode": 130101, "errmsg": "send too fast"}', Reason.RATE_LIMIT, MINUTE),
    ("dingtalk", 'json:{"errcode": 410100, "errmsg": "发送速度太快而限流"}', Reason.RATE_LIMIT, MINUTE),
    ("dingtalk", 'json:{"errcode": -1, "errmsg": "系统繁忙"}', Reason.SERVER, True),
    ("dingtalk", 'json:{"errcode": "310000", "errmsg": "a number in quotes"}', Reason.AUTH, False),
    ("dingtalk", 'json:{"errcode": 987654, "errmsg": "of next year"}', Reason.REFUSED, True),
    ("wecom", 'json:{"errcode": 93000, "errmsg": "invalid webhook url, hint: [1]"}', Reason.AUTH, False),
    ("wecom", 'json:{"errcode": 93004, "errmsg": "robot is disabled"}', Reason.AUTH, False),
    ("wecom", 'json:{"errcode": 45009, "errmsg": "api freq out of limit"}', Reason.RATE_LIMIT, MINUTE),
    ("wecom", 'json:{"errcode": 45033, "errmsg": "concurrent out of limit"}', Reason.RATE_LIMIT, MINUTE),
    ("wecom", 'json:{"errcode": 40058, "errmsg": "text.content exceed max length 2048"}', Reason.REFUSED, False),
    ("wecom", 'json:{"errcode": -1, "errmsg": "system busy"}', Reason.SERVER, True),
    ("feishu", 'json:{"code": 19021, "data": {}, "msg": "sign match fail or timestamp is not"}', Reason.AUTH, False),
    ("feishu", 'json:{"code": 19022, "msg": "Ip Not Allowed"}', Reason.AUTH, False),
    ("feishu", 'json:{"code": 19024, "msg": "Key Words Not Found"}', Reason.REFUSED, False),
    ("feishu", 'json:{"code": 19001, "msg": "param invalid"}', Reason.AUTH, False),
    ("feishu", 'json=400:{"code": 9499, "msg": "Bad Request", "data": {}}', Reason.REFUSED, False),
    ("feishu", 'json:{"code": 11232, "msg": "create message trigger frequency limit"}', Reason.RATE_LIMIT, MINUTE),
    ("feishu", 'json=400:{"code": 99991400, "msg": "request trigger frequency limit"}', Reason.RATE_LIMIT, MINUTE),
    ("feishu", 'json:{"StatusCode": 19001, "StatusMessage": "of old"}', Reason.AUTH, False),
    ("feishu", 'json:{"StatusCode": 0, "code": 19024, "msg": "of two minds"}', Reason.REFUSED, False),
    ("feishu", 'json:{"code": 0, "StatusCode": 19024, "msg": "the other way round"}', Reason.REFUSED, False),
    ("lark", 'json:{"code": 19021, "msg": "sign match fail"}', Reason.AUTH, False),
    ("lark", 'json:{"code": 9499, "msg": "Bad Request"}', Reason.REFUSED, False),
    ("serverchan", 'json=400:{"code": 40001, "message": "[AUTH]错误的Key"}', Reason.AUTH, False),
    ("serverchan", 'json:{"code": 40001, "message": "bad pushtoken"}', Reason.AUTH, False),
    ("serverchan", 'json=400:{"code": 40001, "message": "[AUTH]超过当天的发送次数限制[5]"}', Reason.RATE_LIMIT, HOUR),
    ("serverchan", 'json:{"code": 471, "message": "超过当天的发送次数限制[5]"}', Reason.RATE_LIMIT, HOUR),
    ("serverchan", 'json:{"code": 20001, "info": "不要重复发送同样的内容"}', Reason.REFUSED, False),
    ("serverchan", 'json:{"code": 0, "data": {"error": "queue", "errno": 7}}', Reason.REFUSED, True),
]  # fmt: skip


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", HOSTS)
def test_what_a_service_took_is_accepted(kind: str, loop: Any, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], always=f"json:{YES[kind]}") as outside:
            outside.inhabit()
            for notifier in (OURS[kind](), Apprise(url=BY_APPRISE[kind])):
                assert notifier.complaint() is None
                await accepted(notifier)
                await notifier.close()
            assert [entry["headers"]["Host"] for entry in outside.server.entries] == [HOSTS[kind]] * 2

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())


@pytest.mark.parametrize(("kind", "word", "reason", "again"), NO)
def test_each_documented_refusal_has_its_class_and_an_apprise_url_tells_the_same(
    kind: str, word: str, reason: Reason, again: timedelta | bool, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], always=word) as outside:
            outside.inhabit()
            for notifier in (OURS[kind](), Apprise(url=BY_APPRISE[kind])):
                error = await refusal(notifier)
                assert (error.reason, error.retry, error.ambiguous) == (reason, bool(again), False)
                assert error.retry_after == (again if isinstance(again, timedelta) else None)
                assert error.message.startswith("cannot send to ")
                await notifier.close()

    asyncio.run(scene())


@pytest.mark.parametrize("kind", HOSTS)
@pytest.mark.parametrize(
    "word",
    [
        pytest.param("text:<html>hello</html>", id="a page"),
        pytest.param("empty", id="nothing"),
        pytest.param("json:{}", id="no code"),
        pytest.param('json:{"errcode": true, "code": null}', id="no number"),
        pytest.param('json:{"errcode": 0, "code": 0', id="broken off"),
        pytest.param("json:[0]", id="a list"),
        pytest.param('json=500:{"errcode": 0, "code": 0}', id="yes with a 500"),
        pytest.param("rst", id="reset"),
        pytest.param("close", id="closed"),
        pytest.param("garbage", id="garbage"),
    ],
)
def test_an_answer_that_says_neither_yes_nor_no_leaves_the_fate_open(
    kind: str, word: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], always=word) as outside:
            outside.inhabit()
            error = await refusal(OURS[kind]())
            assert (error.retry, error.ambiguous) == (True, True)
            assert len(outside.server.entries) == 1

    asyncio.run(scene())


@pytest.mark.parametrize("kind", HOSTS)
@pytest.mark.parametrize(
    ("word", "reason", "retry"),
    [
        pytest.param("status:302", Reason.REFUSED, False, id="302"),
        pytest.param("status:403", Reason.AUTH, False, id="403"),
        pytest.param("status:429:7", Reason.RATE_LIMIT, True, id="429"),
        pytest.param("status:502", Reason.SERVER, True, id="502"),
    ],
)
def test_a_gateway_that_refuses_is_judged_by_its_status(
    kind: str, word: str, reason: Reason, retry: bool, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], always=word) as outside:
            outside.inhabit()
            error = await refusal(OURS[kind]())
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False)
            assert error.retry_after == (timedelta(seconds=7) if word.endswith("7") else None)

    asyncio.run(scene())


@pytest.mark.parametrize("kind", HOSTS)
def test_cut_short_while_the_answer_drips_the_fate_is_open(kind: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], always="drip") as outside:
            outside.inhabit()
            assert (await cut_short(OURS[kind](), outside.server.arrived.wait)).sent

    asyncio.run(scene())


@pytest.mark.parametrize("kind", HOSTS)
def test_no_key_shows_in_what_is_told(kind: str, tmp_path: Path) -> None:
    secrets = SECRETS[kind]
    said = dict.fromkeys(("errmsg", "msg", "message"), f"no {' '.join(secrets)} here")
    no = json.dumps({"errcode": 7, "code": 7, **said})

    async def scene() -> None:
        async with Outside(tmp_path, HOSTS[kind], script=("echo", f"json:{no}", f"text:{no}")) as outside:
            outside.inhabit()
            notifier, own = OURS[kind](), Apprise(url=BY_APPRISE[kind])
            told = [repr(notifier), repr(own)]
            told += [str(await refusal(one)) for one in (notifier, own, notifier)]
            assert "no *** here" in told[3].replace("*** ***", "***")
            assert not [secret for secret in secrets if secret in "\n".join(told)]

    asyncio.run(scene())
