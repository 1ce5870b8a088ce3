"""Bundles are claimed whole, sends that are lost sight of are overdue, and heartbeats do not pile up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.notification import Kind, Notification, NotificationState
from alerting.state import Changes
from lab.records import NOON, notification, receipt
from monitor.store.store import Store

ACCEPTED, PENDING = NotificationState.ACCEPTED, NotificationState.PENDING
LEASE = timedelta(seconds=20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    yield opened
    opened.close()


def put(store: Store, *rows: Notification) -> None:
    store.record(Changes(records=rows))


def test_what_leaves_in_one_message_is_claimed_whole_beyond_the_limit(store: Store) -> None:
    put(
        store,
        *(notification(n, bundle="li", not_before=NOON - timedelta(seconds=n)) for n in range(1, 8)),
        notification(8, bundle="li", channel="mail"),
        notification(9, bundle="li", not_before=NOON + timedelta(seconds=1)),
        notification(10, bundle="han"),
        notification(11),
    )

    first = store.claim("me", NOON, LEASE, 1)
    rest = store.claim("me", NOON, LEASE, 2)

    assert [one.id for one in first] == [f"N-{n}" for n in range(7, 0, -1)]
    assert {one.attempts for one in first} == {1}
    assert [one.id for one in rest] == ["N-8", "N-10"]
    assert [one.id for one in store.claim("me", NOON, LEASE, 10)] == ["N-11"]


def test_of_a_bundle_what_is_being_sent_or_through_is_not_claimed_again(store: Store) -> None:
    put(store, notification(1, bundle="li"), notification(2, bundle="li"))
    store.claim("me", NOON, LEASE, 10)
    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))
    put(store, notification(3, bundle="li"))

    assert [one.id for one in store.claim("me", NOON, LEASE, 10)] == ["N-3"]


def test_a_bundle_of_a_channel_that_is_full_waits_whole(store: Store) -> None:
    put(store, notification(1, bundle="li"), notification(2, bundle="li"))

    assert store.claim("me", NOON, LEASE, 1, frozenset({"sms"})) == []
    assert len(store.claim("me", NOON, LEASE, 1)) == 2


def test_what_is_sent_for_longer_than_its_lease_is_overdue(store: Store) -> None:
    put(store, notification(1), notification(2), notification(3))
    store.claim("me", NOON, LEASE, 1)
    store.claim("me", NOON + LEASE, LEASE, 1)

    assert store.overdue(NOON + LEASE) == []
    assert [one.id for one in store.overdue(NOON + LEASE + timedelta(seconds=1))] == ["N-1"]
    assert len(store.overdue(NOON + 3 * LEASE)) == 2


def beat(second: int, **changed: Any) -> Notification:
    at = NOON + timedelta(seconds=second)
    plain = {
        "id": f"H-{second}",
        "kind": Kind.HEARTBEAT,
        "channel": "heartbeat",
        "incident": None,
        "to": None,
    }
    return notification(second, **plain | {"created_at": at, "not_before": at} | changed)


def test_old_heartbeats_go_as_new_ones_come_and_nothing_else_does(store: Store) -> None:
    put(store, notification(1, created_at=NOON - timedelta(days=1)))
    for second in range(0, 3600, 10):
        put(store, beat(second))
        for claimed in store.claim("me", NOON + timedelta(seconds=second), LEASE, 10):
            said = replace(receipt(1, claimed.attempts, ACCEPTED), notification=claimed.id)
            store.record(Changes(receipts=(said,)))
    put(store, beat(3600), beat(5, state=PENDING))

    kept = store.page(Notification, {"kind": "heartbeat"}, 1000).items

    assert {one.id for one in kept} == {f"H-{n}" for n in range(3000, 3601, 10)} | {"H-5"}
    assert store.receipts("H-2990") == []
    assert len(store.receipts("H-3000")) == 1
    page = store.get(Notification, "N-1")
    assert page is not None
    assert page.state is ACCEPTED
    assert len(store.receipts("N-1")) == 1
