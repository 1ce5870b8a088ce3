"""When the mark is made that tells a restart what may have left: before the first byte that a provider can take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from alerting.notifiers.api import DeliveryError, Notifier, Progress
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.heartbeat import Heartbeat
from alerting.notifiers.webhook import Webhook
from alerting.notifiers.wecom import WeCom
from lab.connect_proxy import Outside
from lab.messages import a_message
from lab.webhook_server import WebhookServer

MADE: dict[str, Callable[[str], Notifier]] = {
    "webhook": lambda url: Webhook(url=url),
    "heartbeat": lambda url: Heartbeat(url=url),
    "wecom": lambda url: WeCom(key="k", api=url.removesuffix("/hook")),
}
YES = 'json:{"errcode": 0}'


@pytest.mark.parametrize("kind", MADE)
def test_the_mark_is_made_once_the_connection_stands_and_before_a_byte_has_left(kind: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=YES) as server:
            seen: list[tuple[int, bool]] = []

            def look() -> None:
                mine = psutil.Process().net_connections("tcp")
                towards = [one for one in mine if one.raddr and one.raddr.port == server.port]
                seen.append((len(towards), server.arrived.is_set()))

            await MADE[kind](server.url).send(a_message(), Progress(look))
            ((connections, arrived),) = seen
            assert connections == 1
            assert not arrived

    asyncio.run(scene())


@pytest.mark.parametrize("kind", MADE)
def test_where_nobody_listens_no_mark_is_made(kind: str) -> None:
    marks: list[int] = []
    with pytest.raises(DeliveryError):
        asyncio.run(
            MADE[kind]("http://127.0.0.1:1/hook").send(a_message(), Progress(lambda: marks.append(1)))
        )
    assert marks == []


@pytest.mark.parametrize("word", ["status:502", "ok"])
def test_behind_a_proxy_the_mark_waits_for_the_tunnel_and_the_certificate(word: str, tmp_path: Path) -> None:
    """Refused by the proxy, or given a certificate that is not believed, an Apprise URL of ours leaves none either."""

    async def scene() -> None:
        async with Outside(tmp_path, "qyapi.weixin.qq.com", proxy=word) as outside:
            outside.inhabit(trusting=False)
            marks: list[int] = []
            for notifier in (WeCom(key="k"), Apprise(url="wecombot://k")):
                with pytest.raises(DeliveryError) as caught:
                    await notifier.send(a_message(), Progress(lambda: marks.append(1)))
                assert not caught.value.ambiguous
            assert len(outside.proxy.asked) == 2
            assert marks == []

    asyncio.run(scene())
