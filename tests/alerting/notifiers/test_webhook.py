from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import psutil
import pytest

from alerting.notification import Kind, Reason
from alerting.notifiers.webhook import Webhook
from lab.messages import a_message, accepted, cut_short, eventually, refusal
from lab.trust import certificate
from lab.webhook_server import WebhookServer


def test_a_page_arrives_as_the_documented_object() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            receipt = await accepted(Webhook(url=server.url))
            (entry,) = server.entries
            assert json.loads(entry["body"]) == {
                "id": "N-7",
                "kind": "page",
                "dedup_key": "N-7.key",
                "incident": "INC-1",
                "ticket": "T-1",
                "to": "li",
                "title": a_message().title,
                "text": a_message().text,
                "ack_url": a_message().ack_url,
                "severity": "critical",
                "state": "open",
                "drill": False,
                "at": "2027-01-04T00:00:05Z",
            }
            assert entry["method"] == "POST"
            assert entry["headers"]["Content-Type"] == "application/json"
            assert entry["headers"]["Idempotency-Key"] == "N-7.key"
            assert "X-Nightbell-Signature" not in entry["headers"]
            assert receipt.provider_id == "1"

    asyncio.run(scene())


def test_an_announcement_has_its_services_times_and_texts() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            message = a_message(
                kind=Kind.ANNOUNCEMENT,
                services=("checkout",),
                texts={"zh": "下单缓慢", "en": "Slow checkout"},
                expected_recovery_at=datetime(2027, 1, 4, 8, 30, tzinfo=UTC),
            )
            await accepted(Webhook(url=server.url), message)
            told = json.loads(server.entries[0]["body"])
            assert told["services"] == ["checkout"]
            assert told["texts"] == {"zh": "下单缓慢", "en": "Slow checkout"}
            assert told["expected_recovery_at"] == "2027-01-04T08:30:00Z"

    asyncio.run(scene())


def test_a_drill_says_so() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            await accepted(Webhook(url=server.url), a_message(drill=True))
            assert json.loads(server.entries[0]["body"])["drill"] is True

    asyncio.run(scene())


def test_the_signature_covers_time_and_body() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            await accepted(Webhook(url=server.url, secret="s3cr3t"))
            (entry,) = server.entries
            stamp, _, signature = entry["headers"]["X-Nightbell-Signature"].partition(",v1=")
            stamp = stamp.removeprefix("t=")
            expected = hmac.new(b"s3cr3t", f"{stamp}.{entry['body']}".encode(), hashlib.sha256).hexdigest()
            assert signature == expected
            assert abs(datetime.now(UTC).timestamp() - int(stamp)) < 60

    asyncio.run(scene())


def test_own_headers_and_method_are_sent_but_the_key_stays_ours() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            headers = {"Authorization": "Bearer tok", "Idempotency-Key": "forged"}
            await accepted(Webhook(url=server.url, headers=headers, method="PUT"))
            (entry,) = server.entries
            assert entry["method"] == "PUT"
            assert entry["headers"]["Authorization"] == "Bearer tok"
            assert entry["headers"]["Idempotency-Key"] == "N-7.key"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("address", "path"),
    [
        pytest.param("li@shop.example", "/hook/li%40shop.example?to=li%40shop.example", id="mail"),
        pytest.param("+8613800000001", "/hook/%2B8613800000001?to=%2B8613800000001", id="phone"),
        pytest.param(
            "a/b?c#d&e=f g", "/hook/a%2Fb%3Fc%23d%26e%3Df%20g?to=a%2Fb%3Fc%23d%26e%3Df%20g", id="hostile"
        ),
    ],
)
def test_the_address_stands_percent_encoded_in_the_url(address: str, path: str) -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            webhook = Webhook(url=server.url + "/{address}?to={address}")
            assert webhook.needs_address
            await accepted(webhook, a_message(address=address))
            assert server.entries[0]["path"] == path

    asyncio.run(scene())


