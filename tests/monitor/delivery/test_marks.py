"""Marks: what is known of the sends of a process that died, and what is not known when the file is damaged."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from alerting.notification import Kind, Notification, NotificationState
from alerting.state import Changes, State
from lab.records import notification
from lab.wait import until
from monitor.delivery.marks import NAME, SIZE, SLOT, SLOTS, Found, Marks, name_of
from monitor.delivery.pen import Pen
from monitor.delivery.takeover import left_by

SENDING = NotificationState.SENDING


def sending(number: int, attempts: int = 1, **changed: Any) -> Notification:
    return notification(number, state=SENDING, attempts=attempts, **changed)


def begun(folder: Path) -> Marks:
    marks = Marks(folder)
    marks.begin()
    return marks


def found(folder: Path) -> Found:
    """Read what was left, as the next start does."""
    marks = Marks(folder)
    marks.close()
    return marks.found


def test_what_has_no_mark_has_certainly_not_left(tmp_path: Path) -> None:
    marks = begun(tmp_path)
    marks.mark("key-1", 1)
    assert found(tmp_path).whole
    assert found(tmp_path).may_have_left(sending(1))
    assert not found(tmp_path).may_have_left(sending(2))


@pytest.mark.parametrize(("marked", "attempt", "left"), [(1, 2, False), (2, 2, True), (3, 2, True)])
def test_a_mark_speaks_of_its_attempt_and_those_before(
    marked: int, attempt: int, left: bool, tmp_path: Path
) -> None:
    begun(tmp_path).mark("key-1", marked)
    assert found(tmp_path).may_have_left(sending(1, attempt)) is left


def test_a_cleared_mark_is_gone_and_its_place_is_used_again(tmp_path: Path) -> None:
    pen = Pen()
    marks = Marks(tmp_path, pen)
    marks.begin()
    for number in range(3 * SLOTS):
        marks.mark(f"key-{number}", 1)
        marks.clear(f"key-{number}")
    pen.do(lambda: None)  # nobody waits for a place to be emptied
    assert found(tmp_path) == Found(whole=True)


def test_a_mark_stays_while_another_attempt_of_the_same_message_needs_it(tmp_path: Path) -> None:
    pen = Pen()
    marks = Marks(tmp_path, pen)
    marks.begin()
    marks.mark("key-1", 1)
    marks.mark("key-1", 2)
    marks.clear("key-1")
    pen.do(lambda: None)
    assert found(tmp_path).may_have_left(sending(1, 2))
    marks.clear("key-1")
    marks.clear("key-1")
    pen.do(lambda: None)
    assert found(tmp_path).marks == {}


def test_what_was_found_stays_until_what_follows_from_it_is_recorded(tmp_path: Path) -> None:
    begun(tmp_path).mark("key-1", 1)
    second = Marks(tmp_path)
    second.mark("key-2", 1)
    assert set(found(tmp_path).marks) == {"key-1", "key-2"}
    second.begin()
    assert set(found(tmp_path).marks) == {"key-2"}
    assert found(tmp_path).whole


def test_of_two_marks_of_one_message_none_is_forgotten(tmp_path: Path) -> None:
    """A former process's, which is not forgotten yet, and one made since, in whichever place."""
    for first, second in (((3, True), (1, False)), ((1, False), (3, True))):
        begun(tmp_path).mark("key-1", first[0], remembered=first[1])
        Marks(tmp_path).mark("key-1", second[0], remembered=second[1])
        [mark] = found(tmp_path).marks.values()
        assert (mark.attempt, mark.remembered) == (3, True)


def test_a_disk_that_hangs_is_waited_for_once_and_gets_its_marks_when_it_answers(
    tmp_path: Path,
) -> None:
    pen, answers = Pen(patience=0.01), Event()
    marks = Marks(tmp_path, pen)
    marks.begin()
    pen.do(lambda: bool(answers.wait()) and None)
    for number in range(1, 1001):
        marks.mark(f"key-{number}", 1)
    assert marks.stuck
    assert found(tmp_path).marks == {}
    answers.set()
    until(lambda: not marks.stuck, within=10, why="what waited was not written")
    marks.clear("key-1000")
    marks.close()
    assert not marks.stuck
    assert len(found(tmp_path).marks) == 999
    assert found(tmp_path).whole


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda file: file.unlink(), id="gone"),
        pytest.param(lambda file: os.truncate(file, 0), id="empty"),
        pytest.param(lambda file: os.truncate(file, SIZE // 2), id="cut short"),
        pytest.param(lambda file: file.write_bytes(bytes(SIZE)), id="nothing but zeros"),
        pytest.param(lambda file: file.write_bytes(b"x" * SIZE), id="nonsense"),
        pytest.param(lambda file: flip(file, 20), id="another boot"),
        pytest.param(lambda file: flip(file, 0), id="a damaged head"),
        pytest.param(lambda file: flip(file, 5 * SLOT + 9), id="a damaged slot"),
    ],
)
def test_where_the_file_cannot_be_trusted_everything_is_unsure(harm: Any, tmp_path: Path) -> None:
    marks = begun(tmp_path)
    assert not found(tmp_path).may_have_left(sending(1))
    harm(tmp_path / NAME)
    assert found(tmp_path).may_have_left(sending(1))
    marks.close()


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_a_start_on_another_boot_is_trusted_again_once_it_has_begun(tmp_path: Path) -> None:
    begun(tmp_path)
    flip(tmp_path / NAME, 20)
    marks = Marks(tmp_path)
    assert not marks.found.whole
    assert not found(tmp_path).whole
    marks.begin()
    assert found(tmp_path).whole


