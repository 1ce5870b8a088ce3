"""Apprise URLs that notifiers of ours serve."""

from __future__ import annotations

import asyncio

import pytest

from alerting.notifiers.api import Notifier
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.dingtalk import DingTalk
from alerting.notifiers.feishu import Feishu
from alerting.notifiers.native import native
from alerting.notifiers.serverchan import ServerChan
from alerting.notifiers.smpp import Smpp
from alerting.notifiers.wecom import WeCom
from lab.apprise_channels import processes


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        pytest.param("dingtalk://ToKen", DingTalk(token="ToKen"), id="the case of a token is kept"),
        pytest.param("DingTalk://tok/", DingTalk(token="tok"), id="not that of the scheme"),
        pytest.param(
            "dingtalk://SEC1@tok/13800000001/13900000002?to=13700000003",
            DingTalk(token="tok", secret="SEC1", at=("13800000001", "13900000002", "13700000003")),
            id="dingtalk with everything",
        ),
        pytest.param(
            "dingtalk://x?token=tok&secret=SEC1&rto=5&overflow=split",
            DingTalk(token="tok", secret="SEC1"),
            id="dingtalk by options",
        ),
        pytest.param("dingtalk://tok/{address}", DingTalk(token="tok", at=("{address}",)), id="dingtalk by address"),
        pytest.param("wecombot://ab-12_C", WeCom(key="ab-12_C"), id="wecom"),
        pytest.param("wecombot://x/?key=ab-12", WeCom(key="ab-12"), id="wecom by option"),
        pytest.param(
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=ab-12", WeCom(key="ab-12"), id="wecom as it shows"
        ),
        pytest.param("feishu://T-1", Feishu(token="T-1"), id="feishu"),
        pytest.param("feishu://x/?token=T-1", Feishu(token="T-1"), id="feishu by option"),
        pytest.param("lark://T-1", Feishu(token="T-1", region="lark"), id="lark"),
        pytest.param(
            "https://open.larksuite.com/open-apis/bot/v2/hook/T-1",
            Feishu(token="T-1", region="lark"),
            id="lark as it shows",
        ),
        pytest.param("schan://SCT1T", ServerChan(key="SCT1T"), id="serverchan"),
        pytest.param("schan://{address}", ServerChan(key="{address}"), id="by address"),
        pytest.param(
            "smpp://nb:p%40ss@smsc.example/10690/{address}",
            Smpp(host="smsc.example", user="nb", password="p@ss", from_="10690"),
            id="smpp",
        ),
        pytest.param(
            "smpps://nb:pw@smsc.example:3551/10690/+86138",
            Smpp(host="smsc.example", port=3551, user="nb", password="pw", from_="10690", to="+86138", tls=True),
            id="smpps",
        ),
        pytest.param("json://127.0.0.1/", None, id="not ours"),
        pytest.param("https://open.feishu.cn/other", None, id="not ours either"),
    ],
)  # fmt: skip
def test_a_url_stands_for_a_notifier_of_ours(url: str, ours: Notifier | None) -> None:
    assert native(url) == ours
    assert Apprise(url=url).complaint() is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("dingtalk://", "token: is no key", id="no token"),
        pytest.param("wecombot://a%20b", "key: is no key", id="no key"),
        pytest.param("schan://tok?verify=no", "verify=no", id="certificates are judged"),
        pytest.param("smpp://smsc.example/", "must name the sender", id="smpp without anybody"),
        pytest.param("lark://[canary", "cannot be read", id="no URL"),
    ],
)
def test_a_url_we_cannot_read_is_found_when_the_configuration_is_read(url: str, told: str) -> None:
    complaint = Apprise(url=url).complaint() or ""
    assert complaint.startswith("url: ")
    assert told in complaint
    assert "canary" not in complaint


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("wecombot://key?rto=5", None, id="of every URL"),
        pytest.param("dingtalk://tok?to=138&canary=1", "option 2 after the ? of the URL is not known", id="a slip"),
        pytest.param("lark://tok?secret=1", "option 1 after the ? of the URL is not known", id="not of this one"),
    ],
)  # fmt: skip
def test_an_option_nobody_reads_is_complained_of_and_no_process_is_started(
    url: str, told: str | None
) -> None:
    async def scene() -> None:
        channel = Apprise(url=url)
        channel.warm()
        assert await channel.examine("") == told
        assert processes() == []
        await channel.close()

    asyncio.run(scene())
