"""Delivery cut short, or broken, at every place where it waits: no row is left behind, and none is sent twice."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alerting.inputs import Resolve
from alerting.notification import Kind, NotificationState, Reason
from alerting.notifiers.api import Accepted, Message, Progress
from lab.core_outbox import ACCEPTED, AMBIGUOUS, PENDING, due, queue
from lab.core_virtual import virtually
from lab.core_world import Core, core, passes, until, within
from monitor.landmark import EVENT

SENDING = NotificationState.SENDING


TURNS = 40
"""More turns of the loop than a send with an answer in no time takes."""


def test_cancelled_at_any_turn_a_row_is_booked_or_taken_up_by_the_next_start(tmp_path: Path) -> None:
    """One row for each turn of the loop at which its delivery is cut off."""
    taken: list[str] = []
    states: Counter[NotificationState] = Counter()

    async def answers(message: Message, progress: Progress) -> Accepted:
        for _ in range(3):
            await asyncio.sleep(0)
        progress.sent = True
        for _ in range(3):
            await asyncio.sleep(0)
        taken.append(message.id)
        for _ in range(3):
            await asyncio.sleep(0)
        return Accepted(provider_id=f"p-{message.id}")

    async def first(here: Core) -> None:
        here.providers["sms"].answer = answers
        for turns in range(TURNS):
            await queue(here, due(turns))
            [row] = await here.store.claim("me", here.clock.now(), here.delivery._lease(), 1)
            here.delivery._begin([row])
            [task] = here.delivery._sending
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            await asyncio.sleep(1)
            states[(await here.row(row.id)).state] += 1

    async def story() -> None:
        async with core(tmp_path, sending=False) as here:
            await first(here)
        assert states.keys() == {SENDING, ACCEPTED}, "some were cut off in time, others were not"
        assert min(states.values()) > 3
        async with core(tmp_path) as here:
            for number in range(TURNS):
                await here.becomes(f"N-{number}", ACCEPTED, within=60)
            again = {one.id: "may be a repeat" in one.text for one in here.providers["sms"].took}
            assert len(again) == len(here.providers["sms"].took) == states[SENDING]
            assert set(again) | set(taken) == {f"N-{number}" for number in range(TURNS)}, "none is lost"
            assert all(again[one] for one in taken if one in again), "none comes twice unsaid"
            assert not all(again.values()), "what had not left is no repeat"

    virtually(story)


@pytest.mark.parametrize("sent", [False, True])
def test_a_notifier_that_cancels_itself_has_failed_like_any_other(sent: bool, tmp_path: Path) -> None:
    """A library's own task was cancelled: nobody cancelled us."""

    async def story(here: Core) -> None:
        broken = [True]

        async def answer(_message: Message, progress: Progress) -> Accepted:
            progress.sent = sent
            if broken:
                broken.clear()
                raise asyncio.CancelledError
            return Accepted()

        here.providers["sms"].answer = answer
        await queue(here, due(1))
        row = await here.becomes("N-1", ACCEPTED, within=30)
        first = here.receipts[0]
        assert (first.state, first.reason) == (AMBIGUOUS if sent else PENDING, Reason.INTERNAL)
        assert row.attempts == 2

    within(tmp_path, story)


def test_a_send_that_will_not_be_cut_off_at_its_deadline_is_left_behind(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        async def stubborn(message: Message, progress: Progress) -> Accepted:
            for _ in range(20):
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    continue
            return Accepted()

        here.providers["sms"].answer = stubborn
        await queue(here, due(1))
        await until(lambda: here.receipts, within=20)
        assert (here.receipts[0].state, here.receipts[0].reason) == (AMBIGUOUS, Reason.TIMEOUT)
        assert "cannot be cut off" in here.receipts[0].detail
        here.providers["sms"].answer = None
        await queue(here, due(2), due(3))
        await here.becomes("N-2", ACCEPTED, within=30)
        await here.becomes("N-3", ACCEPTED, within=30)

    within(tmp_path, story, parallel=1)


@pytest.fixture
def landmarks() -> Any:
    """Let a test hear the landmarks of delivery, and raise there. A hook cannot be taken out: it falls silent."""
    heard: dict[str, Any] = {"on": True, "raise": {}, "passed": []}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != EVENT or not heard["on"]:
            return
        word, detail = arguments
        if word.startswith("send."):
            heard["passed"].append((word, detail))
        word = word if word in heard["raise"] else f"{word}@{detail}"
        left = heard["raise"].get(word, 0)
        if left:
            heard["raise"][word] = left - 1
            raise OSError(5, "Input/output error")

    sys.addaudithook(hook)
    yield heard
    heard["on"] = False


def test_the_landmarks_of_a_send_are_passed_in_order(landmarks: Any, tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1))
        await here.becomes("N-1", ACCEPTED)
        assert landmarks["passed"] == [
            ("send.begin", "reminder"),
            ("send.marked", "reminder"),
            ("send.done", "reminder"),
        ]

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("word", "attempts"),
    [
        pytest.param("send.begin", 3, id="nothing was sent: it waits and is tried again"),
        pytest.param("send.marked", 1, id="the mark fails: it is sent all the same"),
        pytest.param("send.done", 1, id="it was taken: what is known is booked"),
    ],
)
def test_an_error_at_a_landmark_loses_nothing_and_doubles_nothing(
    word: str, attempts: int, landmarks: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Core) -> None:
        landmarks["raise"][word] = 2
        await queue(here, due(1))
        row = await here.becomes("N-1", ACCEPTED, within=60)
        assert row.attempts == attempts
        assert not row.repeated
        await passes(here, 120)
        assert len(here.providers["sms"].took) == 1

    within(tmp_path, story)


def test_a_receipt_that_cannot_be_decided_once_is_decided_and_its_reader_hears_of_the_end(
    landmarks: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Core) -> None:
        landmarks["raise"]["decided@Received"] = 1
        number = await here.outage()
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, ACCEPTED)
        await here.submit(Resolve(incident=number, by="li"))
        await until(lambda: here.told(Kind.RECOVERY), within=60)

    within(tmp_path, story)
    assert "it is tried once more" in caplog.text


def test_where_marks_fail_what_is_under_way_at_the_end_is_unsure(
    landmarks: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with core(tmp_path) as here:
            landmarks["raise"]["send.marked"] = 1
            await here.outage()
            [page] = here.told(Kind.PAGE)
            await here.becomes(page.id, ACCEPTED)
            here.providers["sms"].answer = answers_never
            await queue(here, due(100))
            await until(lambda: here.providers["sms"].under_way)
        async with core(tmp_path) as here:
            await until(lambda: here.providers["sms"].took, within=30)
            assert "may be a repeat" in here.providers["sms"].took[0].text

    virtually(story)
    assert "all will count as unsure" in caplog.text


async def answers_never(_message: Message, _progress: Progress) -> Accepted:
    await asyncio.Event().wait()
    return Accepted()


def test_a_receipt_whose_claim_was_lost_is_kept_as_late(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1))
        [row] = await here.store.claim("me", here.clock.now(), here.delivery._lease(), 1)
        await here.store.release([row])
        here.delivery._begin([row])
        await until(lambda: here.receipts)
        await asyncio.sleep(1)
        [kept] = await here.store.receipts("N-1")
        assert (kept.state, kept.attempt) == (ACCEPTED, 1)
        assert (await here.row("N-1")).state is ACCEPTED, "the provider has it: it is not sent again"
        sending = asyncio.create_task(here.delivery.run())
        await passes(here, 30)
        assert len(here.providers["sms"].took) == 1
        sending.cancel()

    within(tmp_path, story, sending=False)
