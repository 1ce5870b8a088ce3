"""The way out through the proxy of the environment, and what it does to the fate of a message."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from yarl import URL

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.egress import proxy_for
from alerting.notifiers.heartbeat import Heartbeat
from alerting.notifiers.webhook import Webhook
from lab.connect_proxy import ConnectProxy, Outside
from lab.environment import behind_proxy, environment
from lab.ledger import read
from lab.messages import accepted, cut_short, refusal
from lab.webhook_server import WebhookServer

NAME = "desk.shop.example"
PROXY = "http://proxy.shop.example:3128"


@pytest.mark.parametrize(
    ("url", "given", "proxy"),
    [
        pytest.param("https://a.example/", {}, None, id="none set"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": PROXY}, PROXY, id="upper case"),
        pytest.param("https://a.example/", {"https_proxy": PROXY}, PROXY, id="lower case"),
        pytest.param(
            "https://a.example/", {"https_proxy": PROXY, "HTTPS_PROXY": "http://x"}, PROXY, id="both"
        ),
        pytest.param("https://a.example/", {"HTTP_PROXY": PROXY}, None, id="of another scheme"),
        pytest.param("http://a.example/", {"HTTP_PROXY": PROXY}, PROXY, id="plain"),
        pytest.param("http://a.example/", {"ALL_PROXY": PROXY}, PROXY, id="all"),
        pytest.param(
            "https://a.example/", {"ALL_PROXY": "proxy.shop.example:3128"}, PROXY, id="without a scheme"
        ),
        pytest.param("https://a.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None, id="nothing by it"),
        pytest.param(
            "https://a.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "b.example"}, PROXY, id="another"
        ),
        pytest.param(
            "https://a.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "b, A.Example"}, None, id="name"
        ),
        pytest.param(
            "https://x.a.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example"}, None, id="below it"
        ),
        pytest.param(
            "https://x.a.example/", {"HTTPS_PROXY": PROXY, "no_proxy": ".a.example"}, None, id="suffix"
        ),
        pytest.param(
            "https://aa.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example"}, PROXY, id="like it"
        ),
        pytest.param(
            "https://a.example:8443/", {"ALL_PROXY": PROXY, "NO_PROXY": "a.example:8443"}, None, id="port"
        ),
        pytest.param(
            "https://a.example/", {"ALL_PROXY": PROXY, "NO_PROXY": "a.example:8443"}, PROXY, id="no port"
        ),
        pytest.param("https://10.2.3.4/", {"ALL_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, None, id="network"),
        pytest.param(
            "https://11.2.3.4/", {"ALL_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, PROXY, id="outside it"
        ),
        pytest.param("https://[fd00::1]/", {"ALL_PROXY": PROXY, "NO_PROXY": "[fd00::1]"}, None, id="v6"),
        pytest.param(
            "https://10.2.3.4:9/", {"ALL_PROXY": PROXY, "NO_PROXY": "10.2.3.4:9"}, None, id="v4 port"
        ),
        pytest.param("https://127.0.0.1/", {"ALL_PROXY": PROXY}, None, id="this machine"),
        pytest.param("https://[::1]/", {"ALL_PROXY": PROXY}, None, id="this machine, v6"),
        pytest.param("https://localhost/", {"ALL_PROXY": PROXY}, None, id="this machine by name"),
    ],
)
def test_the_environment_names_the_proxy_and_what_goes_without(
    url: str, given: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(URL(url), given) == (None if proxy is None else URL(proxy))


@pytest.mark.parametrize("text", ["socks5://proxy:1080", "http://", "http://[", "http://:secret-canary@/"])
def test_a_proxy_of_another_kind_is_a_mistake_in_the_configuration(text: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        proxy_for(URL("https://a.example/"), {"https_proxy": text})
    assert (caught.value.reason, caught.value.retry) == (Reason.CONFIG, False)
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_service_is_reached_by_its_name_over_tls_through_the_proxy(loop: object, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME) as outside:
            outside.inhabit()
            await accepted(Webhook(url=f"https://{NAME}/hook"))
            await accepted(Heartbeat(url=f"https://{NAME}/ping"))
            assert outside.proxy.asked == [f"{NAME}:443"] * 2
            hook, beat = outside.server.entries
            assert (hook["method"], hook["path"], hook["headers"]["Host"]) == ("POST", "/hook", NAME)
            assert (beat["method"], beat["path"], beat["body"]) == ("GET", "/ping", "")

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(scene())


def test_apprise_goes_the_same_way(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME) as outside:
            outside.inhabit()
            channel = Apprise(url=f"jsons://{NAME}/hook")
            await accepted(channel)
            await channel.close()
            assert outside.proxy.asked == [f"{NAME}:443"]
            assert len(outside.server.entries) == 1

    asyncio.run(scene())


def test_plain_http_goes_through_the_proxy_too_and_its_password_to_the_proxy_alone(tmp_path: Path) -> None:
    told = "Basic " + base64.b64encode(b"nb:canary").decode()

    async def scene() -> None:
        async with WebhookServer() as plain, ConnectProxy({NAME: plain.port}) as proxy:
            with environment(behind_proxy(proxy.url.replace("//", "//nb:canary@"))):
                await accepted(Webhook(url=f"http://{NAME}/hook"))
            assert proxy.asked == [f"http://{NAME}/hook"]
            assert f"Proxy-Authorization: {told}" in proxy.heads[0]
        async with Outside(tmp_path, NAME) as outside:
            with environment(behind_proxy(outside.proxy.url.replace("//", "//nb:canary@"))):
                await accepted(Webhook(url=f"https://{NAME}/hook", ca=outside.ca))
            assert f"Proxy-Authorization: {told}" in outside.proxy.heads[0]
            assert "canary" not in str(outside.server.entries)
            assert told not in str(outside.server.entries)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("word", "reason", "retry", "why"),
    [
        pytest.param("status:407", Reason.AUTH, False, "the proxy answers 407", id="login wanted"),
        pytest.param("status:403", Reason.AUTH, False, "the proxy answers 403", id="forbidden"),
        pytest.param("status:502", Reason.CONNECT, True, "the proxy answers 502", id="cannot get through"),
        pytest.param("rst", Reason.CONNECT, True, "", id="reset"),
        pytest.param("garbage", Reason.PROTOCOL, True, "not HTTP", id="garbage"),
    ],
)
def test_what_a_proxy_refuses_has_certainly_not_left(
    word: str, reason: Reason, retry: bool, why: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME, proxy=word) as outside:
            outside.inhabit(trusting=False)
            error = await refusal(Webhook(url=f"https://{NAME}/canary", ca=outside.ca))
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False), error.message
            assert why in error.message
            assert "canary" not in error.message
            assert outside.server.entries == []

    asyncio.run(scene())


def test_cut_short_while_the_proxy_keeps_silent_nothing_was_sent(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME, proxy="hang") as outside:
            outside.inhabit(trusting=False)
            webhook = Webhook(url=f"https://{NAME}/", ca=outside.ca)
            assert not (await cut_short(webhook, outside.proxy.arrived.wait)).sent

    asyncio.run(scene())


def test_a_proxy_that_is_not_there_is_named_as_the_cause() -> None:
    async def scene() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            with environment(behind_proxy(f"http://127.0.0.1:{closed.getsockname()[1]}")):
                error = await refusal(Webhook(url=f"https://{NAME}/"))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
        assert error.message == f"cannot post to {NAME}: cannot reach the proxy: connection refused"

    asyncio.run(scene())


def test_behind_the_proxy_a_certificate_is_judged_as_ever(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME) as outside:
            outside.proxy.ports["other.example"] = outside.server.port
            outside.inhabit(trusting=False)
            for webhook in (
                Webhook(url=f"https://{NAME}/"),
                Webhook(url="https://other.example/", ca=outside.ca),
            ):
                error = await refusal(webhook)
                assert (error.reason, error.ambiguous) == (Reason.TLS, False)
                assert "certificate refused" in error.message
            assert outside.server.entries == []

    asyncio.run(scene())


def test_an_answer_lost_behind_the_proxy_leaves_the_fate_open(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Outside(tmp_path, NAME, always="rst") as outside:
            outside.inhabit(trusting=False)
            error = await refusal(Webhook(url=f"https://{NAME}/", ca=outside.ca))
            assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, True)
            assert len(outside.server.entries) == 1

    asyncio.run(scene())


def test_the_world_outside_runs_on_its_own_and_syncs_its_ledger(tmp_path: Path) -> None:
    async def scene() -> None:
        outside = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lab.connect_proxy", str(tmp_path), "--names", f"{NAME},other.example"),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert outside.stdout is not None
        port = int((await outside.stdout.readline()).split()[1])
        with environment(behind_proxy(f"http://127.0.0.1:{port}")):
            for name in (NAME, "other.example"):
                await accepted(Webhook(url=f"https://{name}/", ca=str(tmp_path / "ca.pem")))
        outside.kill()
        await outside.wait()

    asyncio.run(scene())
    assert [entry["headers"]["Host"] for entry in read(tmp_path / "ledger.jsonl")] == [NAME, "other.example"]
