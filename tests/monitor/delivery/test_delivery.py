"""Delivery on a real store, in virtual time: each message once, in time, and never forgotten."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.inputs import Acknowledge, Escalate, Resolve
from alerting.notification import Kind, NotificationState, Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from lab.core_outbox import (
    ACCEPTED,
    AMBIGUOUS,
    CANCELLED,
    EXPIRED,
    FAILED,
    PENDING,
    due,
    failing,
    hang_after_reading,
    hang_unread,
    providers,
    queue,
)
from lab.core_parts import seconds
from lab.core_virtual import START, settle
from lab.core_world import Core, passes, until, within
from monitor.delivery.delivery import CLAIM


def test_the_claim_is_on_the_disk_before_the_first_byte_leaves(tmp_path: Path) -> None:
    seen = []

    async def story(here: Core) -> None:
        async def answer(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            row = await here.row(message.id)
            seen.append((row.state, row.attempts))
            return Accepted(provider_id="p")

        here.providers["sms"].answer = answer
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, ACCEPTED)
        assert seen == [(NotificationState.SENDING, 1)]
        [receipt] = await here.store.receipts(page.id)
        assert (receipt.state, receipt.provider_id, receipt.attempt) == (ACCEPTED, "p", 1)

    within(tmp_path, story)


@pytest.mark.parametrize("over", [False, True], ids=["acknowledged", "over"])
def test_what_is_no_longer_wanted_when_its_turn_comes_is_not_sent(over: bool, tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        word = Resolve(incident=number, by="li") if over else Acknowledge(incident=number, by="li", via="api")
        [page] = here.told(Kind.PAGE)
        await here.submit(word)
        sending = asyncio.create_task(here.delivery.run())
        await passes(here, 60)
        row = await here.row(page.id)
        assert row.state is CANCELLED
        assert not [one for one in here.providers["sms"].asked if one.kind is Kind.PAGE]
        await settle(sending)

    within(tmp_path, story, sending=False)


def test_what_was_claimed_and_called_off_in_the_same_moment_is_not_sent(tmp_path: Path) -> None:
    """The acknowledgement falls between the claim and the send."""

    async def story(here: Core) -> None:
        number = await here.outage()
        [page] = here.told(Kind.PAGE)
        [row] = await here.store.claim(
            "me", here.clock.now(), timedelta(seconds=60), 1, frozenset({"customers"})
        )
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        here.delivery._begin([row])
        row = await here.becomes(page.id, CANCELLED)
        assert row.reason is Reason.ACKNOWLEDGED
        assert not here.providers["sms"].asked

    within(tmp_path, story, sending=False)


def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        hung = here.providers["mail"]
        hung.answer = hang_unread
        await queue(here, *(due(number, channel="mail") for number in range(1, 201)))
        await asyncio.sleep(1)
        assert hung.under_way == hung.most == 64
        await queue(here, due(201), due(202, channel="customers", to=None))
        began = here.clock.now()
        await here.becomes("N-201", ACCEPTED)
        await here.becomes("N-202", ACCEPTED)
        assert seconds(here.clock.now(), began) < 1

    within(tmp_path, story, parallel=64, timeout=600.0)


def test_no_more_is_claimed_than_can_be_sent_at_once(tmp_path: Path) -> None:
    """Should we die, what is claimed counts as sent: what was never tried must not be among it."""

    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        sms.answer = hang_unread
        worst = Counter[str]()
        await queue(here, *(due(number) for number in range(1, 3 * CLAIM)))
        for _ in range(100):
            await asyncio.sleep(0.01)
            worst["claimed"] = max(worst["claimed"], len(await here.store.interrupted()))
        assert sms.most == 4
        assert worst["claimed"] == 4
        assert "release" not in here.store.calls

    within(tmp_path, story, parallel=4, timeout=600.0)


def test_a_full_outbox_is_sent_whole_within_each_channel_s_bound_and_nothing_twice(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        async def slow(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await asyncio.sleep(0.2)
            provider = here.providers["mail"]
            provider.took.append(message)
            return Accepted()

        here.providers["mail"].answer = slow
        rows = [due(number, channel=("sms", "mail")[number % 2]) for number in range(1, 301)]
        await queue(here, *rows)
        await until(lambda: sum(len(one.took) for one in here.providers.values()) == 300, within=60)
        assert here.providers["mail"].most == 3
        ids = Counter(one.id for provider in here.providers.values() for one in provider.took)
        assert set(ids.values()) == {1}
        await asyncio.sleep(1)
        assert (await here.store.outbox_stats()).counts["accepted"] == 300

    within(tmp_path, story, parallel=3)


@pytest.mark.parametrize(
    ("hang", "kind", "state"),
    [
        pytest.param(hang_unread, Kind.PAGE, PENDING, id="nothing had left: tried again"),
        pytest.param(hang_after_reading, Kind.ANNOUNCEMENT, AMBIGUOUS, id="it may have arrived"),
    ],
)
def test_the_deadline_ends_an_attempt(
    hang: Any, kind: Kind, state: NotificationState, tmp_path: Path
) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [row] = here.told(kind)
        began = here.clock.now()
        await until(lambda: any(one.notification == row.id for one in here.receipts))
        assert seconds(here.clock.now(), began) < 16
        receipt = next(one for one in here.receipts if one.notification == row.id)
        assert (receipt.state, receipt.reason) == (state, Reason.TIMEOUT)
        assert "no answer within 15 s" in receipt.detail

    within(tmp_path, story, providers=providers(sms=hang, customers=hang))


def test_a_page_that_may_have_arrived_is_repeated_once_marked_and_under_the_same_key(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [page] = here.told(Kind.PAGE)
        row = await here.becomes(page.id, AMBIGUOUS, within=300)
        sms = here.providers["sms"]
        await passes(here, 120)
        first, second = sms.asked
        assert first.dedup_key == second.dedup_key
        assert "may be a repeat" not in first.text
        assert "may be a repeat" in second.text
        assert row.attempts == 2
        # Nobody knows whether it arrived: the next channel is asked.
        assert [one.kind for one in here.providers["mail"].took] == [Kind.PAGE]

    within(tmp_path, story, providers=providers(sms=hang_after_reading))


def test_customers_words_that_may_have_arrived_are_held_for_a_person(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [words] = here.told(Kind.ANNOUNCEMENT)
        await here.becomes(words.id, AMBIGUOUS)
        await passes(here, 120)
        assert len(here.providers["customers"].asked) == 1

    within(tmp_path, story, providers=providers(customers=hang_after_reading))


def test_a_failure_is_tried_again_with_growing_jittered_waits_of_a_minute_at_most(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        times: list[float] = []
        loop = asyncio.get_running_loop()

        async def answer(_message: Message, _progress: Progress) -> Accepted:
            times.append(loop.time())
            raise DeliveryError("cannot send: 503", reason=Reason.SERVER)

        here.providers["sms"].answer = answer
        await queue(here, due(1))
        await asyncio.sleep(3600)
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert len(gaps) > 60
        assert 0.4 < gaps[0] <= 1.1
        assert max(gaps) <= 61
        assert len({round(gap, 2) for gap in gaps}) > len(gaps) * 0.8
        row = await here.row("N-1")
        assert (row.state, row.attempts) == (PENDING, len(times))

    within(tmp_path, story)


@pytest.mark.parametrize(("wish", "least", "most"), [(90, 90, 91), (86400, 600, 601), (0, 0.4, 2)])
def test_the_provider_s_wish_to_wait_is_honoured_within_bounds(
    wish: int, least: float, most: float, tmp_path: Path
) -> None:
    async def story(here: Core) -> None:
        times: list[float] = []

        async def answer(_message: Message, _progress: Progress) -> Accepted:
            times.append(asyncio.get_running_loop().time())
            raise DeliveryError("429", reason=Reason.RATE_LIMIT, retry_after=timedelta(seconds=wish))

        here.providers["sms"].answer = answer
        await queue(here, due(1))
        await until(lambda: len(times) == 2, within=1000)
        assert least - 0.001 <= times[1] - times[0] <= most

    within(tmp_path, story)


def test_a_page_that_will_never_pass_goes_to_the_next_channel_at_once(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [first] = here.told(Kind.PAGE)
        began = here.clock.now()
        await here.becomes(first.id, FAILED)
        await until(lambda: here.providers["mail"].took)
        assert seconds(here.clock.now(), began) < 5
        assert len(here.providers["sms"].asked) == 1

    within(tmp_path, story, providers=providers(sms=failing(Reason.AUTH, retry=False)))


def test_a_page_not_delivered_for_half_a_minute_goes_to_the_next_channel_too(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        began = here.clock.now()
        await until(lambda: here.providers["mail"].took, within=120)
        assert 25 < seconds(here.clock.now(), began) < 75
        tried = len(here.providers["sms"].asked)
        await passes(here, 120)
        assert len(here.providers["sms"].asked) > tried, "the first channel is tried on"
        assert len(here.providers["mail"].took) == 1

    within(tmp_path, story, providers=providers(sms=failing()))


def test_a_page_acknowledged_while_it_is_tried_again_is_called_off(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        [page] = here.told(Kind.PAGE)
        await until(lambda: len(here.providers["sms"].asked) >= 2)
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        tried = len(here.providers["sms"].asked)
        row = await here.becomes(page.id, CANCELLED)
        assert row.reason is Reason.ACKNOWLEDGED
        await passes(here, 300)
        assert len(here.providers["sms"].asked) == tried

    within(tmp_path, story, providers=providers(sms=failing()))


def test_a_page_acknowledged_while_it_is_being_sent_is_not_tried_again(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        [page] = here.told(Kind.PAGE)
        await until(lambda: here.providers["sms"].under_way)
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        await here.becomes(page.id, CANCELLED)
        await passes(here, 120)
        assert len(here.providers["sms"].asked) == 1

    within(tmp_path, story, providers=providers(sms=hang_unread))


def test_what_is_too_late_is_not_sent_any_more(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1, not_after=START + timedelta(minutes=5)))
        row = await here.becomes("N-1", EXPIRED, within=400)
        assert row.reason is Reason.TOO_LATE
        assert seconds(here.clock.now(), START) <= 361
        await queue(here, due(2, not_after=START))
        await here.becomes("N-2", EXPIRED)
        assert "N-2" not in {one.id for one in here.providers["sms"].asked}

    within(tmp_path, story, providers=providers(sms=failing()))


def test_a_page_asked_for_by_hand_leaves_although_it_is_acknowledged(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        await until(lambda: here.providers["sms"].took)
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        await here.submit(Escalate(incident=number, by="li"))
        await until(lambda: len(here.providers["sms"].took) == 2, within=5)
        assert here.providers["sms"].took[1].to == "han"

    within(tmp_path, story)


def test_an_idle_delivery_looks_at_the_outbox_seldom(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await asyncio.sleep(30)
        here.store.calls.clear()
        await asyncio.sleep(600)
        assert here.store.calls.count("claim") <= 61

    within(tmp_path, story)


def test_what_is_due_later_is_sent_when_it_is_due(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1, not_before=START + timedelta(seconds=333)))
        await here.becomes("N-1", ACCEPTED)
        assert 0 <= seconds(here.clock.now(), START + timedelta(seconds=333)) < 0.5

    within(tmp_path, story)


def test_what_came_of_each_attempt_is_counted(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1), due(2, channel="mail"))
        await until(lambda: len(here.providers["mail"].asked) == 3)
        await asyncio.sleep(0.1)
        assert here.vitals.deliveries[("sms", "accepted", "")] == 1
        assert here.vitals.deliveries[("mail", "pending", "server")] == 3

    within(tmp_path, story, providers=providers(mail=failing()))


def test_the_row_is_as_it_was_queued_but_for_what_delivery_says(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1))
        row = await here.becomes("N-1", ACCEPTED)
        assert replace(row, state=PENDING, attempts=0, detail="") == replace(due(1))

    within(tmp_path, story)
