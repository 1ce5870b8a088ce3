"""Claim, send, receipt: each notification is handed out once, and only its own attempt may say what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.severity import Severity
from alerting.state import Changes
from lab.records import NOON, notification, receipt
from monitor.store.store import Store

ACCEPTED, CANCELLED, FAILED = (
    NotificationState.ACCEPTED,
    NotificationState.CANCELLED,
    NotificationState.FAILED,
)
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


def test_a_claimed_notification_is_marked_before_it_is_handed_out(store: Store) -> None:
    put(store, notification(1))

    claimed = store.claim("me", NOON, LEASE, 10)

    assert claimed == [notification(1, state=SENDING, attempts=1)]
    assert row(store) == claimed[0]
    assert store.interrupted() == claimed
    assert store.claim("me", NOON, LEASE, 10) == []


def test_what_is_not_due_waits(store: Store) -> None:
    soon = NOON + timedelta(seconds=1)
    put(store, notification(1, not_before=soon))

    assert store.claim("me", NOON, LEASE, 10) == []
    assert store.next_due(NOON) == soon
    assert [one.id for one in store.claim("me", soon, LEASE, 10)] == ["N-1"]
    assert store.next_due(soon) is None


def test_what_was_due_long_ago_is_due_now(store: Store) -> None:
    put(store, notification(1, not_before=NOON - timedelta(days=3)))

    assert store.next_due(NOON) == NOON


def test_pages_leave_first_and_the_worse_before_the_milder(store: Store) -> None:
    mild, bad = Severity.WARNING, Severity.CRITICAL
    put(
        store,
        notification(1, kind=Kind.FOLLOWUP),
        notification(2, kind=Kind.ANNOUNCEMENT),
        notification(3, kind=Kind.TICKET, severity=mild),
        notification(4, kind=Kind.TICKET, severity=bad),
        notification(5, kind=Kind.REMINDER),
        notification(6, kind=Kind.RECOVERY),
        notification(7, severity=Severity.INFO),
        notification(8, severity=mild),
        notification(9, severity=bad),
        notification(10, severity=bad, not_before=NOON - timedelta(seconds=1)),
        notification(11, kind=Kind.HANDOVER),
    )

    first = [one.id for one in store.claim("me", NOON, LEASE, 3)]
    rest = [one.id for one in store.claim("me", NOON, LEASE, 100)]

    assert first + rest == [f"N-{n}" for n in (10, 9, 8, 7, 6, 5, 4, 3, 2, 11, 1)]


def test_channels_that_are_full_are_left_alone(store: Store) -> None:
    put(store, notification(1, channel="sms"), notification(2, channel="mail", not_before=NOON))
    full = frozenset({"sms", "desk"})

    assert [one.id for one in store.claim("me", NOON, LEASE, 10, full)] == ["N-2"]
    assert store.next_due(NOON, full) is None
    assert store.next_due(NOON) == NOON


@pytest.mark.parametrize("state", [ACCEPTED, FAILED, NotificationState.AMBIGUOUS, NotificationState.EXPIRED])
def test_a_receipt_settles_the_attempt_it_is_for(store: Store, state: NotificationState) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    given_receipt = receipt(1, 1, state, reason=Reason.SERVER, detail="503 busy", provider_id="SM7")

    store.record(Changes(receipts=(given_receipt,)))

    assert row(store) == notification(1, state=state, attempts=1, reason=Reason.SERVER, detail="503 busy")
    assert store.receipts("N-1") == [given_receipt]
    assert store.interrupted() == []


def test_a_failed_attempt_is_tried_again_not_before_it_says(store: Store) -> None:
    put(store, notification(1))
    again = NOON + timedelta(seconds=30)
    store.claim("me", NOON, LEASE, 10)

    store.record(
        Changes(
            receipts=(receipt(1, 1, PENDING, reason=Reason.TIMEOUT, retry_at=again),),
            records=(notification(1, attempts=1, reason=Reason.TIMEOUT),),
        )
    )

    assert row(store).not_before == again
    assert store.claim("me", NOON, LEASE, 10) == []
    assert store.claim("me", again, LEASE, 10)[0].attempts == 2


def late(store: Store) -> list[bool]:
    with store._database.read("read") as connection:
        return [bool(one) for (one,) in connection.exec_driver_sql("SELECT late FROM receipts ORDER BY id")]


def test_a_receipt_of_an_earlier_attempt_is_kept_but_changes_nothing(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    store.record(Changes(receipts=(receipt(1, 1, PENDING, retry_at=NOON),)))
    second = store.claim("me", NOON, LEASE, 10)

    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))

    assert row(store) == second[0]
    assert [one.state for one in store.receipts("N-1")] == [PENDING, ACCEPTED]
    assert late(store) == [False, True]


def test_of_two_receipts_for_one_attempt_the_first_counts(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)

    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED), receipt(1, 1, FAILED))))

    assert row(store).state is ACCEPTED
    assert late(store) == [False, True]


def test_the_same_receipt_twice_is_one(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    once = Changes(receipts=(receipt(1, 1, ACCEPTED),))

    store.record(once)
    store.record(once)

    assert len(store.receipts("N-1")) == 1
    assert late(store) == [False]


def test_a_receipt_for_a_stranger_is_kept(store: Store) -> None:
    store.record(Changes(receipts=(receipt(77, 1, ACCEPTED),)))

    assert len(store.receipts("N-77")) == 1
    assert late(store) == [True]


def test_a_decision_ends_what_still_waits(store: Store) -> None:
    put(store, notification(1))

    put(store, notification(1, state=CANCELLED, reason=Reason.ACKNOWLEDGED, detail="li is on it"))

    assert store.claim("me", NOON, LEASE, 10) == []
    assert (row(store).state, row(store).reason) == (CANCELLED, Reason.ACKNOWLEDGED)
    assert row(store).detail == "li is on it"


def test_a_decision_leaves_what_is_being_sent_to_its_receipt(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)

    put(store, notification(1, state=FAILED, moved_on=True))

    assert row(store).state is SENDING
    assert row(store).moved_on
    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))
    assert row(store).state is ACCEPTED


def test_a_decision_does_not_bring_back_what_is_settled(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))

    put(store, notification(1), notification(1, state=FAILED))

    assert row(store).state is ACCEPTED
    assert row(store).attempts == 1


def test_a_decision_may_put_a_send_off_and_hurry_what_was_never_tried(store: Store) -> None:
    put(store, notification(1))
    later = NOON + timedelta(minutes=5)

    put(store, notification(1, not_before=later))
    assert store.next_due(NOON) == later

    put(store, notification(1, not_before=NOON))
    assert store.next_due(NOON) == NOON


def test_a_decision_does_not_hurry_past_what_the_provider_asked_for(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)
    later = NOON + timedelta(minutes=5)
    store.record(Changes(receipts=(receipt(1, 1, PENDING, retry_at=later),)))

    put(store, notification(1, not_before=NOON))

    assert store.next_due(NOON) == later


def test_a_retry_of_what_was_cancelled_meanwhile_stays_cancelled(store: Store) -> None:
    put(store, notification(1))
    store.claim("me", NOON, LEASE, 10)

    store.record(
        Changes(
            receipts=(receipt(1, 1, PENDING, retry_at=NOON),),
            records=(notification(1, state=CANCELLED, reason=Reason.OVER),),
        )
    )

    assert row(store).state is CANCELLED


def test_a_second_notification_with_the_same_key_is_left_out_and_counted(store: Store) -> None:
    put(store, notification(1))

    put(store, notification(2, dedup_key="key-1"), notification(3))

    assert store.get(Notification, "N-2") is None
    assert [one.id for one in store.page(Notification).items] == ["N-3", "N-1"]
    assert store.duplicates == 1


def test_what_was_given_back_waits_as_if_never_claimed(store: Store) -> None:
    put(store, notification(1), notification(2))
    claimed = store.claim("me", NOON, LEASE, 10)

    store.release(claimed[:1])

    assert row(store, 1) == notification(1)
    assert row(store, 2).state is SENDING
    assert store.claim("me", NOON, LEASE, 10) == claimed[:1]


def test_giving_back_an_attempt_that_is_over_changes_nothing(store: Store) -> None:
    put(store, notification(1))
    claimed = store.claim("me", NOON, LEASE, 10)
    store.record(Changes(receipts=(receipt(1, 1, ACCEPTED),)))

    store.release(claimed)

    assert row(store).state is ACCEPTED


def test_what_a_dead_process_was_sending_comes_back_by_a_receipt_for_its_attempt(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nightbell.db"
    former = Store.open(url, tmp_path)
    put(former, notification(1))
    former.claim("former", NOON, LEASE, 10)
    former.close()

    store = Store.open(url, tmp_path)
    (left,) = store.interrupted()
    store.record(
        Changes(receipts=(receipt(1, left.attempts, PENDING, reason=Reason.INTERRUPTED, retry_at=NOON),))
    )

    assert [one.attempts for one in store.claim("me", NOON, LEASE, 10)] == [2]
    store.close()


def test_the_depth_of_the_outbox_is_told_by_state(store: Store) -> None:
    put(
        store,
        notification(1, created_at=NOON - timedelta(minutes=2), not_before=NOON + timedelta(days=1)),
        notification(2),
        notification(3, state=FAILED),
    )
    store.claim("me", NOON, LEASE, 10)

    stats = store.outbox_stats()

    assert stats.counts == {state.value: 0 for state in NotificationState} | {
        "pending": 1,
        "sending": 1,
        "failed": 1,
    }
    assert stats.oldest_pending == NOON - timedelta(minutes=2)


def test_two_processes_never_claim_the_same_notification(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nightbell.db"
    stores = [Store.open(url, tmp_path / str(number)) for number in range(2)]
    put(stores[0], *(notification(number) for number in range(1, 401)))
    claimed: list[list[str]] = [[], []]
    errors: list[BaseException] = []

    def claim_all(number: int) -> None:
        try:
            while rows := stores[number].claim(str(number), NOON, LEASE, 7):
                claimed[number] += [f"{one.id} {one.attempts}" for one in rows]
        except BaseException as err:
            errors.append(err)

    threads = [threading.Thread(target=claim_all, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in stores:
        store.close()

    assert not errors
    assert sorted(claimed[0] + claimed[1]) == sorted(f"N-{number} 1" for number in range(1, 401))


@settings(max_examples=25)
@given(data=st.data())
def test_no_order_of_claims_receipts_decisions_and_restarts_loses_or_repeats_a_notification(
    tmp_path_factory: pytest.TempPathFactory, data
) -> None:
    directory = tmp_path_factory.mktemp("outbox")
    url = f"sqlite:///{directory}/nightbell.db"
    store = Store.open(url, directory)
    rows = [notification(number) for number in range(1, 6)]
    put(store, *rows)
    out: dict[str, int] = {}
    accepted: set[str] = set()
    attempts: dict[str, int] = {one.id: 0 for one in rows}

    for step in data.draw(
        st.lists(st.sampled_from(["claim", "accept", "retry", "decide", "restart"]), max_size=25)
    ):
        if step == "claim":
            for one in store.claim("me", NOON, LEASE, data.draw(st.integers(1, 5))):
                assert one.id not in out
                assert one.id not in accepted
                attempts[one.id] += 1
                assert one.attempts == attempts[one.id]
                out[one.id] = one.attempts
        elif step == "restart":
            store.close()
            store = Store.open(url, directory)
            assert {one.id: one.attempts for one in store.interrupted()} == out
        elif step == "decide":
            put(store, *(replace(one, moved_on=True) for one in rows))
        elif out:
            key = data.draw(st.sampled_from(sorted(out)))
            state = ACCEPTED if step == "accept" else PENDING
            given_receipt = receipt(int(key[2:]), out.pop(key), state, retry_at=NOON)
            store.record(Changes(receipts=(given_receipt,)))
            if state is ACCEPTED:
                accepted.add(key)
    for one in store.claim("me", NOON, LEASE, 10):
        assert one.id not in out
        out[one.id] = one.attempts
    store.close()

    assert accepted | set(out) == {one.id for one in rows}
    assert not accepted & set(out)
