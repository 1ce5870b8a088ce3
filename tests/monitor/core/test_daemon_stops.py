"""How the process ends and reloads while things are under way: in time, in good order, nothing lost or doubled."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerting.notification import Notification, NotificationState
from lab.core_daemon import Scripted
from lab.wait import until
from monitor.store.store import Store


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    one = Scripted(tmp_path)
    yield one
    one.close()


def ready(daemon: Scripted, script: str) -> None:
    daemon.start(script)
    until(lambda: "ready" in daemon.text(), within=20, why=f"not ready: {daemon.text()}")


def states(daemon: Scripted) -> dict[str, NotificationState]:
    store = Store.open(f"sqlite:///{daemon.home}/state/nightbell.db", daemon.home / "state")
    try:
        return {one.channel: one.state for one in store.page(Notification).items}
    finally:
        store.close()


def test_a_send_under_way_is_finished_and_recorded_before_the_process_ends(daemon: Scripted) -> None:
    ready(daemon, "slow:sms")
    daemon.down()
    until(lambda: daemon.took("sms"), within=10, why="the page")
    daemon.terminate()
    assert daemon.ends(12) == 0, daemon.text()
    assert states(daemon)["sms"] is NotificationState.ACCEPTED


def test_a_send_that_hangs_delays_the_end_by_its_grace_and_is_taken_up_at_the_next_start(
    daemon: Scripted,
) -> None:
    ready(daemon, "hangs:sms")
    daemon.down()
    until(lambda: daemon.took("sms"), within=10, why="the page")
    began = time.monotonic()
    daemon.terminate()
    assert daemon.ends(20) == 0, daemon.text()
    assert time.monotonic() - began < 10
    assert states(daemon)["sms"] is NotificationState.SENDING

    daemon.start()
    until(lambda: len(daemon.took("sms")) == 2, within=15, why=f"the repeat: {daemon.text()}")
    first, second = daemon.took("sms")
    assert "may be a repeat" in second["text"]
    assert first["key"] == second["key"]


def test_asking_twice_to_stop_changes_nothing(daemon: Scripted) -> None:
    ready(daemon, "slow:sms")
    daemon.down()
    until(lambda: daemon.took("sms"), within=10, why="the page")
    daemon.terminate()
    time.sleep(0.15)
    daemon.terminate()
    assert daemon.ends(12) == 0, daemon.text()
    assert states(daemon)["sms"] is NotificationState.ACCEPTED


def test_a_thread_that_never_returns_holds_up_neither_the_checks_nor_the_end(daemon: Scripted) -> None:
    ready(daemon, "hung-thread")
    time.sleep(0.15)
    began = time.monotonic()
    daemon.terminate()
    assert daemon.ends(10) == 0, daemon.text()
    assert time.monotonic() - began < 8


def test_a_reload_while_a_message_is_being_sent_neither_cuts_nor_repeats_it(daemon: Scripted) -> None:
    ready(daemon, "slow:sms")
    daemon.down()
    until(lambda: daemon.took("sms"), within=10, why="the page")
    daemon.hup()
    until(lambda: "configuration reloaded" in daemon.text(), within=10, why=f"the reload: {daemon.text()}")
    daemon.terminate()
    assert daemon.ends(12) == 0, daemon.text()
    assert states(daemon)["sms"] is NotificationState.ACCEPTED
    assert len(daemon.took("sms")) == 1


def test_people_are_paged_while_another_process_keeps_the_file_locked(daemon: Scripted) -> None:
    ready(daemon, "well")
    until((daemon.home / "worked").exists, within=10, why="the first good runs")
    with closing(sqlite3.connect(daemon.home / "state" / "nightbell.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        daemon.down()
        until(lambda: daemon.took("sms"), within=15, why=f"the page: {daemon.text()}")
        other.execute("ROLLBACK")
    [page] = daemon.took("sms")
    assert "Not recorded" in page["text"]
    until(lambda: daemon.took("customers"), within=15, why=f"customers' words: {daemon.text()}")
    daemon.terminate()
    assert daemon.ends(12) == 0, daemon.text()
    assert set(states(daemon).values()) == {NotificationState.ACCEPTED}
    assert len(daemon.took("sms")) == 1
