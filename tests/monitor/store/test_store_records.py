"""What was recorded is there again, whole, and only once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import Alert, AlertState
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.incidents.incident import Entry, Incident, IncidentState
from alerting.incidents.maintenance import Maintenance, PlannedWork, Window, WindowState
from alerting.notification import Notification, NotificationState
from alerting.oncall.escalation import Escalation
from alerting.state import RECORDS, RECOVERIES_KEPT, Changes, Proof, Recovery, State, alive
from alerting.tickets.ticket import Ticket
from lab.records import NOON, anything, entry, incident, notification, silence
from monitor.store.documents import adapter
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store

numbers = count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the tests that only add to it."""
    directory = tmp_path_factory.mktemp("records")
    opened = Store.open(f"sqlite:///{directory}/nightbell.db", directory)
    yield opened
    opened.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", [*RECORDS, Entry], ids=lambda kind: kind.__name__)
def test_every_record_comes_back_as_it_was(store: Store, kind: type) -> None:
    @settings(max_examples=60, deadline=None)
    @given(record=anything(kind))
    def round_trip(record) -> None:
        number = next(numbers)
        record = replace(record, id=f"X-{number}")
        if kind is Notification:
            record = replace(record, dedup_key=f"X-{number}")
        changes = Changes(entries=(record,)) if kind is Entry else Changes(records=(record,))

        store.record(changes)

        assert store.get(kind, record.id) == record

    round_trip()


def test_not_a_number_stays_not_a_number(store: Store) -> None:
    recovery = Recovery(id="R-1", service="shop", at=NOON, seconds=math.nan)

    store.record(Changes(records=(recovery,)))

    found = store.get(Recovery, "R-1")
    assert found is not None
    assert math.isnan(found.seconds)


def test_a_document_without_a_newer_field_takes_its_default_and_keeps_quiet_about_one_unknown() -> None:
    body = adapter(Incident).dump_python(incident(1), mode="json")
    del body["opening"]
    del body["symptoms"]
    body["invented_later"] = {"by": "a neighbour"}

    assert adapter(Incident).validate_python(body) == incident(1)


def test_a_record_is_replaced_by_its_next_word(fresh: Store) -> None:
    fresh.record(Changes(records=(incident(1),)))
    later = incident(1, title="shop and cart are down", services=("shop", "cart"))

    fresh.record(Changes(records=(later,)))

    assert fresh.get(Incident, "INC-1") == later
    assert [item.id for item in fresh.page(Incident).items] == ["INC-1"]


def test_recording_the_same_changes_twice_changes_nothing(fresh: Store) -> None:
    changes = Changes(records=(incident(1), notification(1)), entries=(entry(1),))

    fresh.record(changes)
    fresh.record(changes)

    assert fresh.timeline("INC-1") == [entry(1)]
    assert fresh.page(Notification).items == (notification(1),)
    assert fresh.duplicates == 0


def test_what_is_going_on_is_loaded_and_what_is_over_is_not(fresh: Store) -> None:
    over = incident(2, state=IncidentState.CLOSED, closed_at=NOON)
    resolved = incident(3, state=IncidentState.RESOLVED, resolved_at=NOON)
    told = notification(1, incident="INC-3", state=NotificationState.ACCEPTED)
    gone = notification(2, incident="INC-2", state=NotificationState.ACCEPTED)
    waiting = notification(3, incident="INC-2")
    alone = notification(4, incident=None)
    fresh.record(
        Changes(
            records=(
                incident(1),
                over,
                resolved,
                told,
                gone,
                waiting,
                alone,
                silence(1, NOON + timedelta(seconds=1)),
                silence(2, NOON),
                Proof(id="home", at=NOON),
                Escalation(id="INC-1", steps=(), repeat=timedelta(minutes=15), base=NOON),
                Escalation(id="INC-2", steps=(), repeat=timedelta(minutes=15), base=NOON),
            )
        )
    )

    state = fresh.load(NOON)

    assert set(state.records[Incident]) == {"INC-1", "INC-3"}
    assert set(state.records[Notification]) == {"N-1", "N-3", "N-4"}
    assert set(state.records[Escalation]) == {"INC-1"}
    assert set(state.records[Proof]) == {"home"}
    assert [key for records in state.records.values() for key in records if key.startswith("S-")] == ["S-1"]


@settings(max_examples=40, deadline=None)
@given(records=st.lists(st.one_of(*map(anything, (Alert, Incident, Ticket, Announcement))), max_size=12))
def test_a_restart_finds_just_what_the_running_state_held(
    tmp_path_factory: pytest.TempPathFactory, records
) -> None:
    directory = tmp_path_factory.mktemp("restart")
    store = Store.open(f"sqlite:///{directory}/nightbell.db", directory)
    held = State()
    for number, record in enumerate(records):
        changes = Changes(records=(replace(record, id=f"INC-{number % 5}"),))
        store.record(changes)
        held.apply(changes)

    found = store.load(NOON)
    store.close()

    for kind in (Alert, Incident, Ticket, Announcement):
        assert found.records[kind] == held.records[kind]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param(Alert, AlertState, id="alert"),
        pytest.param(Incident, IncidentState, id="incident"),
        pytest.param(Announcement, AnnouncementState, id="announcement"),
    ],
)
def test_every_state_that_is_alive_is_loaded(fresh: Store, kind: type, words) -> None:
    template = anything(kind)

    @settings(max_examples=1, deadline=None)
    @given(record=template)
    def load_all(record) -> None:
        records = tuple(replace(record, id=f"X-{state.value}", state=state) for state in words)
        fresh.record(Changes(records=records))

        assert set(fresh.load(NOON).records[kind]) == {one.id for one in records if alive(one)}

    load_all()


