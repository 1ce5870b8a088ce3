"""A store that cannot be opened or is damaged: work goes on, what is lost is said, no number comes twice."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Notification, NotificationState
from alerting.state import PREFIXES, Changes, State
from lab.records import NOON, entry, incident, receipt
from lab.store_files import FILLED, LEASE, MINUTES, filled, opens, told
from monitor.store.aside import first_numbers, keep_aside
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store
from monitor.store.thread import StoreThread
from monitor.store.tokens import digest


def asides(home: Path) -> list[str]:
    """Return the names of damaged files that were kept, without those of their logs."""
    names = (path.name for path in home.glob("*.corrupt-*"))
    return sorted(name for name in names if not name.endswith(("-wal", "-shm")))


def spoil(path: Path) -> None:
    """Damage the file so that it is found when it is opened."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)


def overwrite_table(path: Path, name: str) -> None:
    """Damage the first page of one table."""
    with sqlite3.connect(path) as base:
        [[root]] = base.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchall()
    base.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)


def spoil_all(home: Path) -> None:
    """Leave nothing of the file and its logs."""
    for file in home.glob("nightbell.db*"):
        if "corrupt" not in file.name:
            with file.open("r+b") as spoilt:
                spoilt.write(b"\xff" * file.stat().st_size)


def test_a_damaged_file_is_kept_and_numbers_begin_where_none_was_given(tmp_path: Path) -> None:
    path = filled(tmp_path)
    spoil(path)
    spoilt = path.read_bytes()

    async def story(store: StoreThread, state: State) -> None:
        assert store.problem is None
        assert not any(state.records.values())
        assert state.numbers["INC"] >= MINUTES
        assert set(state.numbers) == set(PREFIXES)
        await store.record(Changes(records=(incident(state.numbers["INC"] + 1),)))

    [loss] = told(tmp_path, story)

    [aside] = asides(tmp_path)
    assert (tmp_path / aside).read_bytes() == spoilt
    assert aside in loss
    assert "the store was damaged" in loss

    async def once_more(store: StoreThread, state: State) -> None:
        assert [int(key[4:]) > MINUTES for key in state.records[Incident]] == [True]
        assert state.numbers["INC"] > MINUTES
        assert state.numbers["T"] >= MINUTES

    assert told(tmp_path, once_more) == []


def test_losses_within_a_minute_never_give_a_number_twice(tmp_path: Path) -> None:
    path = filled(tmp_path)
    given: list[int] = []

    async def story(store: StoreThread, state: State) -> None:
        number = state.numbers["INC"] + 1
        await store.record(Changes(records=(incident(number),)))
        given.append(number)

    for _ in range(4):
        path.write_bytes(b"\xff" * 8192)
        assert len(told(tmp_path, story)) == 1

    assert len(asides(tmp_path)) == 4
    assert len(set(given)) == 4
    assert given == sorted(given)


def test_a_file_made_anew_after_a_crash_in_between_begins_at_those_numbers_too(tmp_path: Path) -> None:
    keep_aside(filled(tmp_path), NOON)

    async def story(store: StoreThread, state: State) -> None:
        assert state.numbers["INC"] >= MINUTES

    assert told(tmp_path, story) == []


def test_two_files_damaged_within_a_second_are_both_kept(tmp_path: Path) -> None:
    for text in ("one", "two"):
        for suffix in ("", "-wal"):
            (tmp_path / f"nightbell.db{suffix}").write_text(text + suffix)
        keep_aside(tmp_path / "nightbell.db", NOON)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "nightbell.db.corrupt-20270104T120000Z": "one",
        "nightbell.db.corrupt-20270104T120000Z-wal": "one-wal",
        "nightbell.db.corrupt-20270104T120000Z-2": "two",
        "nightbell.db.corrupt-20270104T120000Z-2-wal": "two-wal",
    }


def test_tokens_are_taken_over_from_a_damaged_file_where_they_can_be_read(tmp_path: Path) -> None:
    overwrite_table(filled(tmp_path), "incidents")

    async def story(store: StoreThread, state: State) -> None:
        assert await store.token_role(digest("secret")) == ("admin", "admin")
        assert await store.tokens_given()

    assert len(told(tmp_path, story)) == 1


