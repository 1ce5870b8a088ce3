"""What leaves at once is recorded as claimed: no second transaction, and nothing else is promised by that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from alerting.notification import Kind, NotificationState
from lab.core_outbox import ACCEPTED, PENDING, due, hang_unread, queue
from lab.core_virtual import virtually
from lab.core_world import SHOP, Core, core, until, within
from monitor.recorder import STORE_ANSWERS
from probes.sample import Outcome

ALONE = SHOP.replace("announce: auto", "announce: approve")


def fail(here: Core, *checks: str) -> None:
    for check in checks:
        here.sees(check)
        here.sees(check, Outcome.DOWN)


def test_a_page_is_claimed_with_being_recorded_and_is_on_the_disk_as_sending(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        sms.answer = hang_unread
        await asyncio.sleep(1)
        here.store.calls.clear()
        fail(here, "home")
        await until(lambda: sms.asked)
        assert here.store.calls == ["record_taking"]
        [page] = here.told(Kind.PAGE)
        row = await here.row(page.id)
        assert (row.state, row.attempts) == (NotificationState.SENDING, 1)
        assert [one.id for one in await here.store.held(here.delivery.owner)] == [page.id]

    within(tmp_path, story, text=ALONE)


def test_nothing_is_sent_of_what_is_not_recorded_yet(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await asyncio.sleep(1)
        here.store.open.clear()
        fail(here, "home")
        await asyncio.sleep(STORE_ANSWERS / 2)
        assert not here.providers["sms"].asked
        here.store.open.set()
        await until(lambda: len(here.providers["sms"].took) == 1)

    within(tmp_path, story, text=ALONE)


def test_what_goes_beyond_the_room_of_its_channel_stays_unclaimed(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        sms.answer = hang_unread
        await asyncio.sleep(1)
        fail(here, "home", "cart")
        await until(lambda: sms.asked)
        await asyncio.sleep(1)
        states = {(await here.row(page.id)).state for page in here.told(Kind.PAGE)}
        assert states == {NotificationState.SENDING, PENDING}
        assert sms.most == 1

    within(tmp_path, story, text=f"{ALONE}paging: {{bundle: off}}\n", parallel=1, timeout=600.0)


def test_what_waits_already_is_not_overtaken(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        sms.answer = hang_unread
        await asyncio.sleep(1)
        await queue(here, due(1001), due(1002))
        await until(lambda: sms.asked)
        here.store.calls.clear()
        fail(here, "home")
        await asyncio.sleep(1)
        assert "record_taking" not in here.store.calls
        [page] = here.told(Kind.PAGE)
        assert (await here.row(page.id)).state is PENDING

    within(tmp_path, story, text=ALONE, parallel=1, timeout=600.0)


def test_what_was_claimed_although_the_answer_was_an_error_is_sent_once(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await asyncio.sleep(1)
        here.store.breaks_after = "record_taking"
        fail(here, "home")
        await until(lambda: here.told(Kind.PAGE))
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, ACCEPTED)
        await asyncio.sleep(60)
        assert len(here.providers["sms"].asked) == 1

    within(tmp_path, story, text=ALONE)


def test_what_left_from_memory_before_the_store_answered_is_not_sent_again(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        await asyncio.sleep(1)
        here.store.slow = ("record_taking", STORE_ANSWERS * 3)
        fail(here, "home")
        await until(lambda: sms.took, within=STORE_ANSWERS * 2)
        here.store.slow = ("", 0.0)
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, ACCEPTED)
        await asyncio.sleep(60)
        assert len(sms.took) == 1

    within(tmp_path, story, text=ALONE)


def test_what_was_called_off_in_the_same_transaction_does_not_leave(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await asyncio.sleep(1)
        here.store.calls.clear()
        fail(here, "home")
        here.sees("home")
        here.sees("home")
        await until(lambda: "record_taking" in here.store.calls or "record_all" in here.store.calls)
        await asyncio.sleep(60)
        [page] = here.told(Kind.PAGE)
        assert (await here.row(page.id)).state is NotificationState.CANCELLED
        assert not here.providers["sms"].asked

    within(tmp_path, story, text=ALONE)


def test_a_stop_gives_back_what_was_claimed_and_not_begun(tmp_path: Path) -> None:
    async def story() -> None:
        async with core(tmp_path, text=ALONE) as here:
            await asyncio.sleep(1)
            here.store.slow = ("record_taking", 1.0)
            fail(here, "home")
            await until(lambda: here.told(Kind.PAGE))
            await here.delivery.close(0)
            await asyncio.sleep(2)
            [page] = here.told(Kind.PAGE)
            row = await here.row(page.id)
            assert (row.state, row.attempts) == (PENDING, 0)
            assert row.not_before - here.clock.now() < timedelta(0)

    virtually(story)


def test_pages_whose_record_hangs_leave_from_memory_although_they_were_to_fill_their_channel(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        await asyncio.sleep(1)
        here.store.open.clear()
        fail(here, "home")
        await until(lambda: len(sms.took) == 1, within=4 * STORE_ANSWERS)
        here.store.open.set()
        await asyncio.sleep(30)
        assert len(sms.took) == 1
        [page] = here.told(Kind.PAGE)
        assert (await here.row(page.id)).state is NotificationState.ACCEPTED

    within(tmp_path, story, text=ALONE, parallel=1)