@pytest.mark.parametrize("word", ["ok", "empty", "status:201", "status:202", "status:204", "drip", "bomb"])
def test_any_2xx_is_taken_whatever_the_body_does(word: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            await accepted(Webhook(url=server.url))

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("word", "reason", "retry"),
    [
        pytest.param("status:301", Reason.REFUSED, False, id="301"),
        pytest.param("redirect", Reason.REFUSED, False, id="302 loop"),
        pytest.param("status:307", Reason.REFUSED, False, id="307"),
        pytest.param("status:400", Reason.REFUSED, False, id="400"),
        pytest.param("status:401", Reason.AUTH, False, id="401"),
        pytest.param("status:403", Reason.AUTH, False, id="403"),
        pytest.param("status:404", Reason.REFUSED, False, id="404"),
        pytest.param("status:408", Reason.TIMEOUT, True, id="408"),
        pytest.param("status:409", Reason.REFUSED, True, id="409"),
        pytest.param("status:410", Reason.REFUSED, False, id="410"),
        pytest.param("status:413", Reason.REFUSED, False, id="413"),
        pytest.param("status:422", Reason.REFUSED, False, id="422"),
        pytest.param("status:425", Reason.SERVER, True, id="425"),
        pytest.param("status:429", Reason.RATE_LIMIT, True, id="429"),
        pytest.param("status:500", Reason.SERVER, True, id="500"),
        pytest.param("status:502", Reason.SERVER, True, id="502"),
        pytest.param("status:503", Reason.SERVER, True, id="503"),
        pytest.param("status:599", Reason.SERVER, True, id="599"),
        pytest.param("huge", Reason.SERVER, True, id="500 with 10 MB"),
    ],
)
def test_each_status_has_its_class(word: str, reason: Reason, retry: bool) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            error = await refusal(Webhook(url=server.url))
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False)
            assert len(error.message) < 400

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("wish", "low", "high"),
    [
        pytest.param("7", 7, 7, id="seconds"),
        pytest.param(format_datetime(datetime.now(UTC) + timedelta(hours=1)), 3000, 3600, id="date"),
        pytest.param("Mon, 04 Jan 1999 00:00:00 GMT", 0, 0, id="a date gone by"),
        pytest.param("999999999", 86400, 86400, id="years"),
    ],
)
def test_retry_after_is_passed_on_within_a_day(wish: str, low: int, high: int) -> None:
    async def scene() -> None:
        async with WebhookServer(script=[f"status:429:{wish}", f"status:503:{wish}"]) as server:
            for _ in range(2):
                error = await refusal(Webhook(url=server.url))
                assert error.retry_after is not None
                assert low <= error.retry_after.total_seconds() <= high

    asyncio.run(scene())


@pytest.mark.parametrize("wish", ["", "soon", "-3", "١٢"])
def test_a_retry_after_that_says_nothing_is_none(wish: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=f"status:429:{wish}") as server:
            assert (await refusal(Webhook(url=server.url))).retry_after is None

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        pytest.param("rst", Reason.CONNECT, id="reset"),
        pytest.param("close", Reason.CONNECT, id="closed"),
        pytest.param("garbage", Reason.PROTOCOL, id="garbage"),
    ],
)
def test_an_answer_lost_after_the_request_leaves_its_fate_open(word: str, reason: Reason) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            error = await refusal(Webhook(url=server.url))
            assert error.ambiguous
            assert error.retry
            assert error.reason is reason
            assert len(server.entries) == 1

    asyncio.run(scene())


