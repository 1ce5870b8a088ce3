"""Dying again and again: what one life left is weighed once, and nothing of it is forgotten before that is recorded."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.notification import Kind, Reason
from alerting.notifiers.api import Accepted, Message, Progress
from lab.core_outbox import (
    ACCEPTED,
    AMBIGUOUS,
    CANCELLED,
    due,
    failing,
    hang_after_reading,
    hang_unread,
    providers,
    queue,
)
from lab.core_virtual import START, VirtualClock, virtually
from lab.core_world import SHOP, Core, core, passes, until, within
from monitor.store.errors import Fault

SMS_ONLY = SHOP.replace(", mail: li@shop.example", "").replace(
    "{after: 5m, page: {backup: ops}}, {repeat: 1h}", "{repeat: 1h}"
)


def at(seconds: float) -> VirtualClock:
    return VirtualClock(asyncio.get_running_loop(), START + timedelta(seconds=seconds))


def crashed(here: Path, number: int) -> Path:
    """Return a copy of what a life has left at this moment."""
    left = here.parent / f"life-{number}"
    shutil.copytree(here, left)
    return left


async def taken_by_customers(home: Path) -> Path:
    """Let customers' words and a page be taken, and die before that is known."""
    given = providers(customers=hang_after_reading, sms=hang_after_reading)
    async with core(home, providers=given) as here:
        await here.outage()
        await until(lambda: given["customers"].asked and given["sms"].asked)
        await asyncio.sleep(0.5)
        return crashed(home, 2)


@pytest.mark.parametrize("fails", ["full", "cannot be asked"])
def test_marks_stay_until_what_follows_from_them_is_on_the_disk(fails: str, tmp_path: Path) -> None:
    async def lives() -> None:
        second = await taken_by_customers(tmp_path / "life-1")

        def trouble(here: Core) -> None:
            if fails == "cannot be asked":
                here.store.fails(Fault.BUSY)
            else:
                here.store.fails(Fault.FULL)
                here.store.lets = frozenset({"interrupted"})

        async with core(second, providers=providers(sms=failing()), before=trouble, time=at(5)) as here:
            await passes(here, 10, ticking=False)
            third = crashed(second, 3)
        given = providers()
        async with core(third, providers=given, time=at(40)) as here:
            await passes(here, 30)
            assert given["customers"].took == [], "nobody knows whether they have read it"
            [words] = here.told(Kind.ANNOUNCEMENT)
            assert words.state is AMBIGUOUS
            pages = [one for one in given["sms"].took if one.kind is Kind.PAGE]
            assert pages
            assert all("may be a repeat" in one.text for one in pages)

    virtually(lives)


def test_when_the_store_works_again_what_was_left_is_recorded_and_the_marks_are_forgotten(
    tmp_path: Path,
) -> None:
    async def lives() -> None:
        second = await taken_by_customers(tmp_path / "life-1")

        def trouble(here: Core) -> None:
            here.store.fails(Fault.BUSY)

        given = providers()
        async with core(second, providers=given, before=trouble, time=at(5)) as here:
            await passes(here, 5, ticking=False)
            here.store.works()
            here.vitals.troubles.pop("store", None)
            await passes(here, 30)
            [words] = here.told(Kind.ANNOUNCEMENT)
            assert (await here.row(words.id)).state is AMBIGUOUS
            [page] = here.told(Kind.PAGE)
            assert (await here.row(page.id)).state is ACCEPTED
            third = crashed(second, 3)
        async with core(third, sending=False, time=at(60)) as here:
            found = here.delivery.marks.found
            assert words.id not in found.marks
            assert page.id not in found.marks or found.marks[page.id].attempt == 2, "its own"
            assert found.whole

    virtually(lives)


def test_a_page_sent_from_memory_is_weighed_once_however_often_the_start_dies(tmp_path: Path) -> None:
    async def lives() -> None:
        given = providers(sms=failing())
        async with core(tmp_path / "life-1", text=SMS_ONLY, providers=given) as here:
            await here.outage()
            await until(lambda: len(given["sms"].asked) == 1)
            here.store.fails(Fault.FULL)
            given["sms"].answer = hang_after_reading
            await until(lambda: len(given["sms"].asked) == 2)
            second = crashed(tmp_path / "life-1", 2)
        marks = (second / "state" / "sends").read_bytes()
        async with core(second, text=SMS_ONLY, sending=False, time=at(60)):
            third = crashed(second, 3)
        (third / "state" / "sends").write_bytes(marks)  # it died before it forgot them
        given = providers()
        async with core(third, text=SMS_ONLY, providers=given, time=at(120)) as here:
            await passes(here, 60)
            pages = [one for one in given["sms"].took if one.kind is Kind.PAGE]
            assert ["may be a repeat" in one.text for one in pages] == [True]

    virtually(lives)


