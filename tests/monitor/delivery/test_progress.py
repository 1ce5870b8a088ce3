"""How far an attempt has come: what is noted before the provider may take the message."""

from __future__ import annotations

import asyncio

import pytest

from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.apprise import Apprise
from lab.messages import a_message
from lab.wait import free_port


def test_the_mark_is_made_once_and_before_sent_turns_true() -> None:
    seen: list[bool] = []
    progress = Progress(lambda: seen.append(progress.sent))
    assert not progress.sent
    progress.sent = False
    assert not seen
    progress.sent = True
    progress.sent = True
    progress.mark()
    assert seen == [False]
    assert progress.sent


def test_a_mark_alone_does_not_make_the_attempt_ambiguous() -> None:
    """The sending process is killed with us: what it has not begun to send by then was not sent."""
    seen: list[bool] = []
    progress = Progress(lambda: seen.append(True))
    progress.mark()
    progress.mark()
    assert seen == [True]
    assert not progress.sent


def test_where_the_mark_cannot_be_made_nothing_counts_as_sent() -> None:
    def fails() -> None:
        raise OSError("no")

    progress = Progress(fails)
    with pytest.raises(OSError, match="no"):
        progress.sent = True
    assert not progress.sent


def test_who_hands_over_to_another_process_marks_before_that() -> None:
    """Nobody listens there, so that nothing is ever sent: the mark is made all the same."""
    marks: list[bool] = []
    progress = Progress(lambda: marks.append(progress.sent))

    async def send() -> None:
        channel = Apprise(url=f"json://127.0.0.1:{free_port()}/")
        with pytest.raises(DeliveryError):
            await channel.send(a_message(), progress)
        await channel.close()

    asyncio.run(send())
    assert marks == [False]
    assert not progress.sent
