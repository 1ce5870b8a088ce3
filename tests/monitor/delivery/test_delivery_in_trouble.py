"""Delivery when things break around it: the end of the process, the store, the configuration, our own faults."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alerting.inputs import Acknowledge, OpenTicket
from alerting.notification import Kind, NotificationState, Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.tickets.terms import TicketClass
from lab.core_outbox import (
    ACCEPTED,
    AMBIGUOUS,
    FAILED,
    PENDING,
    due,
    failing,
    hang_after_reading,
    providers,
    queue,
)
from lab.core_parts import seconds, without_channel
from lab.core_virtual import virtually
from lab.core_world import Core, core, passes, until, within
from monitor.store.errors import StoreError
from probes.sample import Outcome


def test_a_page_on_a_channel_that_a_reload_took_out_goes_to_the_next_one(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await until(lambda: len(here.providers["sms"].asked) == 1)
        here.config = without_channel(here.config, "sms")
        here.pipeline.plan = here.config.plan
        row = await here.becomes(page.id, FAILED)
        assert row.reason is Reason.NO_ADDRESS
        await until(lambda: here.providers["mail"].took, within=5)

    within(tmp_path, story, providers=providers(sms=failing()))


def test_closing_waits_for_what_is_being_sent_and_records_it(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        async def slow(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await asyncio.sleep(3)
            return Accepted(provider_id=message.id)

        here.providers["sms"].answer = slow
        await queue(here, due(1))
        await until(lambda: here.providers["sms"].under_way)
        began = asyncio.get_running_loop().time()
        await here.delivery.close(6)
        assert asyncio.get_running_loop().time() - began < 4
        assert (await here.row("N-1")).state is ACCEPTED

    within(tmp_path, story)


def test_closing_cuts_off_what_hangs_and_the_next_start_takes_it_up(tmp_path: Path) -> None:
    async def first(here: Core) -> None:
        await here.outage()
        await until(lambda: here.providers["sms"].under_way)
        began = asyncio.get_running_loop().time()
        await here.delivery.close(6)
        assert 5.9 < asyncio.get_running_loop().time() - began < 7.5
        [page] = here.told(Kind.PAGE)
        assert (await here.row(page.id)).state is NotificationState.SENDING

    within(tmp_path, first, providers=providers(sms=hang_after_reading))

    async def second(here: Core) -> None:
        await until(lambda: here.providers["sms"].took, within=5)
        [message] = here.providers["sms"].took
        assert "may be a repeat" in message.text

    within(tmp_path, second)


def test_closing_is_not_held_up_by_a_send_that_will_not_be_cut_off(tmp_path: Path) -> None:
    async def stubborn(_message: Message, _progress: Progress) -> Accepted:
        for _ in range(10):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                continue
        return Accepted()

    async def story(here: Core) -> None:
        await queue(here, due(1))
        await until(lambda: here.providers["sms"].under_way)
        began = asyncio.get_running_loop().time()
        await here.delivery.close(1)
        assert asyncio.get_running_loop().time() - began < 5

    within(tmp_path, story, providers=providers(sms=stubborn))


def test_receipts_that_cannot_be_recorded_are_recorded_when_the_store_works_again(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        gate = asyncio.Event()

        async def answer(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await gate.wait()
            return Accepted(provider_id=f"p-{message.id}")

        here.providers["sms"].answer = answer
        await queue(here, *(due(number) for number in range(1, 4)))
        await until(lambda: here.providers["sms"].under_way == 3)
        here.store.fails()
        gate.set()
        await asyncio.sleep(30)
        assert (await here.store.outbox_stats()).counts["sending"] == 3
        assert here.providers["sms"].under_way == 0
        here.store.works()
        await asyncio.sleep(3)
        for number in range(1, 4):
            row = await here.row(f"N-{number}")
            assert row.state is ACCEPTED
            assert [one.provider_id for one in await here.store.receipts(row.id)] == [f"p-N-{number}"]
        assert len(here.providers["sms"].asked) == 3
        assert not here.vitals.troubles

    within(tmp_path, story)


def test_people_are_paged_from_memory_while_the_store_fails_and_it_is_recorded_afterwards(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        here.sees("home")
        await here.tick()
        here.store.fails()
        here.sees("home", Outcome.DOWN)
        began = here.clock.now()
        await until(lambda: here.providers["sms"].took, within=30)
        assert seconds(here.clock.now(), began) <= 5
        [page] = here.providers["sms"].took
        assert "Not recorded" in page.text
        assert not here.providers["customers"].asked, "customers' words wait for the disk"

        for _ in range(60):  # nobody acknowledges: the next step is taken from memory as well
            await asyncio.sleep(6)
            with pytest.raises(StoreError):
                await here.tick()
        assert len(here.providers["sms"].took) == 2
        assert {one.to for one in here.providers["sms"].took} == {"li", "han"}

        here.store.works()
        await asyncio.sleep(15)
        for row in here.told(Kind.PAGE):
            recorded = await here.row(row.id)
            assert (recorded.state, recorded) == (ACCEPTED, row)
        await here.becomes(here.told(Kind.ANNOUNCEMENT)[0].id, ACCEPTED)
        assert len(here.providers["sms"].asked) == 2, "nothing is sent again"
        assert (await here.store.outbox_stats()).counts["pending"] == 0

    within(tmp_path, story)


def test_pages_queued_before_the_store_failed_are_sent_and_tried_again_from_memory(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        fails_left = [3]

        async def answer(message: Message, progress: Progress) -> Accepted:
            if fails_left[0]:
                fails_left[0] -= 1
                raise DeliveryError("503", reason=Reason.SERVER)
            progress.sent = True
            here.providers["sms"].took.append(message)
            return Accepted()

        here.providers["sms"].answer = answer
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await until(lambda: len(here.providers["sms"].asked) == 1)
        here.store.fails()
        await until(lambda: here.providers["sms"].took, within=30)
        here.store.works()
        await here.becomes(page.id, ACCEPTED, within=30)
        await passes(here, 60)
        assert len(here.providers["sms"].took) == 1
        assert len(here.providers["sms"].asked) == 4

    within(tmp_path, story)


def test_an_acknowledgement_given_while_the_store_fails_stops_the_pages_from_memory(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        await until(lambda: here.providers["sms"].took)
        here.store.fails()
        with pytest.raises(StoreError):
            await here.submit(Acknowledge(incident=number, by="li", via="api"))
        for _ in range(60):
            await asyncio.sleep(10)
            with pytest.raises(StoreError):
                await here.submit(OpenTicket(title="x", ticket_class=TicketClass.GENERAL, by=None))
        assert len(here.providers["sms"].took) == 1
        here.store.works()

    within(tmp_path, story)


def test_a_message_that_cannot_be_composed_leaves_as_plain_facts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Core) -> None:
        here.ack_key = b"short"  # with such a key no link can be signed
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, ACCEPTED, within=10)
        [message] = here.providers["sms"].took
        assert message.title == page.title
        assert "home" in message.text
        assert "/ack/" not in message.text
        await until(lambda: here.providers["customers"].took)

    within(tmp_path, story)
    assert "leaves as plain facts" in caplog.text


@pytest.mark.parametrize("sent", [False, True])
def test_a_notifier_that_breaks_counts_as_failed_or_unsure_by_how_far_it_came(
    sent: bool, tmp_path: Path
) -> None:
    async def broken(_message: Message, progress: Progress) -> Accepted:
        progress.sent = sent
        raise RuntimeError("bug")

    async def story(here: Core) -> None:
        await queue(here, due(1, channel="customers", to=None))
        await until(lambda: here.receipts)
        assert (here.receipts[0].state, here.receipts[0].reason) == (
            AMBIGUOUS if sent else PENDING,
            Reason.INTERNAL,
        )

    within(tmp_path, story, providers=providers(customers=broken))


def test_words_from_outside_are_cut_to_a_bound(tmp_path: Path) -> None:
    async def wordy(_message: Message, _progress: Progress) -> Accepted:
        return Accepted(provider_id="p" * 10_000, detail="d" * 10_000)

    async def story(here: Core) -> None:
        await queue(here, due(1))
        row = await here.becomes("N-1", ACCEPTED)
        assert len(row.detail) <= 300
        [receipt] = await here.store.receipts("N-1")
        assert len(receipt.provider_id) <= 300

    within(tmp_path, story, providers=providers(sms=wordy))


def test_several_processes_worth_of_restarts_send_each_message_once(tmp_path: Path) -> None:
    async def story() -> None:
        took: list[str] = []
        for turn in range(5):
            async with core(tmp_path) as here:
                await queue(here, *(due(turn * 10 + number) for number in range(1, 11)))
                await until(lambda: len(here.providers["sms"].took) == 10)
                await asyncio.sleep(0.5)
                took += [one.id for one in here.providers["sms"].took]
        assert len(took) == len(set(took)) == 50

    virtually(story)