def test_words_called_off_while_they_were_on_their_way_do_not_leave_after_the_all_clear(
    tmp_path: Path,
) -> None:
    quick = SHOP.replace("hold_recovery: 1m", "hold_recovery: 10s")

    async def lives() -> None:
        async def first_hangs(message: Message, progress: Progress) -> Accepted:
            return await (hang_unread if "outage" in message.title else taken)(message, progress)

        async def taken(_message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            return Accepted()

        given = providers(customers=first_hangs)
        async with core(tmp_path / "life-1", text=quick, providers=given, timeout=60) as here:
            await here.outage()
            await until(lambda: given["customers"].asked)
            await passes(here, 5)
            here.sees("home")
            await passes(here, 20)
            second = crashed(tmp_path / "life-1", 2)
            [said, *_] = here.told(Kind.ANNOUNCEMENT)
        given = providers()
        async with core(second, text=quick, providers=given, time=at(60)) as here:
            await passes(here, 60)
            assert given["customers"].took == []
            assert (await here.row(said.id)).state is CANCELLED

    virtually(lives)


def test_a_page_that_was_replaced_while_it_was_on_its_way_does_not_leave_beside_its_successor(
    tmp_path: Path,
) -> None:
    often = SMS_ONLY.replace("{repeat: 1h}", "{repeat: 1m}")

    async def lives() -> None:
        given = providers(sms=hang_unread)
        how = {"timeout": 90, "parallel": 1}
        async with core(tmp_path / "life-1", text=often, providers=given, **how) as here:
            await here.outage()
            await passes(here, 62)
            assert here.told(Kind.PAGE)[0].state is CANCELLED
            second = crashed(tmp_path / "life-1", 2)
        given = providers()
        async with core(second, text=often, providers=given, time=at(70)) as here:
            await passes(here, 10)
            assert len([one for one in given["sms"].took if one.kind is Kind.PAGE]) == 1

    virtually(lives)


def test_a_page_sent_from_memory_while_the_store_does_not_answer_is_marked_as_well(tmp_path: Path) -> None:
    async def lives() -> None:
        given = providers(sms=failing())
        async with core(tmp_path / "life-1", text=SMS_ONLY, providers=given) as here:
            await here.outage()
            await until(lambda: here.receipts)
            await passes(here, 0.2, ticking=False)
            given["sms"].answer = hang_after_reading
            here.store.open.clear()
            await until(lambda: len(given["sms"].asked) == 2, within=90)
            second = crashed(tmp_path / "life-1", 2)
        given = providers()
        async with core(second, text=SMS_ONLY, providers=given, time=at(120)) as here:
            await passes(here, 20)
            pages = [one for one in given["sms"].took if one.kind is Kind.PAGE]
            assert ["may be a repeat" in one.text for one in pages] == [True]

    virtually(lives)


def test_a_claim_whose_answer_was_an_error_is_found_again_and_nothing_of_it_is_called_a_repeat(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        await until(lambda: "claim" in here.store.calls)
        here.store.breaks_after = "claim"
        await queue(here, due(1), due(2, kind=Kind.ANNOUNCEMENT, channel="customers", to=None))
        await until(lambda: here.store.breaks_after is None)
        here.vitals.troubles.clear()  # selfwatch does when the store has answered
        for number in ("N-1", "N-2"):
            row = await here.becomes(number, ACCEPTED, within=20)
            assert (row.repeated, row.attempts) == (False, 1)

    within(tmp_path, story)


def test_an_answer_lost_by_a_notifier_that_did_not_say_it_had_begun_is_marked(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.providers["sms"].answer = failing(Reason.TIMEOUT, ambiguous=True)
        here.store.problem = None
        await queue(here, due(1))
        await until(lambda: here.receipts)
        await here.becomes("N-1", AMBIGUOUS, within=90)
        assert here.delivery.marks.live.marks == {}, "it is on the disk now"

    within(tmp_path, story)
