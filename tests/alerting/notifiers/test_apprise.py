"""Through the real Apprise, in its own process, towards real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import uvloop

from alerting.notification import Kind, Reason
from alerting.notifiers.apprise import Apprise
from alerting.severity import Severity
from lab.apprise_channels import json_channel, mail_channel, processes
from lab.messages import ACK, a_message, accepted, refusal
from lab.smtp_server import SmtpServer
from lab.trust import certificate
from lab.webhook_server import WebhookServer


def test_a_page_arrives_as_a_mail_in_one_piece_and_in_plain_text() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:
            channel = mail_channel(server)
            assert channel.needs_address
            await accepted(channel)
            await accepted(channel)  # the process is used again, without the plugin's pause of 5.5 s
            await channel.close()
            first, second = server.entries
            assert first["to"] == ["li@shop.example"]
            assert first["headers"]["Subject"] == a_message().title
            assert first["headers"]["Auto-Submitted"] == "auto-generated"
            assert first["headers"]["Content-Type"].startswith("text/plain")
            assert ACK in first["text"].splitlines()
            assert "库存正常" in first["text"]
            for mail in (first, second):
                assert mail["headers"]["X-Nightbell-Dedup-Key"] == "N-7.key"
        assert processes() == []

    asyncio.run(scene())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_page_arrives_as_json_with_the_address_decoded_once(loop: object) -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = json_channel(server)
            await accepted(channel, a_message(address="+86 138#1?%41"))
            await channel.close()
            (entry,) = server.entries
            assert unquote(entry["path"]) == "/hook/+86 138#1?%41"
            told = json.loads(entry["body"])
            assert (told["title"], told["message"]) == (a_message().title, a_message().text)
            assert told["type"] == "failure"
            assert entry["headers"]["Idempotency-Key"] == "N-7.key"

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(scene())


@pytest.mark.parametrize(
    ("fields", "type_"),
    [
        pytest.param({"severity": Severity.WARNING}, "warning", id="warning"),
        pytest.param({"severity": Severity.INFO}, "info", id="info"),
        pytest.param({"kind": Kind.RECOVERY}, "success", id="recovery"),
    ],
)
def test_services_that_colour_a_message_get_its_severity(fields: dict[str, object], type_: str) -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = json_channel(server)
            await accepted(channel, a_message(**fields))
            await channel.close()
            assert json.loads(server.entries[0]["body"])["type"] == type_

    asyncio.run(scene())


def test_a_long_text_is_sent_in_parts_and_keeps_its_link() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = json_channel(server)
            text = "\n".join(f"line {n} of a very long page" for n in range(3000)) + "\n" + ACK
            await accepted(channel, a_message(text=text))
            await channel.close()
            assert len(server.entries) > 1
            assert ACK in json.loads(server.entries[-1]["body"])["message"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("word", "reason", "retry", "ambiguous"),
    [
        pytest.param("status:302", Reason.REFUSED, False, False, id="302"),
        pytest.param("status:400", Reason.REFUSED, False, False, id="400"),
        pytest.param("status:401", Reason.AUTH, False, False, id="401"),
        pytest.param("status:404", Reason.REFUSED, False, False, id="404"),
        pytest.param("status:413", Reason.REFUSED, False, False, id="413"),
        pytest.param("status:429:5", Reason.RATE_LIMIT, True, False, id="429"),
        pytest.param("status:500", Reason.SERVER, True, False, id="500"),
        pytest.param("status:503", Reason.SERVER, True, False, id="503"),
        pytest.param("huge", Reason.SERVER, True, False, id="500 with 10 MB"),
        pytest.param("rst", Reason.CONNECT, True, True, id="reset"),
        pytest.param("close", Reason.CONNECT, True, True, id="closed"),
    ],
)
def test_each_answer_has_its_class(word: str, reason: Reason, retry: bool, ambiguous: bool) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as server:
            channel = json_channel(server)
            error = await refusal(channel)
            await channel.close()
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, ambiguous), error.message
            assert len(error.message) < 300

    asyncio.run(scene())


def test_a_service_that_never_answers_ends_with_apprises_own_timeout_as_ambiguous() -> None:
    async def scene() -> None:
        async with WebhookServer(always="swallow") as server:
            channel = Apprise(url=f"json://127.0.0.1:{server.port}/hook?rto=0.3")
            assert not channel.needs_address
            error = await refusal(channel)
            await channel.close()
            assert (error.reason, error.retry, error.ambiguous) == (Reason.TIMEOUT, True, True)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("verb", "reply", "reason", "retry"),
    [
        pytest.param("CONNECT", "554 5.7.1 not you", Reason.REFUSED, False, id="554 greeting"),
        pytest.param("CONNECT", "421 4.3.2 busy", Reason.SERVER, True, id="421 greeting"),
        pytest.param("AUTH", "535 5.7.8 wrong", Reason.AUTH, False, id="535 login"),
        pytest.param("MAIL", "530 5.7.0 log in", Reason.AUTH, False, id="530 sender"),
        pytest.param("RCPT", "550 5.1.1 nobody", Reason.REFUSED, False, id="550 recipient"),
        pytest.param("RCPT", "451 4.7.1 greylisted", Reason.SERVER, True, id="451 recipient"),
        pytest.param("DATA", "554 5.7.1 no", Reason.REFUSED, False, id="554 data"),
        pytest.param("DOT", "552 5.2.2 full", Reason.REFUSED, False, id="552 dot"),
        pytest.param("DOT", "451 4.3.0 later", Reason.SERVER, True, id="451 dot"),
    ],
)
def test_each_mail_reply_has_its_class(verb: str, reply: str, reason: Reason, retry: bool) -> None:
    async def scene() -> None:
        async with SmtpServer(refuse={verb: reply}, users={"nb": "pw"}) as server:
            url = f"mailto://nb:pw@127.0.0.1:{server.port}/?from=nb@shop.example&to={{address}}"
            channel = Apprise(url=url)
            error = await refusal(channel)
            await channel.close()
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False), error.message
            assert reply[:3] in error.message

    asyncio.run(scene())


def test_a_mail_taken_without_a_word_is_ambiguous() -> None:
    async def scene() -> None:
        async with SmtpServer(refuse={"DOT": "take-close"}) as server:
            channel = mail_channel(server)
            error = await refusal(channel)
            await channel.close()
            assert error.ambiguous
            assert len(server.entries) == 1

    asyncio.run(scene())


def test_a_mail_server_without_starttls_gets_nothing() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:
            url = (
                f"mailtos://nb:pw@127.0.0.1:{server.port}/?from=nb@shop.example&to={{address}}&mode=starttls"
            )
            channel = Apprise(url=url)
            error = await refusal(channel)
            await channel.close()
            assert (error.reason, error.ambiguous) == (Reason.TLS, False)
            assert "AUTH" not in server.verbs

    asyncio.run(scene())


def test_nobody_there_and_no_such_name_are_connect_and_certainly_not_sent() -> None:
    async def scene() -> None:
        one, two = Apprise(url="json://127.0.0.1:1/"), Apprise(url="json://no-such-host.invalid/")
        for channel, why in ((one, "connection refused"), (two, "cannot look up")):
            error = await refusal(channel)
            assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
            assert why in error.message
        await one.close()
        await two.close()

    asyncio.run(scene())


def test_a_certificate_that_is_not_believed_is_tls(tmp_path: Path) -> None:
    async def scene() -> None:
        async with WebhookServer(tls=certificate(tmp_path).context) as server:
            channel = Apprise(url=f"jsons://127.0.0.1:{server.port}/")
            error = await refusal(channel)
            await channel.close()
            assert (error.reason, error.ambiguous) == (Reason.TLS, False)
            assert server.entries == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("nosuchscheme://canary-token/x", id="unknown scheme"),
        pytest.param("twilio://canary-sid:canary-token@from/{address}", id="bad token"),
        pytest.param("mailto://", id="nothing in it"),
    ],
)
def test_a_url_apprise_does_not_take_is_a_mistake_in_the_configuration_without_its_words(url: str) -> None:
    async def scene() -> None:
        channel = Apprise(url=url)
        error = await refusal(channel, a_message(address="+8613800000001"))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONFIG, False, False)
        complaint = await channel.examine("+8613800000001")
        await channel.close()
        assert complaint is not None
        assert "canary" not in error.message + complaint + repr(channel)

    asyncio.run(scene())


def test_a_good_url_is_examined_without_sending() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = json_channel(server)
            assert await channel.examine("li") is None
            await channel.close()
            assert not server.arrived.is_set()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("rto=2&cto=2&+X-Key=v&-key=v&:field=v&method=PUT&overflow=split", None, id="all known"),
        pytest.param("rto=2&rtry=3", "option 2 after the ?", id="a slip"),
        pytest.param("canary", "option 1 after the ?", id="the rest of a password"),
    ],
)
def test_an_option_apprise_lets_pass_unread_is_complained_of(query: str, told: str | None) -> None:
    async def scene() -> None:
        channel = Apprise(url=f"json://127.0.0.1/hook?{query}")
        complaint = await channel.examine("")
        await channel.close()
        if told is None:
            assert complaint is None
        else:
            assert complaint is not None
            assert told in complaint
            assert "canary" not in complaint

    asyncio.run(scene())


def test_an_echoed_request_gives_no_secret_away() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            secret = quote("canary/pass word", safe="")
            url = (
                f"json://canary-user:{secret}@127.0.0.1:{server.port}/canary-path?-do=echo&+X-Key=canary-key"
            )
            channel = Apprise(url=url)
            error = await refusal(channel)
            await channel.close()
            assert "400" in error.message
            assert "canary" not in error.message
            assert "pass word" not in error.message

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("smtp.example.com", "begin with the scheme", id="no scheme"),
        pytest.param("tgram://a b", "spaces", id="space"),
        pytest.param("json://h/{adress}", "only {address}", id="placeholder"),
        pytest.param("json://h/{address", "only {address}", id="open brace"),
        pytest.param("json://h/" + "x" * 9000, "longer", id="long"),
    ],
)
def test_a_bad_url_is_found_when_the_configuration_is_read(url: str, told: str) -> None:
    channel = Apprise(url=url)
    complaint = channel.complaint()
    assert complaint is not None
    assert told in complaint
    error = asyncio.run(refusal(channel))
    assert (error.reason, error.retry) == (Reason.CONFIG, False)


def test_a_text_that_would_be_dozens_of_sms_is_cut_behind_the_link() -> None:
    async def scene() -> None:
        taken = 'json:{"result": {"message_id": 1, "status": "ok"}}'
        async with WebhookServer(always=taken) as server:
            channel = Apprise(
                url=f"smseagle://token@127.0.0.1:{server.port}/{{address}}"
            )  # 1,200 characters each
            text = f"{ACK}\n" + "a long list of incidents\n" * 2000
            await accepted(channel, a_message(address="13800000001", text=text))
            await channel.close()
            told = [json.loads(entry["body"])["params"]["message"] for entry in server.entries]
            assert 2 <= len(told) <= 6
            assert ACK in told[0]
            assert told[-1].endswith("…")

    asyncio.run(scene())
