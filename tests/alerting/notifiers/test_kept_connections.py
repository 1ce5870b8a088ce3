"""Connections that are kept in a burst of messages: which are used again, and what becomes of a message when one dies.

No message may be lost, none sent twice in silence, and no answer taken for that of another message.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError, Progress
from alerting.notifiers.line import BURST, IDLE, KEPT
from alerting.notifiers.webhook import Webhook
from lab.kept_server import KeptServer
from lab.messages import a_message, accepted, eventually, refusal
from lab.trust import certificate

LATE = BURST  # the connection that carries the first message of a burst
WARM = BURST - 1


async def send(hook: Webhook, number: int) -> Accepted:
    return await hook.send(a_message(id=f"N-{number}", dedup_key=f"key-{number}"), Progress())


def scene(
    play: Callable[[KeptServer, Webhook], Awaitable[None]], act: Callable[[int, int], str] | None = None
) -> None:
    """Let a burst have begun: the next message goes over a connection that will be kept."""

    async def run() -> None:
        async with KeptServer(act or (lambda _connection, _request: "ok")) as server:
            hook = Webhook(url=server.url)
            for number in range(WARM):
                await send(hook, number)
            try:
                await play(server, hook)
            finally:
                await hook.close()
                server.released.set()
                await eventually(lambda: server.open == 0)

    asyncio.run(run())


def upon(word: str, connection: int = LATE, request: int = 1) -> Callable[[int, int], str]:
    return lambda one, place: word if (one, place) == (connection, request) else "ok"


def test_where_little_happens_each_message_has_a_fresh_connection_and_says_so() -> None:
    async def play(server: KeptServer, _hook: Webhook) -> None:
        assert server.connections == WARM
        assert all("Connection: close" in head for head in server.heads)

    scene(play)


def test_in_a_burst_one_connection_carries_many_messages() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        told = [await send(hook, number) for number in range(20)]
        assert [one.provider_id for one in told] == [f"{LATE}.{place}" for place in range(1, 21)]
        assert server.connections == LATE
        assert "Connection: close" not in server.heads[-1]

    scene(play)


def test_of_many_at_once_each_arrives_once_and_so_many_connections_are_kept() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        for turn in range(3):
            await asyncio.gather(*(send(hook, 100 * turn + number) for number in range(2 * KEPT)))
            await eventually(lambda: server.open == KEPT)
        sent = [f"key-{100 * turn + number}" for turn in range(3) for number in range(2 * KEPT)]
        taken = [json.loads(body)["dedup_key"] for _, _, body in server.taken[WARM:]]
        assert sorted(taken) == sorted(sent)
        assert server.connections == WARM + 2 * KEPT + KEPT + KEPT

    scene(play)


def test_a_connection_that_the_other_side_has_closed_is_not_used_again() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        await eventually(lambda: server.hung_up == 1)
        assert (await send(hook, 2)).provider_id == f"{LATE + 1}.1"

    scene(play, upon("hang-up"))


@pytest.mark.parametrize("word", ["close", "talk", "mutter", "old", "half"])
def test_what_follows_a_last_odd_or_broken_answer_goes_over_a_fresh_connection(word: str) -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        if word == "mutter":
            await eventually(lambda: server.muttered)  # on loopback they have come with that
        assert (await send(hook, 2)).provider_id == f"{LATE + 1}.1"

    scene(play, upon(word))


def test_a_message_on_a_kept_connection_that_dies_is_unsure_and_sent_once_by_us() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        before = len(server.taken)
        error = await refusal(hook)
        assert (error.ambiguous, error.retry, error.reason) == (True, True, Reason.CONNECT)
        assert error.message == "cannot post to 127.0.0.1: connection closed without an answer"
        assert len(server.taken) == before + 1
        assert (await send(hook, 3)).provider_id == f"{LATE + 1}.1"

    scene(play, upon("cut", request=2))


def test_an_answer_that_comes_too_late_is_never_taken_for_that_of_the_next_message() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        progress = Progress()
        slow = asyncio.create_task(hook.send(a_message(), progress))
        await eventually(lambda: len(server.taken) == WARM + 2)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert progress.sent
        server.released.set()
        assert (await send(hook, 3)).provider_id == f"{LATE + 1}.1"

    scene(play, upon("late", request=2))


def test_an_interim_answer_is_not_taken_for_the_answer() -> None:
    async def play(_server: KeptServer, hook: Webhook) -> None:
        assert (await send(hook, 1)).provider_id == f"{LATE}.1"
        assert (await send(hook, 2)).provider_id == f"{LATE}.2"

    scene(play, upon("hint"))


def test_a_head_without_end_is_no_answer() -> None:
    async def play(_server: KeptServer, hook: Webhook) -> None:
        error = await refusal(hook)
        assert (error.reason, error.ambiguous) == (Reason.PROTOCOL, True)

    scene(play, upon("endless"))


def test_what_must_not_be_sent_after_all_spares_the_connection() -> None:
    """The mark is made right before the first byte: where it cannot be, nothing leaves."""

    async def play(server: KeptServer, hook: Webhook) -> None:
        def refuse() -> None:
            raise DeliveryError("cannot note it", reason=Reason.INTERNAL)

        await send(hook, 1)
        with pytest.raises(DeliveryError):
            await hook.send(a_message(), Progress(refuse))
        assert (await send(hook, 2)).provider_id == f"{LATE}.2"
        assert len(server.taken) == WARM + 2

    scene(play)


def test_nothing_is_kept_for_longer_than_a_moment() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        assert server.open == 1
        await eventually(lambda: server.open == 0, IDLE + 5)

    scene(play)


def test_closing_lets_go_of_what_is_kept() -> None:
    async def play(server: KeptServer, hook: Webhook) -> None:
        await send(hook, 1)
        await hook.close()
        await eventually(lambda: server.open == 0, IDLE / 2)

    scene(play)


def test_encrypted_connections_are_kept_too(tmp_path: Path) -> None:
    async def run() -> None:
        trusted = certificate(tmp_path)
        async with KeptServer(tls=trusted.context) as server:
            hook = Webhook(url=server.url, ca=trusted.ca)
            for _ in range(20):
                await accepted(hook)
            assert server.connections < 20
            await hook.close()
            await eventually(lambda: server.open == 0)

    asyncio.run(run())
