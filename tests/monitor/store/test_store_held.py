"""What is marked as being sent: who holds it, and what was decided on it since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.notification import Notification, NotificationState, Reason
from alerting.state import Changes
from lab.records import NOON, notification, receipt
from monitor.store.store import Store

ACCEPTED, CANCELLED = NotificationState.ACCEPTED, NotificationState.CANCELLED
LEASE = timedelta(seconds=20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    yield opened
    opened.close()


def put(store: Store, *rows: Notification) -> None:
    store.record(Changes(records=rows))


def row(store: Store) -> Notification:
    found = store.get(Notification, "N-1")
    assert found is not None
    return found


def test_what_is_called_off_while_it_is_sent_is_known_to_be_and_ends_by_its_receipt(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)

    put(store, notification(1, state=CANCELLED, reason=Reason.REPLACED))

    late = NOON + 2 * LEASE
    for found in (*store.interrupted(), *store.overdue(late), *store.held("me"), row(store)):
        assert (found.state, found.reason, found.attempts) == (CANCELLED, Reason.REPLACED, 1)
    [loaded] = store.load(NOON).records[Notification].values()
    assert loaded.state is CANCELLED
    assert len(store.overdue(late)) == len(store.held("me")) == 1
    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))
    assert row(store).state is ACCEPTED


def test_what_one_owner_holds_is_told_apart_from_what_others_left(store: Store) -> None:
    put(store, notification(1))
    store.claim("former", NOON, LEASE, 10)
    put(store, notification(2), notification(3))
    store.claim("me", NOON, LEASE, 10)
    store.record(Changes(receipts=(receipt(3, 1, ACCEPTED),)))

    assert [one.id for one in store.interrupted()] == ["N-1", "N-2"]
    assert [one.id for one in store.interrupted(besides="me")] == ["N-1"]
    assert [one.id for one in store.held("me")] == ["N-2"]


def test_what_was_called_off_while_it_was_sent_ends_so_by_its_receipt(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    put(store, notification(1, state=CANCELLED, reason=Reason.REPLACED))

    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))

    assert row(store).state is ACCEPTED
    assert store.held("me") == []
