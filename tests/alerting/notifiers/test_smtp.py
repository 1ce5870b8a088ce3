from __future__ import annotations

import asyncio
import email
import email.policy
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from alerting.notification import Reason
from alerting.notifiers.mail import BadAddress, Mail
from alerting.notifiers.smtp import Smtp
from lab.messages import ACK, a_message, accepted, cut_short, eventually, refusal
from lab.smtp_server import SmtpServer
from lab.trust import certificate

SENDER = "夜铃 <nb@shop.example>"


def towards(server: SmtpServer, **options: Any) -> Smtp:
    return Smtp(**{"host": "127.0.0.1", "port": server.port, "security": "none", "from_": SENDER, **options})


def test_a_page_arrives_as_a_mail_with_its_key_and_link() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:
            receipt = await accepted(towards(server))
            (mail,) = server.entries
            assert (mail["from"], mail["to"]) == ("nb@shop.example", ["li@shop.example"])
            head = mail["headers"]
            assert head["Subject"] == a_message().title
            assert head["From"] == SENDER
            assert head["To"] == "li@shop.example"
            assert head["Message-ID"] == "<N-7.key@nightbell.shop.example>"
            assert head["Date"] == "Mon, 04 Jan 2027 00:00:05 +0000"
            assert head["Auto-Submitted"] == "auto-generated"
            assert head["X-Nightbell-Incident"] == "INC-1"
            assert head["X-Nightbell-Dedup-Key"] == "N-7.key"
            assert "X-Nightbell-Drill" not in head
            assert ACK in mail["text"].splitlines()
            assert "库存正常" in mail["text"]
            assert receipt.provider_id == "LAB1"

    asyncio.run(scene())


def test_the_same_message_makes_the_same_mail() -> None:
    one, two = (Mail.compose(a_message(), sender=SENDER).content() for _ in range(2))
    assert one == two


def test_a_drill_says_so_in_its_head() -> None:
    mail = Mail.compose(a_message(drill=True), sender=SENDER)
    assert mail.document["X-Nightbell-Drill"] == "true"


def test_every_line_of_a_mail_fits_a_server_that_knows_only_ascii() -> None:
    text = "长" * 5000 + "\n" + "y" * 5000 + "\n.\n..\nFrom here\n"
    content = Mail.compose(a_message(text=text, title="长" * 5000), sender=SENDER).content()
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_dots_and_long_lines_arrive_unchanged() -> None:
    async def scene() -> None:
        text = ".\n..\n. dot\n" + "y" * 5000 + "\nend"
        async with SmtpServer() as server:
            await accepted(towards(server), a_message(text=text))
            assert server.entries[0]["text"].rstrip("\n") == text

    asyncio.run(scene())


@settings(deadline=None)
@given(title=st.text(), text=st.text(), key=st.text(min_size=1), incident=st.text(min_size=1))
def test_no_words_can_break_a_mail_or_add_a_header(title: str, text: str, key: str, incident: str) -> None:
    message = a_message(title=title + "\r\nBcc: e@x", text=text, dedup_key=key, incident=incident)
    content = Mail.compose(message, sender=SENDER).content()
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Bcc"] is None
    assert len(read.get_all("Subject") or []) == 1
    assert read["Auto-Submitted"] == "auto-generated"
    assert not read.defects


@pytest.mark.parametrize(
    "address", ["", "a b@x", "x@y\r\nBcc: z", "a@b@c", "@x", "a@", "a@b>c", "a@" + "b" * 300, "\ud83d@x"]
)
def test_what_is_no_address_is_refused_for_good_before_anybody_is_asked(address: str) -> None:
    error = asyncio.run(refusal(Smtp(host="127.0.0.1", port=1, from_=SENDER), a_message(address=address)))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.REFUSED, False, False)
    with pytest.raises(BadAddress):
        Mail.compose(a_message(address=address), sender=SENDER)


def test_an_address_in_chinese_needs_a_server_that_takes_it() -> None:
    async def scene() -> None:
        message = a_message(address="李雷@商店.example")
        async with SmtpServer(utf8=True) as server:
            await accepted(towards(server), message)
            assert server.entries[0]["to"] == ["李雷@xn--czrs0t.example"]
        async with SmtpServer() as server:
            error = await refusal(towards(server), message)
            assert (error.reason, error.retry) == (Reason.REFUSED, False)
            assert server.entries == []

    asyncio.run(scene())


# --- refused at every verb ------------------------------------------------------------------------------------

PERMANENT, LATER = False, True
VERBS = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT")
NO = dict.fromkeys(VERBS, Reason.REFUSED) | {"STARTTLS": Reason.TLS, "AUTH": Reason.AUTH}
NOT_NOW = dict.fromkeys(VERBS, Reason.SERVER) | {"STARTTLS": Reason.TLS, "AUTH": Reason.AUTH}