def test_numbers_go_on_after_the_highest_ever_given(fresh: Store) -> None:
    fresh.record(
        Changes(
            records=(
                incident(7, state=IncidentState.CLOSED),
                notification(41, state=NotificationState.ACCEPTED, incident="INC-7"),
                silence(3, NOON - timedelta(days=1)),
                Proof(id="T-900", at=NOON),
            ),
            entries=(entry(9000, "INC-7"),),
        )
    )

    assert fresh.load(NOON).numbers == {"INC": 7, "N": 41, "S": 3, "E": 9000}


def test_the_last_recoveries_of_each_service_are_loaded_oldest_first(fresh: Store) -> None:
    many = [
        Recovery(id=f"R-{number}", service="shop", at=NOON + timedelta(hours=number), seconds=float(number))
        for number in range(1, RECOVERIES_KEPT + 11)
    ]
    other = Recovery(id="R-500", service="pay", at=NOON, seconds=1.0)
    fresh.record(Changes(records=(*many, other)))

    found = list(fresh.load(NOON).records[Recovery].values())

    assert [one for one in found if one.service == "shop"] == many[10:]
    assert other in found


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(incident(2, title="\ud800"), id="half a character"),
        pytest.param(incident(2, opened_at=NOON.replace(tzinfo=None)), id="a time without zone"),
        pytest.param("no record at all", id="no record"),
        pytest.param(notification(2, attempts=2**70), id="a number too big"),
        pytest.param(notification(2, channel="\udcff"), id="half a character in a column"),
    ],
)
def test_what_cannot_be_written_down_is_refused_and_nothing_beside_it_is_kept(fresh: Store, bad) -> None:
    with pytest.raises(StoreError, match=r"^cannot record ") as caught:
        fresh.record(Changes(records=(incident(1), bad), entries=(entry(1),)))

    assert caught.value.fault is Fault.REFUSED
    assert fresh.get(Incident, "INC-1") is None
    assert fresh.timeline("INC-1") == []


def test_one_bad_decision_among_many_does_not_take_the_others_with_it(fresh: Store) -> None:
    group = [Changes(records=(incident(number), notification(number))) for number in range(1, 60)]
    group[20] = Changes(records=(incident(21, title="\ud800"),))
    group[40] = Changes(records=(notification(41, attempts=2**70),))

    outcomes = fresh.record_all(group)

    assert [place for place, error in enumerate(outcomes) if error is not None] == [20, 40]
    assert len(fresh.page(Incident, limit=1000).items) == 57


def test_an_unreadable_document_does_not_hide_the_others(
    fresh: Store, caplog: pytest.LogCaptureFixture
) -> None:
    fresh.record(Changes(records=(incident(1), incident(2), notification(1), notification(2))))
    with fresh._database.write("spoil") as connection:
        connection.exec_driver_sql("UPDATE incidents SET body = '{\"id\": 7' WHERE id = 'INC-1'")
        connection.exec_driver_sql("UPDATE outbox SET body = '[]' WHERE id = 'N-1'")

    state = fresh.load(NOON)
    claimed = fresh.claim("me", NOON, timedelta(seconds=20), 10)

    assert set(state.records[Incident]) == {"INC-2"}
    assert [row.id for row in claimed] == ["N-2"]
    assert fresh.outbox_stats().counts["failed"] == 1
    assert "cannot read incident INC-1" in caplog.text


def test_planned_work_is_loaded_until_it_is_over(fresh: Store) -> None:
    work = PlannedWork(
        reason="disks", author="li", starts_at=NOON, length=timedelta(hours=1), checks=("home",)
    )
    going = Maintenance(
        id="M-1", work=work, created_at=NOON, next_at=None, closes_at=NOON + timedelta(hours=1)
    )
    over = replace(going, id="M-2", over=True)
    window = Window(
        id="W-1", maintenance="M-1", state=WindowState.ACTIVE, services=(), checks=("home",), reason="disks",
        starts_at=NOON, ends_at=NOON + timedelta(hours=1), began_at=NOON,
    )  # fmt: skip
    ended = replace(window, id="W-2", state=WindowState.ENDED, ended_at=NOON)
    fresh.record(Changes(records=(going, over, window, ended)))

    state = fresh.load(NOON)
    assert state.records[Maintenance] == {"M-1": going}
    assert state.records[Window] == {"W-1": window}
    assert (state.numbers["M"], state.numbers["W"]) == (2, 2)
    assert [one.id for one in fresh.page(Window, {"maintenance": "M-1"}).items] == ["W-2", "W-1"]