def test_more_marks_than_there_is_room_for_leave_everything_unsure(tmp_path: Path) -> None:
    marks = begun(tmp_path)
    for number in range(SLOTS + 5):
        marks.mark(f"key-{number}", 1)
    assert found(tmp_path).may_have_left(sending(9999))
    assert found(tmp_path).may_have_left(notification(9999))


@pytest.mark.parametrize("trouble", ["a folder", "a link", "no place"])
def test_where_no_marks_can_be_made_sending_goes_on_and_is_unsure(
    trouble: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path if trouble != "no place" else tmp_path / "absent"
    if trouble == "a folder":
        (folder / NAME).mkdir()
    elif trouble == "a link":
        (folder / NAME).symlink_to(tmp_path / "elsewhere")
    marks = Marks(folder)
    marks.begin()
    marks.mark("key-1", 1)
    marks.clear("key-1")
    assert marks.found.may_have_left(sending(1))
    assert "cannot note which messages may have left" in caplog.text
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_given_up_is_taken_away_so_that_it_tells_nothing_wrong(tmp_path: Path) -> None:
    marks = begun(tmp_path)
    marks.give_up(OSError("EIO"))
    marks.mark("key-1", 1)
    assert not (tmp_path / NAME).exists()
    assert not marks.stuck
    assert found(tmp_path).may_have_left(sending(1))


def test_the_file_has_its_size_from_the_beginning_and_is_nobody_else_s(tmp_path: Path) -> None:
    marks = begun(tmp_path)
    told = (tmp_path / NAME).stat()
    assert (told.st_size, stat.S_IMODE(told.st_mode)) == (SIZE, 0o600)
    for number in range(100):
        marks.mark(f"key-{number}", 1)
    assert (tmp_path / NAME).stat().st_size == SIZE


def test_rows_of_one_bundle_are_unsure_together(tmp_path: Path) -> None:
    one, two = sending(1, bundle="B-1"), sending(2, attempts=4, bundle="B-1")
    begun(tmp_path).mark(name_of(one, bundled=True), 1)
    assert found(tmp_path).may_have_left(one)
    assert found(tmp_path).may_have_left(two)
    assert not found(tmp_path).may_have_left(sending(3, bundle="B-2"))
    assert not found(tmp_path).may_have_left(sending(4, bundle="B-1", to="han"))


def test_what_leaves_in_different_messages_of_one_bundle_is_told_apart(tmp_path: Path) -> None:
    news, repeat = sending(1, bundle="B-1"), sending(2, bundle="B-1", repeated=True)
    begun(tmp_path).mark(name_of(news, bundled=True), 1)
    assert not found(tmp_path).may_have_left(repeat)
    assert not found(tmp_path).may_have_left(sending(3, bundle="B-1", repeated=True, left_as="key-9"))
    assert found(tmp_path).may_have_left(news)


def test_long_names_are_told_apart(tmp_path: Path) -> None:
    begun(tmp_path).mark(name_of(sending(1, dedup_key="长" * 100)), 1)
    assert found(tmp_path).may_have_left(sending(1, dedup_key="长" * 100))
    assert not found(tmp_path).may_have_left(sending(1, dedup_key="长" * 101))


def test_a_page_sent_from_memory_may_have_arrived_though_the_store_has_it_waiting(tmp_path: Path) -> None:
    begun(tmp_path).mark("key-1", 3, remembered=True)
    left = found(tmp_path)
    assert left.may_have_left(notification(1, attempts=1))
    assert not left.may_have_left(notification(1, attempts=3)), "that attempt is booked"
    assert not left.may_have_left(notification(2))
    assert not left.may_have_left(notification(1, kind=Kind.REMINDER))


def test_pages_of_a_bundle_sent_from_memory_are_weighed_until_that_attempt_is_counted(tmp_path: Path) -> None:
    one, two = notification(1, bundle="B-1"), notification(2, attempts=2, bundle="B-1")
    begun(tmp_path).mark(name_of(one, bundled=True), 3, remembered=True)
    left = found(tmp_path)
    for row in (one, two):
        assert left.may_have_left(row)
        assert left.tried(row) == 3
        assert not left.may_have_left(notification(1, bundle="B-1", attempts=left.tried(row)))


def test_what_was_called_off_while_it_was_sent_is_weighed_like_what_is_sent(tmp_path: Path) -> None:
    begun(tmp_path).mark("key-1", 1)
    assert found(tmp_path).may_have_left(notification(1, attempts=1, state=NotificationState.CANCELLED))
    assert not found(tmp_path).may_have_left(notification(2, attempts=1, state=NotificationState.CANCELLED))


def test_what_is_taken_over_is_sorted_by_what_is_known_of_it(tmp_path: Path) -> None:
    marks = begun(tmp_path)
    marks.mark("key-1", 1)
    marks.mark("key-3", 2, remembered=True)
    state = State()
    state.apply(Changes(records=(sending(1), sending(2), notification(3), notification(4))))
    left = left_by([sending(1), sending(2), sending(5)], state, found(tmp_path))
    assert (left.notifications, left.unsent) == (("N-1", "N-3"), ("N-2", "N-5"))
    assert left.tried["N-3"] == 2
    assert "N-5" in state.records[Notification]
