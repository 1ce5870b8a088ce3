"""An error at any landmark of the store is what a failing disk is: said, nothing half-written, and survived."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Notification, NotificationState
from alerting.state import Changes
from lab.records import NOON, entry, incident, notification
from monitor.landmark import EVENT, Landmark
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store
from monitor.store.thread import StoreThread

_broken: dict[str, OSError] = {}
_passed: list[tuple[str, str]] = []


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if event == EVENT:
        word, detail = map(str, arguments)
        _passed.append((word, detail))
        if word in _broken:
            raise _broken[word]


@pytest.fixture(autouse=True, scope="module")
def _listening() -> None:
    sys.addaudithook(
        _listen
    )  # there is no way to take it off again: it does nothing while `_broken` is empty


@pytest.fixture(autouse=True)
def _fresh() -> None:
    _passed.clear()


@contextmanager
def broken(landmark: Landmark, number: int = errno.EIO) -> Iterator[None]:
    _broken[landmark.value] = OSError(number, "the disk is on fire")
    try:
        yield
    finally:
        _broken.clear()


CHANGES = Changes(records=(incident(1), notification(1)), entries=(entry(1),))


@pytest.mark.parametrize(
    ("landmark", "stands"),
    [
        pytest.param(Landmark.RECORD_BEGIN, False, id="begin"),
        pytest.param(Landmark.RECORD_COMMIT, False, id="commit"),
        pytest.param(Landmark.RECORD_DONE, True, id="done"),
    ],
)
@pytest.mark.parametrize(
    ("number", "fault"),
    [(errno.EIO, Fault.IO), (errno.ENOSPC, Fault.FULL), (errno.EROFS, Fault.READ_ONLY)],
)
def test_an_error_while_recording_is_a_store_error_and_all_or_nothing_stands(
    landmark: Landmark, stands: bool, number: int, fault: Fault, tmp_path: Path
) -> None:
    async def story() -> None:
        store = StoreThread(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
        await store.open()
        try:
            with broken(landmark, number), pytest.raises(StoreError, match="the disk is on fire") as caught:
                await store.record(CHANGES)
            assert caught.value.fault is fault
            state = await store.load(NOON)
            lines = await store.timeline("INC-1")
            assert (len(state.records[Incident]), len(state.records[Notification]), len(lines)) == (
                (1, 1, 1) if stands else (0, 0, 0)
            )

            await store.record(CHANGES)

            assert list((await store.load(NOON)).records[Incident]) == ["INC-1"]
            assert len(await store.timeline("INC-1")) == 1
        finally:
            await store.close()

    asyncio.run(story())


def test_a_claim_that_fails_after_it_was_written_is_overdue_one_day(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    store.record(CHANGES)
    lease = timedelta(seconds=20)

    with broken(Landmark.CLAIM_DONE), pytest.raises(StoreError, match="cannot claim from"):
        store.claim("me", NOON, lease, 10)

    assert store.claim("me", NOON, lease, 10) == []
    [row] = store.overdue(NOON + lease + lease)
    assert (row.id, row.state, row.attempts) == ("N-1", NotificationState.SENDING, 1)
    store.close()


def test_landmarks_tell_what_is_being_written(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    store.record(CHANGES)
    store.claim("me", NOON, timedelta(seconds=20), 10)
    store.close()

    assert _passed == [
        ("migrate", "new"),
        ("record.begin", "Entry,Incident,Notification"),
        ("record.commit", "Entry,Incident,Notification"),
        ("record.done", "Entry,Incident,Notification"),
        ("claim.done", "1"),
    ]


def test_an_error_before_the_tables_are_made_leaves_a_file_that_opens(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nightbell.db"
    with broken(Landmark.MIGRATE), pytest.raises(StoreError, match=r"cannot migrate .*on fire"):
        Store.open(url, tmp_path)

    Store.open(url, tmp_path).close()
