"""What is recorded as claimed: in the very transaction that records it, and only where it is new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.notification import Notification, NotificationState
from alerting.state import Changes
from lab.records import NOON, notification, receipt
from monitor.store.errors import Fault
from monitor.store.store import Store
from monitor.store.taking import Taking

PENDING, SENDING = NotificationState.PENDING, NotificationState.SENDING
LEASE = timedelta(seconds=20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    yield opened
    opened.close()


def put(store: Store, *rows: Notification) -> None:
    store.record(Changes(records=rows))


def row(store: Store, number: int = 1) -> Notification:
    found = store.get(Notification, f"N-{number}")
    assert found is not None
    return found


def taking(*numbers: int) -> Taking:
    return Taking(ids=frozenset(f"N-{number}" for number in numbers), owner="me", until=NOON + LEASE)


def test_what_is_taken_is_claimed_as_a_claim_would_have_it(store: Store) -> None:
    group = [Changes(records=(notification(1),)), Changes(records=(notification(2),))]

    assert store.record_taking(group, taking(1)) == ([None, None], frozenset({"N-1"}))

    assert store.held("me") == [notification(1, state=SENDING, attempts=1)]
    assert [one.id for one in store.claim("other", NOON, LEASE, 10)] == ["N-2"]
    assert [one.id for one in store.overdue(NOON + LEASE * 2)] == ["N-1", "N-2"]
    store.record(Changes(receipts=(receipt(1, 1, NotificationState.ACCEPTED),)))
    assert row(store).state is NotificationState.ACCEPTED


def test_what_is_no_longer_wanted_by_the_last_word_is_not_taken(store: Store) -> None:
    gone = notification(1, state=NotificationState.CANCELLED)
    group = [Changes(records=(notification(1),)), Changes(records=(gone,))]

    assert store.record_taking(group, taking(1)) == ([None, None], frozenset())

    assert row(store).state is NotificationState.CANCELLED


def test_what_is_known_already_is_not_taken(store: Store) -> None:
    put(store, notification(1), notification(2))
    [one] = store.claim("other", NOON, LEASE, 1)
    assert one.id == "N-1"

    again = Changes(
        records=(notification(1), notification(2), notification(3, dedup_key="key-2"), notification(4))
    )
    assert store.record_taking([again], taking(1, 2, 3, 4)) == ([None], frozenset({"N-4"}))

    assert [held.id for held in store.held("me")] == ["N-4"]
    assert [held.id for held in store.held("other")] == ["N-1"]
    assert row(store, 2).state is PENDING
    assert store.duplicates == 1


def test_recorded_again_after_an_answer_was_lost_it_is_still_held(store: Store) -> None:
    group = [Changes(records=(notification(1),))]
    store.record_taking(group, taking(1))

    assert store.record_taking(group, taking(1)) == ([None], frozenset({"N-1"}))
    assert row(store).attempts == 1


def test_beside_what_cannot_be_written_nothing_is_taken(store: Store) -> None:
    group = [
        Changes(records=(notification(1),)),
        Changes(records=(notification(2, id="N-2\0", channel=None),)),
    ]

    outcomes, taken = store.record_taking(group, taking(1))

    assert outcomes[0] is None
    assert outcomes[1] is not None
    assert outcomes[1].fault is Fault.REFUSED
    assert taken is None
    assert row(store).state is PENDING


def test_what_looks_new_and_is_not_is_told_from_what_is_new_beside_it(store: Store) -> None:
    put(store, notification(1), notification(2, not_before=NOON + timedelta(hours=2)))
    store.claim("me", NOON, LEASE, 10)

    put(
        store,
        notification(1, title="shop is still down"),
        notification(2, title="now"),
        notification(3, dedup_key="key-1"),
        notification(4),
    )

    assert (row(store).state, row(store).attempts) == (SENDING, 1)
    assert row(store).title == "shop is still down"
    assert row(store, 2).not_before == NOON
    assert store.get(Notification, "N-3") is None
    assert store.duplicates == 1
    assert [one.id for one in store.claim("me", NOON, LEASE, 10)] == ["N-2", "N-4"]
