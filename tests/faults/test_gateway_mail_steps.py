"""A mail server that fails inside a step: in the handshake, between two words of a login, in the midst of a mail.

Each verb as a whole is tried with the notifier's own tests.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError
from alerting.notifiers.smtp import Smtp
from lab.messages import a_message, accepted, refusal
from lab.postmaster import STEPS, Postmaster
from lab.trust import certificate

LATER, NEVER = True, False
QUIETLY = pytest.mark.parametrize(
    "act", ["451 4.7.0 later", "554 5.7.0 never", "hang", "close", "rst", "flood"]
)


def towards(server: Postmaster, ca: str) -> Smtp:
    patience = (
        timedelta(milliseconds=400) if server.act == "hang" and server.at != "QUIT" else timedelta(seconds=20)
    )
    return Smtp(
        host="127.0.0.1",
        port=server.port,
        ca=ca,
        user="nb",
        password="canary-pw",
        from_="nb@shop.example",
        timeout=patience,
    )


async def told(directory: Path, at: str, act: str, text: str = "") -> tuple[Postmaster, DeliveryError]:
    trusted = certificate(directory)
    async with Postmaster(trusted.context, at=at, act=act) as server:
        message = a_message(text=text) if text else a_message()
        error = await refusal(towards(server, trusted.ca), message)
        assert "canary" not in error.message
        assert b"AUTH" not in server.clear
        assert b"MAIL" not in server.clear
        return server, error


def test_when_nothing_fails_the_mail_passes_through_every_step(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with Postmaster(trusted.context) as server:
            receipt = await accepted(towards(server, trusted.ca), a_message(text="x" * 4000))
            assert receipt.provider_id == "LAB1"
            await asyncio.wait_for(server.done.wait(), 5)
            assert tuple(server.steps) == STEPS

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("step", "act", "reason", "retry"),
    [
        ("HANDSHAKE", "451 4.7.0 later", Reason.TLS, LATER),
        ("HANDSHAKE", "hang", Reason.TIMEOUT, LATER),
        ("HANDSHAKE", "close", Reason.CONNECT, LATER),
        ("HANDSHAKE", "rst", Reason.CONNECT, LATER),
        ("HANDSHAKE", "flood", Reason.TLS, LATER),
        *(
            (step, act, reason, retry)
            for step, not_now, no in (
                ("EHLO2", (Reason.SERVER, LATER), (Reason.REFUSED, NEVER)),
                ("AUTH", (Reason.AUTH, LATER), (Reason.AUTH, NEVER)),
                ("PASSWORD", (Reason.AUTH, LATER), (Reason.AUTH, NEVER)),
            )
            for act, (reason, retry) in (
                ("451 4.7.0 later", not_now),
                ("554 5.7.0 never", no),
                ("hang", (Reason.TIMEOUT, LATER)),
                ("close", (Reason.CONNECT, LATER)),
                ("rst", (Reason.CONNECT, LATER)),
                ("flood", (Reason.PROTOCOL, LATER)),
            )
        ),
    ],
)
def test_a_failure_inside_handshake_or_login_has_its_class_and_nothing_is_sent(
    tmp_path: Path, step: str, act: str, reason: Reason, retry: bool
) -> None:
    server, error = asyncio.run(told(tmp_path, step, act))
    assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False)
    assert server.mails == []


@pytest.mark.parametrize(
    ("act", "reason", "retry", "ambiguous"),
    [
        ("451 4.3.1 disk full", Reason.SERVER, LATER, False),
        ("554 5.6.0 no such content", Reason.REFUSED, NEVER, False),
        ("421 4.3.2 shutting down", Reason.SERVER, LATER, False),
        ("hang", Reason.TIMEOUT, LATER, True),
        ("close", Reason.CONNECT, LATER, True),
        ("rst", Reason.CONNECT, LATER, True),
        ("flood", Reason.PROTOCOL, LATER, True),
    ],
)
def test_a_failure_in_the_midst_of_a_mail_is_open_unless_it_was_said(
    tmp_path: Path, act: str, reason: Reason, retry: bool, ambiguous: bool
) -> None:
    server, error = asyncio.run(told(tmp_path, "BODY", act, text="长" * 100_000))
    assert (error.reason, error.retry, error.ambiguous) == (reason, retry, ambiguous)
    assert server.mails == []


@QUIETLY
def test_what_a_server_does_at_the_farewell_no_longer_matters(tmp_path: Path, act: str) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with Postmaster(trusted.context, at="QUIT", act=act) as server:
            await accepted(towards(server, trusted.ca))
            assert len(server.mails) == 1

    asyncio.run(scene())


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_reply_without_end_is_cut_off_at_every_step(tmp_path: Path, step: str) -> None:
    _, error = asyncio.run(told(tmp_path, step, "flood", text="长" * 100_000 if step == "BODY" else ""))
    assert error.reason is (Reason.TLS if step == "HANDSHAKE" else Reason.PROTOCOL)
    assert error.retry
    assert error.ambiguous is (step in ("BODY", "DOT"))
