"""Pages sent from memory while the store fails, and what happens where both ways meet when it works again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from alerting.notification import Kind, Reason
from alerting.notifiers.api import Accepted, Message, Progress
from lab.core_outbox import ACCEPTED, due, failing, providers, queue
from lab.core_virtual import VirtualClock, virtually
from lab.core_world import Core, core, passes, until, within
from monitor.store.errors import StoreError
from probes.sample import Outcome


def test_an_attempt_from_memory_goes_on_when_the_store_works_again_and_is_not_made_twice(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        async def slow(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await asyncio.sleep(10)
            here.providers["sms"].took.append(message)
            return Accepted(provider_id="p")

        here.providers["sms"].answer = slow
        here.sees("home")
        await here.tick()
        here.store.fails()
        here.sees("home", Outcome.DOWN)
        await until(lambda: here.providers["sms"].under_way, within=30)
        here.store.works()
        await passes(here, 60)
        assert len(here.providers["sms"].asked) == 1
        [page] = here.told(Kind.PAGE)
        assert page.state is ACCEPTED
        recorded = await here.row(page.id)
        assert (recorded.state, recorded.attempts) == (ACCEPTED, 1)

    within(tmp_path, story)


def test_attempts_from_memory_are_counted_on_when_the_store_works_again(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.providers["sms"].answer = failing(Reason.SERVER)
        await here.outage()
        [page] = here.told(Kind.PAGE)
        here.store.fails()
        await until(lambda: len(here.providers["sms"].asked) >= 4, within=60)
        here.store.works()
        here.providers["sms"].answer = None
        row = await here.becomes(page.id, ACCEPTED, within=90)
        await passes(here, 5)
        [known] = [one for one in here.told(Kind.PAGE) if one.id == page.id]
        assert known.state is ACCEPTED, "what is decided upon knows it too"
        assert known.attempts == row.attempts == len(here.providers["sms"].asked)

    within(tmp_path, story)


def test_what_was_sent_from_memory_while_the_claim_was_on_its_way_is_not_sent_again(tmp_path: Path) -> None:
    """The claim hangs, memory takes over and delivers; then the claim comes back with the same page."""

    async def story(here: Core) -> None:
        await here.outage()
        [page] = here.told(Kind.PAGE)
        [claimed] = await here.store.claim(
            "me", here.clock.now(), timedelta(minutes=1), 1, frozenset({"customers"})
        )
        here.delivery._begin([claimed], remembered=True)
        await until(lambda: here.told(Kind.PAGE)[0].state is ACCEPTED)
        assert not here.delivery._begin_claimed([claimed])[1:]
        await passes(here, 30)
        assert len(here.providers["sms"].asked) == 1
        assert (await here.row(page.id)).state is ACCEPTED

    within(tmp_path, story, sending=False)


def test_a_store_that_does_not_answer_keeps_no_page_in_the_outbox(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await until(lambda: "claim" in here.store.calls)
        here.store.open.clear()  # from now on it answers nothing, not even with an error
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        await until(lambda: here.providers["sms"].took, within=15)
        assert here.vitals.troubles["store"] == "the store does not answer"
        here.store.open.set()
        await passes(here, 30)
        assert len(here.providers["sms"].asked) == 1
        here.vitals.troubles.pop("store", None)  # selfwatch does when the store has answered
        await passes(here, 30)
        assert len(here.providers["sms"].asked) == 1
        assert (await here.row(here.told(Kind.PAGE)[0].id)).state is ACCEPTED

    within(tmp_path, story)


def test_a_page_sent_from_memory_before_a_crash_is_called_a_repeat(tmp_path: Path) -> None:
    async def first(here: Core) -> None:
        await here.outage()
        await until(lambda: here.receipts)
        here.store.fails()
        here.providers["sms"].answer = None
        await until(lambda: here.providers["sms"].took, within=60)
        here.pipeline._recorder._waiting.clear()  # the crash: what waits for the disk is gone

    async def story() -> None:
        async with core(tmp_path, providers=providers(sms=failing())) as here:
            await first(here)
        async with core(tmp_path) as here:
            await until(lambda: here.providers["sms"].took, within=30)
            [again] = here.providers["sms"].took
            assert "may be a repeat" in again.text

    virtually(story)


def test_a_page_that_was_decided_and_sent_while_the_store_failed_says_so_when_a_crash_has_it_decided_again(
    tmp_path: Path,
) -> None:
    """Nothing of the first one is recorded but the mark: who decides anew comes to the same page."""

    async def escalated(here: Core) -> Message:
        sms = here.providers["sms"]
        taken = len(sms.took)
        await asyncio.sleep(301)
        with suppress(StoreError):
            await here.tick()
        await until(lambda: sms.took[taken:], within=60)
        return sms.took[taken]

    async def story() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        async with core(tmp_path, time=clock) as here:
            await here.outage()
            await until(lambda: here.receipts)
            here.store.fails()
            before = await escalated(here)
            here.pipeline._recorder._waiting.clear()  # the crash: what waits for the disk is gone
        async with core(tmp_path, time=clock) as here:
            again = await escalated(here)
            assert (again.dedup_key, again.to) == (before.dedup_key, before.to) == (again.dedup_key, "han")
            assert "may be a repeat" not in before.text
            assert "may be a repeat" in again.text

    virtually(story)


def test_receipts_that_wait_for_a_store_that_hangs_take_no_room_on_their_channel(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        rows = [due(number) for number in range(1, 7)]
        await queue(here, *rows)
        claimed = await here.store.claim("me", here.clock.now(), timedelta(minutes=5), 6)
        here.store.open.clear()
        for row in claimed:
            here.delivery._begin([row])
        await until(lambda: len(here.providers["sms"].took) == 6)
        assert here.delivery._room()["sms"] == 2
        assert len(here.delivery.under_way()) == 6, "nobody takes them for forgotten meanwhile"
        here.store.open.set()
        await here.becomes("N-6", ACCEPTED)
        await until(lambda: not here.delivery.under_way())

    within(tmp_path, story, sending=False, parallel=2)