@pytest.mark.parametrize("word", ["hang", "swallow", "drip-head"])
def test_cut_short_while_waiting_for_the_answer_the_fate_is_open_and_no_socket_stays(word: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            progress = await cut_short(Webhook(url=server.url), server.arrived.wait)
            assert progress.sent
            await eventually(lambda: not _towards(server.port))

    asyncio.run(scene())


def test_cut_short_before_the_connection_stands_nothing_was_sent() -> None:
    async def scene() -> None:
        with socket.socket() as full:  # its backlog is full: the kernel leaves further callers unanswered
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            callers = []
            for _ in range(3):
                caller = socket.socket()
                caller.setblocking(False)
                caller.connect_ex(("127.0.0.1", port))
                callers.append(caller)
            progress = await cut_short(
                Webhook(url=f"http://127.0.0.1:{port}/"), lambda: eventually(lambda: len(_towards(port)) > 3)
            )
            assert not progress.sent
            for caller in callers:
                caller.close()

    asyncio.run(scene())


def _towards(port: int) -> list[object]:
    mine = psutil.Process().net_connections("tcp")
    return [one for one in mine if one.raddr and one.raddr.port == port and one.status != "CLOSE_WAIT"]


def test_a_port_nobody_listens_on_is_connect_and_certainly_not_sent() -> None:
    async def scene() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            error = await refusal(Webhook(url=f"http://127.0.0.1:{closed.getsockname()[1]}/"))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
        assert error.message == "cannot post to 127.0.0.1: connection refused"

    asyncio.run(scene())


def test_a_name_that_does_not_exist_is_connect() -> None:
    async def scene() -> None:
        error = await refusal(Webhook(url="http://no-such-host.invalid/"))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
        assert "cannot look up the name" in error.message

    asyncio.run(scene())


def test_tls_with_the_authority_given_passes(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with WebhookServer(tls=trusted.context) as server:
            await accepted(Webhook(url=server.url, ca=trusted.ca))

    asyncio.run(scene())


def test_a_certificate_that_is_not_believed_is_tls_and_nothing_is_sent(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path, "other.example")
        async with WebhookServer(tls=trusted.context) as server:
            for webhook in (Webhook(url=server.url), Webhook(url=server.url, ca=trusted.ca)):
                error = await refusal(webhook)
                assert (error.reason, error.ambiguous) == (Reason.TLS, False)
                assert "certificate refused" in error.message
            assert server.entries == []

    asyncio.run(scene())


def test_a_server_that_speaks_no_tls_is_tls() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            error = await refusal(Webhook(url=server.url.replace("http:", "https:")))
            assert error.reason is Reason.TLS

    asyncio.run(scene())


def test_a_certificate_file_that_holds_none_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    error = asyncio.run(refusal(Webhook(url="https://127.0.0.1:1/", ca=str(empty))))
    assert (error.reason, error.retry) == (Reason.CONFIG, False)


def test_an_echoed_request_gives_no_secret_away() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            url = server.url.replace("//", "//user:canary-pass@") + "/canary-path?do=echo&key=canary-query"
            webhook = Webhook(
                url=url, secret="canary-secret", headers={"Authorization": "Bearer canary-token"}
            )
            error = await refusal(webhook)
            assert "canary" not in error.message
            assert "canary" not in repr(webhook)

    asyncio.run(scene())


def test_text_that_cannot_be_encoded_does_not_lose_the_page() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            await accepted(
                Webhook(url=server.url), a_message(title="half a \ud83d smile", dedup_key="k\r\nX: y")
            )
            assert json.loads(server.entries[0]["body"])["title"] == "half a ? smile"
            assert "X" not in server.entries[0]["headers"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"url": "ftp://x/"}, "must begin with https", id="scheme"),
        pytest.param({"url": "https:///path"}, "name a host", id="no host"),
        pytest.param({"url": "https://x:99999999/"}, "cannot be read", id="port"),
        pytest.param({"url": "https://x/ y"}, "spaces", id="space"),
        pytest.param({"url": "https://x/{adress}"}, "only {address}", id="placeholder"),
        pytest.param({"url": "https://{address}/"}, "must not name the host", id="host by address"),
        pytest.param({"url": "https://x/", "headers": {"A b": "c"}}, "no header name", id="header name"),
        pytest.param({"url": "https://x/", "headers": {"A": "c\r\nD: e"}}, "control", id="header value"),
        pytest.param({"url": "https://x/", "ca": "/no/such.pem"}, "cannot find the file", id="ca"),
    ],
)
def test_a_bad_option_is_found_when_the_configuration_is_read(options: dict[str, object], told: str) -> None:
    complaint = Webhook(**options).complaint()  # type: ignore[arg-type]
    assert complaint is not None
    assert told in complaint
