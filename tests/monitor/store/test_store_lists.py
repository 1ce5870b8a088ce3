"""Lists: newest first, page by page, by filters that exist."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import Alert
from alerting.incidents.incident import Entry, Incident, IncidentState
from alerting.notification import Kind, Notification, NotificationState
from alerting.oncall.escalation import Escalation
from alerting.state import RECORDS, Changes, Proof
from alerting.tickets.ticket import Ticket
from lab.records import NOON, anything, entry, incident, notification
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Twenty-five incidents of two services, a page and a mail each, and a timeline."""
    directory = tmp_path_factory.mktemp("lists")
    opened = Store.open(f"sqlite:///{directory}/nightbell.db", directory)
    for number in range(1, 26):
        opened.record(
            Changes(
                records=(
                    incident(
                        number,
                        services=("shop", "pay") if number % 5 == 0 else ("shop",),
                        state=IncidentState.OPEN if number % 2 else IncidentState.CLOSED,
                    ),
                    notification(number * 2, incident=f"INC-{number}", services=("shop",)),
                    notification(
                        number * 2 + 1,
                        incident=f"INC-{number}",
                        kind=Kind.RECOVERY,
                        state=NotificationState.ACCEPTED,
                    ),
                ),
                entries=(entry(number * 2, f"INC-{number % 3}"), entry(number * 2 + 1, f"INC-{number % 3}")),
            )
        )
    yield opened
    opened.close()


