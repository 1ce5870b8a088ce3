"""The line to a provider: what becomes of a message when the other side cuts, drips, lies or talks out of turn.

No message may be lost, none sent twice in silence, and no answer taken for that of another message.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError, Progress
from alerting.notifiers.dingtalk import DingTalk
from alerting.notifiers.line import HEAD_BYTES
from alerting.notifiers.webhook import Webhook
from lab.line_server import LineServer
from lab.messages import a_message, accepted, eventually, refusal
from lab.trust import certificate

LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
pytestmark = pytest.mark.parametrize("loop", LOOPS)


async def send(hook: Webhook, number: int) -> Accepted:
    return await hook.send(a_message(id=f"N-{number}", dedup_key=f"key-{number}"), Progress())


def scene(
    loop: str, play: Callable[[LineServer, Webhook], Awaitable[None]], word: str = "ok", connection: int = 1
) -> None:
    """Play with a server that does what `word` says on one connection."""

    async def run() -> None:
        async with LineServer(lambda one, _place: word if one == connection else "ok") as server:
            hook = Webhook(url=server.url)
            try:
                await play(server, hook)
            finally:
                await hook.close()
                server.released.set()
                await eventually(lambda: server.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


def test_each_message_has_a_connection_of_its_own_and_says_so(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        told = [await send(hook, number) for number in range(10)]
        assert [one.provider_id for one in told] == [f"{number}.1" for number in range(1, 11)]
        assert all("Connection: close" in head for head in server.heads)

    scene(loop, play)


def test_of_many_at_once_each_arrives_once(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        await asyncio.gather(*(send(hook, number) for number in range(100)))
        taken = [json.loads(body)["dedup_key"] for _, _, body in server.taken]
        assert sorted(taken) == sorted(f"key-{number}" for number in range(100))

    scene(loop, play)


def test_words_behind_the_answer_are_not_taken_for_that_of_the_next_message(loop: str) -> None:
    async def play(_server: LineServer, hook: Webhook) -> None:
        assert (await send(hook, 1)).provider_id == "1.1"
        assert (await send(hook, 2)).provider_id == "2.1"

    scene(loop, play, "talk")


def test_a_message_whose_connection_dies_is_unsure_and_sent_once_by_us(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        error = await refusal(hook)
        assert (error.ambiguous, error.retry, error.reason) == (True, True, Reason.CONNECT)
        assert error.message == "cannot post to 127.0.0.1: connection closed without an answer"
        assert len(server.taken) == 1

    scene(loop, play, "cut")


def test_an_answer_that_comes_too_late_is_never_taken_for_that_of_the_next_message(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        progress = Progress()
        slow = asyncio.create_task(hook.send(a_message(), progress))
        await eventually(lambda: len(server.taken) == 1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert progress.sent
        server.released.set()
        assert (await send(hook, 3)).provider_id == "2.1"

    scene(loop, play, "late")


def test_a_refusal_before_the_request_is_heard_and_nothing_is_sent_into_it(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        error = await refusal(hook)
        if server.taken:  # it came while the request was on its way: then it answers that
            assert "503" in error.message
        else:
            assert (error.ambiguous, error.retry) == (False, True)
        assert "503" in error.message

    scene(loop, play, "early")


def test_a_welcome_before_the_request_is_no_receipt(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        try:
            await send(hook, 1)
        except DeliveryError as error:
            assert error.reason is Reason.PROTOCOL  # noqa: PT017 - both may be: it came first, or just behind
            assert not server.taken

    scene(loop, play, "welcome")


def test_a_body_that_breaks_off_costs_no_waiting_where_the_body_is_the_answer(loop: str) -> None:
    async def run() -> None:
        async with LineServer(lambda _one, _place: "bad-chunk") as server:
            robot = DingTalk(token="tok", api=f"http://127.0.0.1:{server.port}")
            with pytest.raises(DeliveryError) as failed:
                async with asyncio.timeout(5):
                    await robot.send(a_message(), Progress())
            assert failed.value.ambiguous
            await eventually(lambda: server.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


def test_headers_without_end_behind_the_body_are_not_read_for_ever(loop: str) -> None:
    async def play(server: LineServer, hook: Webhook) -> None:
        async with asyncio.timeout(5):
            await send(hook, 1)
        assert server.endless < 100 * HEAD_BYTES  # what lies in the sockets' buffers counts as taken

    scene(loop, play, "trailers")


def test_a_length_that_lies_takes_nothing_back(loop: str) -> None:
    async def play(_server: LineServer, hook: Webhook) -> None:
        await accepted(hook)

    scene(loop, play, "half")


def test_an_interim_answer_is_not_taken_for_the_answer(loop: str) -> None:
    async def play(_server: LineServer, hook: Webhook) -> None:
        assert (await send(hook, 1)).provider_id == "1.1"

    scene(loop, play, "hint")


def test_a_head_without_end_is_no_answer(loop: str) -> None:
    async def play(_server: LineServer, hook: Webhook) -> None:
        error = await refusal(hook)
        assert (error.reason, error.ambiguous) == (Reason.PROTOCOL, True)

    scene(loop, play, "endless")


def test_what_must_not_be_sent_after_all_is_not(loop: str) -> None:
    """The mark is made right before the first byte: where it cannot be, nothing leaves."""

    async def play(server: LineServer, hook: Webhook) -> None:
        def refuse() -> None:
            raise DeliveryError("cannot note it", reason=Reason.INTERNAL)

        with pytest.raises(DeliveryError):
            await hook.send(a_message(), Progress(refuse))
        assert not server.taken

    scene(loop, play)


def test_encrypted_connections_are_let_go_of_too(tmp_path: Path, loop: str) -> None:
    async def run() -> None:
        trusted = certificate(tmp_path)
        async with LineServer(tls=trusted.context) as server:
            hook = Webhook(url=server.url, ca=trusted.ca)
            for _ in range(5):
                await accepted(hook)
            await eventually(lambda: server.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())