DAMAGES = {
    "while it records": lambda store: store.record(Changes(records=(incident(7),))),
    "while it claims": lambda store: store.claim("me", NOON, LEASE, 10),
    "while it reads": lambda store: store.page(Notification),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_that_shows_while_it_runs_loses_nothing_that_is_open(name: str, tmp_path: Path) -> None:
    filled(tmp_path)

    async def story(store: StoreThread, state: State) -> None:
        await store.claim("me", NOON, LEASE, 1)
        spoil_all(tmp_path)

        with suppress(StoreError):  # else the thread has found it by itself, and it is mended already
            await DAMAGES[name](store)
        late = Changes(records=(incident(3),), entries=(entry(4, "INC-3"),))
        state.apply(late)
        await opens(store)

        await store.record(late)
        assert await store.token_role(digest("secret")) == ("admin", "admin")
        rows = {row.id: row for row in (await store.page(Notification)).items}
        assert {key: row.state for key, row in rows.items()} == {
            "N-1": NotificationState.SENDING,
            "N-2": NotificationState.PENDING,
        }
        await store.record(Changes(receipts=(receipt(1, 1, NotificationState.ACCEPTED),)))
        assert [row.id for row in await store.claim("me", NOON, LEASE, 10)] == ["N-2"]

    [loss] = told(tmp_path, story)

    assert "the store was damaged" in loss
    assert len(asides(tmp_path)) == 1
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    state = store.load(NOON)
    row = store.get(Notification, "N-1")
    store.close()
    assert set(state.records[Incident]) == {"INC-1", "INC-3"}
    assert state.numbers == {"INC": 3, "N": 2, "E": 4}, "numbers go on, for none was lost"
    assert row is not None
    assert row.state is NotificationState.ACCEPTED


def test_the_timeline_of_what_is_open_is_taken_over_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    filled(tmp_path)

    async def story(store: StoreThread, state: State) -> None:
        await store._ask(lambda open_store: open_store._database.close())  # so that nothing is in its cache
        overwrite_table(tmp_path / "nightbell.db", "outbox")
        with suppress(StoreError):
            await store.page(Notification)
        await opens(store)

        assert [line.id for line in await store.timeline("INC-1")] == ["E-1", "E-2"]
        assert await store.timeline("INC-2") == []

    assert len(told(tmp_path, story)) == 1


def test_a_store_damaged_again_and_again_does_not_fill_the_disk(tmp_path: Path) -> None:
    filled(tmp_path)

    async def story(store: StoreThread, state: State) -> None:
        spoil_all(tmp_path)
        with suppress(StoreError):  # where the thread has found it by itself, it may be mended already
            await store.page(Notification)
        await opens(store)
        spoil_all(tmp_path)
        with suppress(StoreError):
            await store.page(Notification)
        with pytest.raises(StoreError) as caught:
            await store.record(FILLED)
        assert caught.value.fault is Fault.CORRUPT

    told(tmp_path, story)

    assert len(asides(tmp_path)) == 1


def test_what_cannot_be_read_of_a_file_is_said_and_hides_nothing_else(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as base:
        base.execute("UPDATE outbox SET not_before = 'soon' WHERE id = 'N-2'")
        base.execute("UPDATE incidents SET body = replace(body, 'INC-1', 'INC-9') WHERE id = 'INC-1'")
    base.close()

    async def story(store: StoreThread, state: State) -> None:
        assert set(state.records[Notification]) == {"N-1"}
        assert [row.id for row in await store.claim("me", NOON, LEASE, 10)] == ["N-1"]

    [loss] = told(tmp_path, story)

    assert loss.startswith("cannot be read, and is left out: INC-1, N-2")


def test_a_byte_that_is_no_text_spoils_its_own_row_alone(tmp_path: Path) -> None:
    path = filled(tmp_path)
    content = path.read_bytes()
    place = content.index(b"HTTP 500")
    path.write_bytes(content[:place] + b"HTT\xd0" + content[place + 4 :])

    async def story(store: StoreThread, state: State) -> None:
        assert set(state.records[Notification]) == {"N-1", "N-2"}
        assert len(await store.claim("me", NOON, LEASE, 10)) == 2

    assert told(tmp_path, story) == []


def test_numbers_after_a_loss_are_beyond_any_that_were_given() -> None:
    numbers = first_numbers(datetime(2026, 11, 26, 9, 0, tzinfo=UTC))

    assert numbers["INC"] == numbers["T"] == 474_300
    assert numbers["N"] == 60 * numbers["INC"]
    assert set(numbers) == set(PREFIXES)
    assert set(first_numbers(datetime(1970, 1, 1, tzinfo=UTC)).values()) == {0}
    assert first_numbers(datetime(2026, 11, 26, 9, 0, tzinfo=UTC), 2)["INC"] == 476_300
