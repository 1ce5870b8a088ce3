"""Pages by mail through a server others wrote: Debian's Exim with STARTTLS, a login and greylistd."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from alerting.notification import Reason
from alerting.notifiers.smtp import Smtp
from lab.exim import Exim
from lab.messages import ACK, a_message, accepted, eventually, refusal
from lab.outage import Outage
from lab.wait import until

T = TypeVar("T")

USERS = {"nb": "canary-pw", "li": "x"}


@pytest.fixture(scope="module")
def exim() -> Iterator[Exim]:
    with Exim(users=USERS) as server:
        yield server


def towards(server: Exim, **options: Any) -> Smtp:
    login = {"user": "nb", "password": "canary-pw"}
    fields = {
        "host": "127.0.0.1",
        "port": server.port,
        "ca": server.ca,
        "from_": "夜铃 <nb@shop.example>",
        **login,
    }
    return Smtp(**{**fields, **options})


def channel(server: Exim, password: str = "canary-pw", **more: str) -> str:
    options = {"notifier": "smtp", "host": "127.0.0.1", "port": str(server.port), "ca": server.ca, "user": "nb",
               "password": password, "from": "nb@shop.example", **more}  # fmt: skip
    return "{" + ", ".join(f"{name}: '{value}'" if name != "port" else f"port: {value}"
                           for name, value in options.items()) + "}"  # fmt: skip


def run(server: Exim, sending: Coroutine[Any, Any, T]) -> T:
    """Return what came of it once the connection is closed: the farewell of TLS outlives the send."""

    async def scene() -> T:
        mine = psutil.Process()
        try:
            return await sending
        finally:
            await eventually(
                lambda: not [one for one in mine.net_connections("tcp") if one.raddr[1:] == (server.port,)]
            )

    return asyncio.run(scene())


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_a_real_server_takes_a_page_encrypted_and_logged_in_and_delivers_it_unchanged(exim: Exim) -> None:
    text = f"{a_message().text}\n.\n..\n. dot\n" + "y" * 2000 + "\n结束"
    message = a_message(dedup_key="N-1.real", text=text)
    receipt = run(exim, accepted(towards(exim), message))
    [mail] = until(lambda: _by_key(exim, "N-1.real"), within=10, why=exim.log())

    assert mail["Subject"] == message.title
    assert mail["From"] == "夜铃 <nb@shop.example>"
    body = mail.get_body(("plain",))
    assert body is not None
    assert lines_of(body.get_content()) == lines_of(text)
    assert ACK in body.get_content().splitlines()
    assert "with esmtpsa (TLS1" in re.sub(r"\s+", " ", mail["Received"])
    assert receipt.provider_id
    assert f"{receipt.provider_id} Completed" in until(
        lambda: exim.log() if f"{receipt.provider_id} Completed" in exim.log() else "",
        within=5,
        why=exim.log(),
    )


def _by_key(server: Exim, key: str) -> list[Any]:
    return [mail for mail in server.mails() if mail["Message-ID"] == f"<{key}@nightbell.shop.example>"]


@pytest.mark.parametrize(
    ("options", "message", "reason", "code"),
    [
        pytest.param({"password": "canary-no"}, {}, Reason.AUTH, "535", id="a wrong password"),
        pytest.param({"user": None, "password": None}, {}, Reason.REFUSED, "550", id="no login"),
        pytest.param({}, {"address": "nobody@shop.example"}, Reason.REFUSED, "550", id="no such mailbox"),
        pytest.param({}, {"address": "li@elsewhere.example"}, Reason.REFUSED, "550", id="no relaying"),
    ],
)
def test_what_a_real_server_refuses_is_refused_for_good(
    exim: Exim, options: dict[str, Any], message: dict[str, Any], reason: Reason, code: str
) -> None:
    error = run(exim, refusal(towards(exim, **options), a_message(dedup_key="N-2.refused", **message)))
    assert (error.reason, error.retry, error.ambiguous) == (reason, False, False)
    assert code in error.message
    assert "canary" not in error.message
    assert _by_key(exim, "N-2.refused") == []


def test_a_real_server_whose_authority_we_do_not_believe_gets_nothing(exim: Exim) -> None:
    error = run(exim, refusal(towards(exim, ca=None), a_message(dedup_key="N-3.tls")))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
    assert "N-3.tls" not in exim.log()


def test_where_encryption_is_stripped_nothing_is_said_in_the_clear() -> None:
    with Exim(users=USERS, offer_tls=False) as server:
        error = run(server, refusal(towards(server)))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
        assert server.mails() == []


def test_a_page_passes_a_real_greylist_is_delivered_once_and_its_link_works(
    tmp_path: Path, figures: Any
) -> None:
    """First by a channel whose password is wrong: that must not cost the page its way."""
    with Exim(users=USERS, greylist=True) as server:
        channels = {"locked": channel(server, "canary-no"), "mail": channel(server)}
        addresses = dict.fromkeys(channels, "li@shop.example")
        with Outage(tmp_path / "daemon", channels=channels, addresses=addresses) as outage:
            outage.strike()
            [mail] = outage.wait(server.mails, within=30, why="no mail came through")

            body = mail.get_body(("plain",))
            assert body is not None
            assert "下单结算" in mail["Subject"]
            assert "451 greylisted" in server.log() or "greylisted, come back" in server.log()
            [page] = outage.wait(
                lambda: [row for row in outage.notifications() if row["state"] == "accepted"],
                within=5,
                why="the receipt",
            )
            assert page["channel"] == "mail"
            assert "535" in outage.daemon.text()
            assert "canary" not in outage.daemon.text()
            outage.acknowledge(body.get_content())
        assert len(server.mails()) == 1
    figures.record("mail through a real server (Exim, greylistd)", n=1)
