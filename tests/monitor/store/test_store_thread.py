"""The store's thread: many decisions share one write, nobody who waits is forgotten, nothing is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Notification, NotificationState
from alerting.state import Changes
from lab.records import NOON, entry, incident, notification
from monitor.store.errors import Fault, StoreError
from monitor.store.keeper import Keeper
from monitor.store.thread import StoreThread
from monitor.store.worker import GROUP_MAX, Job, Recording, Stop, Worker

LEASE = timedelta(seconds=20)


def with_store(directory: Path, story: Callable[[StoreThread], Coroutine[None, None, None]]) -> None:
    """Tell a story with an open store."""

    async def tell() -> None:
        store = StoreThread(f"sqlite:///{directory}/nightbell.db", directory)
        await store.open()
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(tell())


def test_everything_the_store_can_do_can_be_awaited(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        await store.record(Changes(records=(incident(1), notification(1)), entries=(entry(1),)))
        claimed = await store.claim("me", NOON, LEASE, 10)
        assert await store.interrupted() == claimed
        await store.release(claimed)
        await store.release([])
        assert await store.next_due(NOON) == NOON
        assert (await store.outbox_stats()).counts["pending"] == 1
        assert (await store.page(Incident)).items == (incident(1),)
        assert await store.get(Notification, "N-1") == notification(1)
        assert await store.timeline("INC-1") == [entry(1)]
        assert await store.receipts("N-1") == []
        await store.add_token("cli", "viewer", "digest")
        assert await store.token_role("digest") == ("cli", "viewer")
        assert [token.name for token in await store.tokens()] == ["cli"]
        assert await store.revoke_token("cli")
        assert await store.duplicates() == 0
        await store.check(NOON)
        state = await store.load(NOON)
        assert set(state.records[Incident]) == {"INC-1"}
        assert store.alive()

    with_store(tmp_path, story)


def test_many_decisions_at_once_are_all_there(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        await asyncio.gather(
            *(store.record(Changes(records=(incident(number),))) for number in range(1, GROUP_MAX + 500))
        )
        assert len((await store.load(NOON)).records[Incident]) == GROUP_MAX + 499

    with_store(tmp_path, story)


def test_one_bad_decision_fails_alone(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        group = [Changes(records=(incident(number),)) for number in range(1, 200)]
        group[50] = Changes(records=(notification(51, attempts=2**70),))
        group[150] = Changes(records=(incident(151, title="\ud800"),))

        outcomes = await asyncio.gather(*map(store.record, group), return_exceptions=True)

        failed = [place for place, outcome in enumerate(outcomes) if outcome is not None]
        assert failed == [50, 150]
        assert all(isinstance(outcomes[place], StoreError) for place in failed)
        assert len((await store.page(Incident, limit=1000)).items) == 197

    with_store(tmp_path, story)


def test_what_was_handed_over_is_written_though_nobody_waits(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        given = asyncio.create_task(store.record(Changes(records=(incident(1),))))
        await asyncio.sleep(0)
        given.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given
        assert await store.get(Incident, "INC-1") == incident(1)

    with_store(tmp_path, story)


def test_what_was_claimed_for_nobody_is_given_back(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        await store.record(Changes(records=(notification(1),)))
        for _ in range(50):
            asked = asyncio.create_task(store.claim("me", NOON, LEASE, 10))
            await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        claimed: list[Notification] = []
        async with asyncio.timeout(20):
            while not claimed:
                claimed = await store.claim("me", NOON, LEASE, 10)

        assert claimed == [notification(1, state=NotificationState.SENDING, attempts=1)]

    with_store(tmp_path, story)


def test_nothing_to_record_costs_nothing_even_without_a_store(tmp_path: Path) -> None:
    asyncio.run(StoreThread("sqlite:////nowhere/x.db", tmp_path).record(Changes()))


def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    async def story() -> None:
        store = StoreThread(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
        await store.open()
        given = [asyncio.create_task(store.record(Changes(records=(incident(n),)))) for n in range(1, 50)]
        await asyncio.sleep(0)
        await store.close()
        await store.close()
        assert not store.alive()
        assert await asyncio.gather(*given) == [None] * 49
        with pytest.raises(StoreError, match=r"^cannot use the store: it is closed$") as caught:
            await store.record(Changes(records=(incident(99),)))
        assert caught.value.fault is Fault.CLOSED
        await store.open()
        assert len((await store.page(Incident)).items) == 49
        await store.close()

    asyncio.run(story())


def test_a_file_elsewhere_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    words = b"this is no database at all, whatever somebody wrote into the configuration" * 100

    async def story() -> None:
        path.write_bytes(words)
        store = StoreThread(f"sqlite:///{path}", tmp_path / "state")
        with pytest.raises(StoreError) as caught:
            await store.open()
        assert (caught.value.fault, caught.value.path) == (Fault.CORRUPT, path)
        assert not store.alive()
        with pytest.raises(StoreError, match="it is closed"):
            await store.load(NOON)
        assert path.read_bytes() == words
        path.unlink()
        await store.open()
        await store.check(NOON)
        await store.close()

    asyncio.run(story())


def test_a_fault_in_the_work_itself_reaches_who_asked_and_the_thread_lives_on(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        with pytest.raises(ValueError, match="cannot filter"):
            await store.page(Incident, {"kind": "page"})
        with pytest.raises(ValueError, match="its role must be"):
            await store.add_token("x", "root", "digest")
        assert await store.get(Incident, "INC-1") is None

    with_store(tmp_path, story)


def test_recording_and_claiming_go_before_reading(tmp_path: Path) -> None:
    """Reads are slow with a long history: pages must not stand in line behind them."""

    async def story() -> None:
        done: list[str] = []
        gate = threading.Event()
        worker = Worker(lambda: Keeper(f"sqlite:///{tmp_path}/nightbell.db", tmp_path))
        await worker.start()
        loop = asyncio.get_running_loop()

        def job(name: str, *, urgent: bool) -> Job:
            return Job(work=lambda _: done.append(name), answer=loop.create_future(), urgent=urgent)

        held = Job(work=lambda _: gate.wait(20), answer=loop.create_future())
        first, second = job("read", urgent=False), job("read again", urgent=False)
        claim = job("claim", urgent=True)
        recording = Recording(changes=Changes(records=(incident(1),)), answer=loop.create_future())
        recording.answer.add_done_callback(lambda _: done.append("recorded"))
        for task in (held, first, second, claim, recording):
            worker.put(task)
        gate.set()
        await asyncio.gather(*(task.answer for task in (first, second, claim, recording)))
        stop = Stop(answer=loop.create_future())
        worker.put(stop)
        await stop.answer

        assert done.index("claim") < done.index("read") < done.index("read again")
        assert set(done) == {"claim", "read", "read again", "recorded"}

    asyncio.run(story())


def test_opening_for_nobody_leaves_the_directory_free(tmp_path: Path) -> None:
    async def story() -> None:
        store = StoreThread(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
        opening = asyncio.create_task(store.open())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(20):
            while not store.alive():
                with contextlib.suppress(
                    StoreError
                ):  # taken, until the thread that nobody awaits has closed it
                    await store.open()
        await store.close()

    asyncio.run(story())


def test_the_loop_runs_on_while_another_process_holds_the_file(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        holder = sqlite3.connect(tmp_path / "nightbell.db", isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        given = asyncio.create_task(store.record(Changes(records=(incident(1),))))
        beats = 0
        until = time.monotonic() + 1
        while time.monotonic() < until:
            await asyncio.sleep(0.02)
            beats += 1
        assert not given.done()
        holder.execute("COMMIT")
        holder.close()

        await given

        assert beats > 10
        assert await store.get(Incident, "INC-1") == incident(1)

    with_store(tmp_path, story)


def test_reading_goes_on_while_another_process_holds_the_file(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        await store.record(Changes(records=(incident(1),)))
        holder = sqlite3.connect(tmp_path / "nightbell.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(4):
            assert await store.get(Incident, "INC-1") == incident(1)
            assert set((await store.load(NOON)).records[Incident]) == {"INC-1"}
        holder.execute("ROLLBACK")
        holder.close()

    with_store(tmp_path, story)


def test_a_second_daemon_is_refused_at_once_and_told_by_whom(tmp_path: Path) -> None:
    with_store(tmp_path, lambda _: _refused(tmp_path))


async def _refused(directory: Path) -> None:
    code = (
        "import pathlib\n"
        "from monitor.store.store import Store\n"
        "from monitor.store.errors import StoreError\n"
        "try:\n"
        f"    Store.open('sqlite:///{directory}/other.db', pathlib.Path('{directory}'))\n"
        "except StoreError as err:\n"
        "    print(err.fault.value, err)\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    words = f"cannot use {directory}: another nightbell (process {os.getpid()}) is using it"
    assert done.stdout.strip() == f"taken {words}"
    assert not (directory / "other.db").exists()


def test_the_thread_sleeps_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    async def story(store: StoreThread) -> None:
        await store.check(NOON)
        before = time.process_time()
        await asyncio.sleep(0.15)
        assert time.process_time() - before < 0.1

    with_store(tmp_path, story)
