"""The process dies at each boundary of a send: what people get, and what is said of it, is exactly what is promised."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Kind, Notification, NotificationState
from lab.core_daemon import DEAD, Scripted
from lab.wait import until
from monitor.store.store import Store


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    one = Scripted(tmp_path)
    yield one
    one.close()


def recorded(daemon: Scripted, kind: Kind) -> list[Notification]:
    """Return what is recorded, once the process has ended."""
    store = Store.open(f"sqlite:///{daemon.home}/state/nightbell.db", daemon.home / "state")
    try:
        assert [one.id for one in store.page(Incident).items] == ["INC-1"]
        return list(store.page(Notification, {"kind": kind.value}).items)
    finally:
        store.close()


def dies(daemon: Scripted, script: str) -> None:
    daemon.start(script)
    until(lambda: "ready" in daemon.text(), within=20, why=f"not ready: {daemon.text()}")
    daemon.down()
    assert daemon.ends() == DEAD, daemon.text()


def goes_on(daemon: Scripted, channel: str, count: int) -> None:
    """Start again; end in good order a while after the channel took so many: it must not take more."""
    daemon.start()
    until(lambda: daemon.text().count("nightbell:ready") == 2, within=15, why="ready again")
    until(lambda: len(daemon.took(channel)) >= count, within=15, why=f"it took {daemon.took(channel)}")
    time.sleep(0.19)
    daemon.terminate()
    assert daemon.ends() == 0, daemon.text()
    assert len(daemon.took(channel)) == count


@pytest.mark.parametrize(
    ("script", "receipts", "marked"),
    [
        pytest.param(
            "dies-before:sms", 1, [False], id="claimed, nothing sent: no repeat, and not called one"
        ),
        pytest.param("dies-after:sms", 2, [False, True], id="taken, not answered"),
        pytest.param("dies-answered:sms", 2, [False, True], id="answered, not recorded"),
        pytest.param("dies-later:sms", 1, [False], id="recorded"),
    ],
)
def test_a_page_survives_a_crash_with_one_marked_repeat_at_most(
    daemon: Scripted, script: str, receipts: int, marked: list[bool]
) -> None:
    dies(daemon, script)
    goes_on(daemon, "sms", receipts)
    pages = daemon.took("sms")
    assert ["may be a repeat" in one["text"] for one in pages] == marked
    assert len({one["key"] for one in pages}) == 1
    [page] = recorded(daemon, Kind.PAGE)
    assert page.state is NotificationState.ACCEPTED


@pytest.mark.parametrize(
    ("script", "receipts", "state"),
    [
        pytest.param(
            "dies-before:customers", 1, NotificationState.ACCEPTED, id="claimed, nothing sent: not held"
        ),
        pytest.param("dies-after:customers", 1, NotificationState.AMBIGUOUS, id="taken, not answered"),
        pytest.param("dies-answered:customers", 1, NotificationState.AMBIGUOUS, id="answered, not recorded"),
        pytest.param("dies-later:customers", 1, NotificationState.ACCEPTED, id="recorded"),
    ],
)
def test_customers_words_are_never_said_twice_whatever_dies(
    daemon: Scripted, script: str, receipts: int, state: NotificationState
) -> None:
    dies(daemon, script)
    goes_on(daemon, "customers", receipts)
    [words] = recorded(daemon, Kind.ANNOUNCEMENT)
    assert words.state is state