async def told(tmp_path: Path, verb: str, act: str, **options: Any) -> tuple[SmtpServer, Any]:
    """Send to a server that does `act` at `verb`, over STARTTLS and with a login."""
    trusted = certificate(tmp_path)
    async with SmtpServer(refuse={verb: act}, tls=trusted.context, users={"nb": "canary-pw"}) as server:
        smtp = towards(server, security="starttls", ca=trusted.ca, user="nb", password="canary-pw", **options)
        error = await refusal(smtp)
        assert "canary" not in str(error) + repr(smtp)
        return server, error


@pytest.mark.parametrize("verb", VERBS)
def test_a_refusal_for_good_is_permanent(verb: str, tmp_path: Path) -> None:
    _, error = asyncio.run(told(tmp_path, verb, "554 5.7.1 not you"))
    retry = verb == "STARTTLS"  # a broken certificate over there gets mended
    assert (error.reason, error.retry, error.ambiguous) == (NO[verb], retry, False)
    assert "554 5.7.1 not you" in error.message


@pytest.mark.parametrize("code", ["451 4.7.1 greylisted", "421 4.3.2 shutting down"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_refusal_for_now_is_tried_again(verb: str, code: str, tmp_path: Path) -> None:
    _, error = asyncio.run(told(tmp_path, verb, code))
    assert (error.reason, error.retry, error.ambiguous) == (NOT_NOW[verb], LATER, False)


@pytest.mark.parametrize("act", ["close", "rst"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_connection_closed_before_the_final_dot_is_certainly_not_sent(
    verb: str, act: str, tmp_path: Path
) -> None:
    _, error = asyncio.run(told(tmp_path, verb, act))
    assert (error.reason, error.retry) == (Reason.CONNECT, LATER)
    assert error.ambiguous is (verb == "DOT")


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_falls_silent_is_left_after_the_timeout(verb: str, tmp_path: Path) -> None:
    _, error = asyncio.run(told(tmp_path, verb, "hang", timeout=timedelta(milliseconds=300)))
    assert (error.reason, error.retry) == (Reason.TIMEOUT, LATER)
    assert error.ambiguous is (verb == "DOT")


@pytest.mark.parametrize("act", ["take-close", "take-hang"])
def test_a_mail_taken_without_a_word_is_ambiguous(act: str, tmp_path: Path) -> None:
    server, error = asyncio.run(told(tmp_path, "DOT", act, timeout=timedelta(milliseconds=300)))
    assert error.ambiguous
    assert error.retry
    assert len(server.entries) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_cut_short_at_any_verb_no_socket_stays(verb: str, tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with SmtpServer(refuse={verb: "hang"}, tls=trusted.context, users={"nb": "pw"}) as server:
            smtp = towards(server, security="starttls", ca=trusted.ca, user="nb", password="pw")
            progress = await cut_short(smtp, server.reached.wait)
            assert progress.sent is (verb == "DOT")
            mine = psutil.Process()
            await eventually(
                lambda: (
                    not [
                        one
                        for one in mine.net_connections("tcp")
                        if one.raddr and one.raddr.port == server.port and one.status != "CLOSE_WAIT"
                    ]
                )
            )

    asyncio.run(scene())


@pytest.mark.parametrize("code", ["550 5.1.1 unknown user", "552 5.2.2 mailbox full", "553 5.1.3 bad name"])
def test_a_mailbox_that_is_refused_is_permanent(code: str, tmp_path: Path) -> None:
    _, error = asyncio.run(told(tmp_path, "RCPT", code))
    assert (error.reason, error.retry) == (Reason.REFUSED, PERMANENT)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_server_that_wants_a_login_first_is_auth(verb: str, tmp_path: Path) -> None:
    _, error = asyncio.run(told(tmp_path, verb, "530 5.7.0 log in first"))
    assert (error.reason, error.retry) == (Reason.AUTH, PERMANENT)


@pytest.mark.parametrize("act", ["250 what", "hello there", "999 x"])
def test_an_answer_that_makes_no_sense_is_protocol_and_after_the_dot_ambiguous(
    act: str, tmp_path: Path
) -> None:
    _, error = asyncio.run(told(tmp_path, "DATA", act))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.PROTOCOL, LATER, False)


def test_greylisted_once_the_second_try_passes_with_the_same_key() -> None:
    async def scene() -> None:
        async with SmtpServer(refuse={"RCPT": ["451 4.7.1 come back"]}) as server:
            assert (await refusal(towards(server))).retry
            await accepted(towards(server))
            assert len(server.entries) == 1

    asyncio.run(scene())


# --- encryption and login -------------------------------------------------------------------------------------


def test_without_starttls_nothing_is_sent_in_the_clear() -> None:
    async def scene() -> None:
        async with SmtpServer(users={"nb": "pw"}) as server:
            error = await refusal(towards(server, security="starttls", user="nb", password="pw"))
            assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
            assert set(server.verbs) == {"CONNECT", "EHLO"}

    asyncio.run(scene())


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_encrypted_and_logged_in_it_passes(implicit: bool, tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with SmtpServer(tls=trusted.context, implicit=implicit, users={"nb": "pä ss"}) as server:
            security = "tls" if implicit else "starttls"
            await accepted(towards(server, security=security, ca=trusted.ca, user="nb", password="pä ss"))
            (mail,) = server.entries
            assert mail["tls"]
            assert mail["login"]

    asyncio.run(scene())


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_a_certificate_that_is_not_believed_is_tls(implicit: bool, tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path, "other.example")
        async with SmtpServer(tls=trusted.context, implicit=implicit, users={"nb": "pw"}) as server:
            for ca in (None, trusted.ca):
                security = "tls" if implicit else "starttls"
                error = await refusal(towards(server, security=security, ca=ca, user="nb", password="pw"))
                assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
                assert "certificate refused" in error.message
            assert "AUTH" not in server.verbs
            assert server.entries == []

    asyncio.run(scene())


def test_tls_towards_a_server_that_speaks_none_is_tls() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:
            error = await refusal(towards(server, security="tls"))
            assert error.reason is Reason.TLS

    asyncio.run(scene())


def test_a_wrong_password_is_asked_once_and_never_again(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with SmtpServer(tls=trusted.context, users={"nb": "right"}) as server:
            smtp = towards(server, security="starttls", ca=trusted.ca, user="nb", password="canary-wrong")
            error = await refusal(smtp)
            assert (error.reason, error.retry) == (Reason.AUTH, PERMANENT)
            assert "535" in error.message
            assert server.verbs.count("AUTH") == 1

    asyncio.run(scene())


def test_a_server_that_offers_login_only_is_logged_in_to(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with SmtpServer(tls=trusted.context, users={"nb": "pw"}, logins=["LOGIN"]) as server:
            await accepted(towards(server, security="starttls", ca=trusted.ca, user="nb", password="pw"))
            assert server.entries[0]["login"]

    asyncio.run(scene())


def test_a_server_without_a_login_we_know_is_auth(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with SmtpServer(tls=trusted.context, users={"nb": "pw"}, logins=[]) as server:
            smtp = towards(server, security="starttls", ca=trusted.ca, user="nb", password="pw")
            error = await refusal(smtp)
            assert (error.reason, error.retry) == (Reason.AUTH, PERMANENT)

    asyncio.run(scene())


# --- reaching it ----------------------------------------------------------------------------------------------


def test_a_port_nobody_listens_on_is_connect() -> None:
    async def scene() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            error = await refusal(Smtp(host="127.0.0.1", port=port, from_=SENDER))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
        assert "connection refused" in error.message

    asyncio.run(scene())


def test_a_name_that_does_not_exist_is_connect() -> None:
    error = asyncio.run(refusal(Smtp(host="no-such-host.invalid", from_=SENDER)))
    assert (error.reason, error.retry) == (Reason.CONNECT, True)
    assert "cannot look up" in error.message


def test_a_name_is_looked_up_and_every_address_tried() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:  # localhost may be ::1 first, where nobody listens
            await accepted(towards(server, host="localhost", ehlo="monitor.shop.example"))
            assert server.entries[0]["ehlo"] == "monitor.shop.example"

    asyncio.run(scene())


# --- options --------------------------------------------------------------------------------------------------


def test_the_option_is_called_from() -> None:
    adapter = TypeAdapter(Smtp)
    smtp = adapter.validate_python({"host": "h", "from": "a@b.example", "timeout": "3s"})
    assert (smtp.from_, smtp.timeout) == ("a@b.example", timedelta(seconds=3))
    schema = adapter.json_schema()["properties"]
    assert "from" in schema
    assert not {"from_", "trust"} & set(schema)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"host": "smtp://x"}, "host", id="host is a URL"),
        pytest.param({"from_": "nobody@"}, "from", id="sender"),
        pytest.param({"user": "nb"}, "give both", id="user without password"),
        pytest.param({"ehlo": "a b"}, "ehlo", id="ehlo"),
        pytest.param({"timeout": timedelta(0)}, "timeout", id="timeout"),
        pytest.param({"ca": "/no/such.pem"}, "cannot find", id="ca"),
    ],
)
def test_a_bad_option_is_found_when_the_configuration_is_read(options: dict[str, Any], told: str) -> None:
    complaint = Smtp(**{"host": "h", "from_": "a@b.example", **options}).complaint()
    assert complaint is not None
    assert told in complaint
