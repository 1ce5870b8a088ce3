"""The sending process: killed at the deadline, replaced, and gone with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from alerting.notification import Reason
from alerting.notifiers.api import Progress
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.apprise_pool import POOL, Pool
from lab.apprise_channels import json_channel, mail_channel, processes
from lab.messages import accepted, cut_short, eventually, refusal
from lab.smtp_server import SmtpServer
from lab.webhook_server import WebhookServer


@pytest.mark.parametrize("word", ["hang", "swallow", "drip-head"])
def test_cut_short_the_process_is_killed_and_others_go_on(word: str) -> None:
    async def scene() -> None:
        async with WebhookServer(always=word) as bad, WebhookServer() as good:
            hung, well = json_channel(bad), json_channel(good)
            hung.warm()
            before = {process.pid for process in processes()}
            progress = await cut_short(hung, bad.arrived.wait)
            assert progress.sent
            await eventually(lambda: not before & {process.pid for process in processes()})
            await accepted(well)
            await hung.close()
            await well.close()
        assert processes() == []

    asyncio.run(scene())


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "RCPT", "DATA", "DOT"])
def test_cut_short_a_mail_may_have_been_taken_only_after_its_final_dot(verb: str) -> None:
    async def scene() -> None:
        async with SmtpServer(refuse={verb: "hang"}) as server:
            channel = mail_channel(server)
            progress = await cut_short(channel, server.reached.wait)
            await channel.close()
            assert progress.sent is (verb == "DOT")

    asyncio.run(scene())


def test_a_hung_service_does_not_hold_up_another_channel() -> None:
    async def scene() -> None:
        async with WebhookServer(always="hang") as bad, WebhookServer() as good:
            hung, well = json_channel(bad, parallel=1), json_channel(good)

            async def others_pass() -> None:
                await bad.arrived.wait()
                for _ in range(3):
                    await accepted(well)

            await cut_short(hung, others_pass)
            assert len(good.entries) == 3
            await hung.close()
            await well.close()

    asyncio.run(scene())


def test_at_most_as_many_send_at_once_as_the_option_allows() -> None:
    async def scene() -> None:
        async with WebhookServer(always="hang") as server:
            channel = json_channel(server, parallel=2)

            enough = asyncio.Event()
            tries = [asyncio.ensure_future(cut_short(channel, enough.wait)) for _ in range(4)]
            await server.arrived.wait()
            assert len(POOL.busy) == 2
            enough.set()
            progresses = await asyncio.gather(*tries)
            assert 1 <= sum(progress.sent for progress in progresses) <= 2
            await channel.close()

    asyncio.run(scene())


def test_a_process_that_died_while_idle_is_replaced_without_a_word() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = json_channel(server)
            await accepted(channel)
            for process in processes():
                os.kill(process.pid, signal.SIGKILL)
            await accepted(channel)
            await channel.close()
            assert len(server.entries) == 2

    asyncio.run(scene())


def test_a_process_that_dies_while_sending_leaves_the_fate_open() -> None:
    async def scene() -> None:
        async with WebhookServer(always="swallow") as server:
            channel = json_channel(server)
            sending = asyncio.ensure_future(refusal(channel))
            await server.arrived.wait()
            await eventually(lambda: len(server.entries) == 1)
            for process in processes():
                os.kill(process.pid, signal.SIGKILL)
            error = await sending
            await channel.close()
            assert (error.reason, error.retry, error.ambiguous) == (Reason.INTERNAL, True, True)
            assert len(server.entries) == 1

    asyncio.run(scene())


def test_closed_while_sending_the_channel_ends_its_process_and_says_so() -> None:
    async def scene() -> None:
        async with WebhookServer(always="swallow") as server:
            channel = json_channel(server)
            sending = asyncio.ensure_future(refusal(channel))
            await eventually(lambda: len(server.entries) == 1)
            await channel.close()
            assert (await sending).ambiguous
            await eventually(lambda: processes() == [])
            assert not POOL.busy

    asyncio.run(scene())


def test_a_process_that_nobody_needs_ends_and_the_next_message_starts_another() -> None:
    async def scene() -> None:
        pool, member, request = Pool(patience=0.3), object(), {"url": "json://127.0.0.1/", "look_only": True}
        pool.join(member)
        pool.warm()
        (first,) = pool.idle
        assert (await pool.ask(request, Progress())).done == "success"
        assert [sender.process.pid for sender in pool.idle] == [first.process.pid]
        await eventually(lambda: first.process.poll() is not None)
        assert pool.idle == []
        await eventually(lambda: pool.ending == [])  # and leaves no zombie
        assert (await pool.ask(request, Progress())).done == "success"
        await pool.leave(member)

    asyncio.run(scene())
    assert processes() == []


def test_whoever_asks_for_one_to_be_ready_keeps_it() -> None:
    async def scene() -> None:
        pool, member = Pool(), object()
        pool.join(member)
        pool.warm()
        (sender,), first = pool.idle, pool.rest
        pool.warm()
        assert pool.idle == [sender]
        assert first is not None
        assert first.cancelled()  # the time is counted anew
        assert pool.rest is not None
        assert pool.rest.when() >= first.when()
        await pool.leave(member)

    asyncio.run(scene())


def test_no_zombie_and_no_thread_is_left_behind() -> None:
    async def scene() -> None:
        async with WebhookServer(always="hang") as server:
            channel = json_channel(server)
            await cut_short(channel, server.arrived.wait)
            await channel.close()

    before = threading.active_count()
    asyncio.run(scene())
    assert threading.active_count() <= before
    assert not [child for child in psutil.Process().children() if "apprise" in " ".join(child.cmdline())]
    assert not [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    assert not POOL.ending


PARENT = """
import asyncio, sys
from alerting.notifiers.api import Progress
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.api import Progress
from alerting.notifiers.apprise_pool import POOL, Pool
from lab.messages import a_message

async def main():
    channel = Apprise(url=sys.argv[1])
    channel.warm()
    print(POOL.idle[0].process.pid, flush=True)
    await channel.send(a_message(), Progress())

asyncio.run(main())
"""


def test_the_process_dies_with_its_parent_even_in_the_middle_of_a_hung_send() -> None:
    async def scene() -> None:
        async with WebhookServer(always="hang") as server:
            url = f"json://127.0.0.1:{server.port}/?rto=300"
            parent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PARENT, url),
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            assert parent.stdout is not None
            child = psutil.Process(int(await parent.stdout.readline()))
            await server.arrived.wait()
            assert child.is_running()
            parent.kill()
            await parent.wait()
            await eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

    asyncio.run(scene())


def test_the_url_is_not_to_be_seen_in_the_process_list() -> None:
    async def scene() -> None:
        async with WebhookServer() as server:
            channel = Apprise(url=f"json://canary:canary@127.0.0.1:{server.port}/")
            await accepted(channel)
            for process in processes():
                assert "canary" not in " ".join(process.cmdline()) + str(process.environ())
            await channel.close()

    asyncio.run(scene())
