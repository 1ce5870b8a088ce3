from __future__ import annotations

import asyncio

from alerting.notification import Kind
from alerting.notifiers.smtp import Smtp
from lab.messages import a_message, accepted
from lab.smtp_server import SmtpServer


def test_a_channel_with_a_mailbox_of_its_own_needs_no_address_and_writes_there() -> None:
    async def scene() -> None:
        async with SmtpServer() as server:
            news = Smtp(
                host="127.0.0.1",
                port=server.port,
                security="none",
                from_="nb@shop.example",
                to="news@shop.example",
            )
            assert not news.needs_address
            await accepted(news, a_message(kind=Kind.ANNOUNCEMENT, to=None, address=""))
            (mail,) = server.entries
            assert mail["to"] == ["news@shop.example"]

    asyncio.run(scene())


def test_a_mailbox_that_is_none_is_refused_when_the_configuration_is_read() -> None:
    news = Smtp(host="127.0.0.1", from_="nb@shop.example", to="news@")
    assert news.complaint() == "to: must be a mail address"