def ids(records) -> list[str]:
    return [record.id for record in records]


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 1000])
def test_pages_follow_one_another_newest_first_without_gap_or_repeat(store: Store, limit: int) -> None:
    found: list[str] = []
    cursor = None
    while True:
        page = store.page(Incident, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found += ids(page.items)
        cursor = page.next
        if cursor is None:
            break

    assert found == [f"INC-{number}" for number in range(25, 0, -1)]


def test_a_page_goes_on_where_the_last_ended_though_new_ones_came(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    store.record(Changes(records=tuple(incident(number) for number in range(1, 7))))
    first = store.page(Incident, limit=3)

    store.record(Changes(records=(incident(7), incident(5, title="changed"))))
    second = store.page(Incident, limit=3, cursor=first.next)

    assert ids(first.items + second.items) == [f"INC-{number}" for number in range(6, 0, -1)]
    store.close()


@pytest.mark.parametrize(
    ("kind", "filters", "expected"),
    [
        pytest.param(Incident, {"state": "open", "service": "pay"}, ["INC-25", "INC-15", "INC-5"], id="both"),
        pytest.param(Incident, {"service": "Shop"}, [], id="case matters"),
        pytest.param(Incident, {"service": "sho%"}, [], id="no wildcards"),
        pytest.param(Notification, {"incident": "INC-3"}, ["N-7", "N-6"], id="incident"),
        pytest.param(Notification, {"incident": "INC-3", "kind": "recovery"}, ["N-7"], id="kind"),
        pytest.param(
            Notification, {"incident": "INC-3", "state": "pending", "service": "shop"}, ["N-6"], id="pending"
        ),
        pytest.param(Incident, {"state": "nonsense"}, [], id="no such state"),
    ],
)
def test_filters_are_equalities_and_all_of_them_hold(store: Store, kind, filters, expected) -> None:
    assert ids(store.page(kind, filters).items) == expected


def test_an_incident_is_listed_under_a_service_that_joined_later(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    store.record(Changes(records=(incident(1),)))

    store.record(Changes(records=(incident(1, services=("shop", "cart")),)))

    assert ids(store.page(Incident, {"service": "cart"}).items) == ["INC-1"]
    assert ids(store.page(Incident, {"service": "shop"}).items) == ["INC-1"]
    store.close()


@pytest.mark.parametrize(
    ("kind", "filters", "limit", "cursor"),
    [
        pytest.param(Incident, {"kind": "page"}, 10, None, id="a filter it has not"),
        pytest.param(Ticket, {"body": "x"}, 10, None, id="a column nobody may ask for"),
        pytest.param(Proof, {"state": "open"}, 10, None, id="no filters at all"),
        pytest.param(Incident, {}, 0, None, id="none"),
        pytest.param(Incident, {}, 1001, None, id="too many"),
        pytest.param(Incident, {}, 10, "", id="empty cursor"),
        pytest.param(Incident, {}, 10, "!!!", id="no base64"),
        pytest.param(Incident, {}, 10, base64.b64encode(b"[1]").decode(), id="too short"),
        pytest.param(Incident, {}, 10, base64.b64encode(b'["1", "INC-1"]').decode(), id="wrong type"),
        pytest.param(Incident, {}, 10, base64.b64encode(b"[1e999, 5]").decode(), id="infinite"),
        pytest.param(Incident, {}, 10, base64.b64encode(b"[" * 90000).decode(), id="deep"),
        pytest.param(Incident, {}, 10, base64.b64encode(b'[%d, "x"]' % 2**63).decode(), id="huge"),
        pytest.param(Alert, {}, 10, base64.b64encode(b'["2027-01-01", "x"]').decode(), id="naive time"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(store: Store, kind, filters, limit, cursor) -> None:
    with pytest.raises(ValueError, match=r"^cannot (list|filter|read)"):
        store.page(kind, filters, limit, cursor)


@settings(max_examples=200)
@given(cursor=st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_no_cursor_breaks_a_list(store: Store, cursor: str) -> None:
    with contextlib.suppress(ValueError):
        store.page(Incident, {}, 10, cursor)


@settings(max_examples=100)
@given(value=st.text(), name=st.sampled_from(["state", "kind", "incident", "service"]))
def test_no_filter_value_breaks_a_list(store: Store, name: str, value: str) -> None:
    assert store.page(Notification, {name: value + "'\0"}).items == ()


@pytest.mark.parametrize("kind", [*RECORDS, Entry], ids=lambda kind: kind.__name__)
def test_every_kind_of_record_can_be_listed_in_pages(tmp_path: Path, kind: type) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)

    @settings(max_examples=1)
    @given(record=anything(kind))
    def list_them(record) -> None:
        for number in range(7):
            one = replace(record, id=f"X-{number}")
            if kind is Notification:
                one = replace(one, dedup_key=str(number))
            store.record(Changes(entries=(one,)) if kind is Entry else Changes(records=(one,)))
        found: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            page = store.page(kind, limit=3, cursor=cursor)
            found += ids(page.items)
            cursor = page.next
        assert cursor is None
        assert sorted(found) == [f"X-{number}" for number in range(7)]

    list_them()
    store.close()


def test_alerts_are_listed_by_their_last_change(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)

    @settings(max_examples=1)
    @given(alert=anything(Alert))
    def list_them(alert: Alert) -> None:
        for number, minutes in enumerate([5, 9, 1, 9]):
            changed = NOON + timedelta(minutes=minutes)
            store.record(Changes(records=(replace(alert, id=f"a/{number}", changed_at=changed),)))
        first = store.page(Alert, limit=2)
        second = store.page(Alert, limit=2, cursor=first.next)
        assert ids(first.items + second.items) == ["a/3", "a/1", "a/0", "a/2"]

    list_them()
    store.close()


def test_a_timeline_reads_from_its_beginning(store: Store) -> None:
    assert ids(store.timeline("INC-2"))[:3] == ["E-4", "E-5", "E-10"]
    assert store.timeline("INC-77") == []
    assert ids(store.page(Entry, {"incident": "INC-2"}, limit=2).items) == ["E-47", "E-46"]


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get(Escalation, "INC-77") is None
    assert store.get(Incident, "'; DROP TABLE incidents; --") is None
    assert store.get(Incident, "INC-1") is not None


def test_a_key_that_is_no_text_is_refused_and_the_store_lives_on(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.get(Incident, "\ud800")

    assert caught.value.fault is Fault.REFUSED
    assert store.get(Incident, "INC-1") is not None
