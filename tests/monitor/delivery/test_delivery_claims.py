"""How often delivery claims: as seldom as it can, and never so seldom that something waits."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from alerting.notifiers.api import Accepted, Message, Progress
from lab.core_outbox import due, hang_unread, queue
from lab.core_parts import Provider, seconds
from lab.core_world import Core, until, within
from monitor.delivery.delivery import TRY_AGAIN
from probes.sample import Outcome


def test_a_full_channel_is_claimed_for_by_halves_although_its_sends_end_one_by_one(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms, turns = here.providers["sms"], itertools.count()

        async def staggered(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await asyncio.sleep(0.05 + next(turns) % 16 / 1000)
            sms.took.append(message)
            return Accepted()

        sms.answer = staggered
        here.store.calls.clear()
        await queue(here, *(due(number) for number in range(1, 321)))
        await until(lambda: len(sms.took) == 320, within=60)
        assert here.store.calls.count("claim") <= 2 * 320 / 8
        assert sms.most == 16

    within(tmp_path, story, parallel=16)


def test_a_channel_with_all_but_one_place_hung_still_sends(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]

        async def hung(message: Message, progress: Progress) -> Accepted:
            if message.id in ("N-1", "N-2", "N-3"):
                return await hang_unread(message, progress)
            sms.took.append(message)
            return Accepted()

        sms.answer = hung
        began = here.clock.now()
        await queue(here, *(due(number) for number in range(1, 21)))
        await until(lambda: len(sms.took) == 17, within=60)
        assert seconds(here.clock.now(), began) < 1

    within(tmp_path, story, parallel=4, timeout=600.0)


def test_a_page_that_has_arrived_is_no_reason_to_look_at_the_outbox(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await asyncio.sleep(1)
        here.store.slow = ("next_due", 0.2)  # the send ends while the round that began it has yet to end
        here.store.calls.clear()
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        await until(lambda: here.providers["sms"].took, within=5)
        await asyncio.sleep(1)
        assert here.store.calls.count("claim") == 0, "it was claimed with being recorded"

    within(tmp_path, story)


def slow(sms: Provider, takes: float) -> None:
    """Have each send take so many seconds."""

    async def send(message: Message, progress: Progress) -> Accepted:
        progress.sent = True
        await asyncio.sleep(takes)
        sms.took.append(message)
        return Accepted()

    sms.answer = send


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_a_claim_whose_answer_was_lost_fills_its_channel_and_no_more_and_the_rest_leaves_as_room_comes(
    count: int, tmp_path: Path
) -> None:
    async def story(here: Core) -> None:
        sms = here.providers["sms"]
        slow(sms, 1.0)
        here.store.breaks_after = "claim"
        await queue(here, *(due(number) for number in range(1, count + 1)))
        await until(lambda: "store" in here.vitals.troubles)
        assert here.store.breaks_after is None, "two are claimed, on the disk"
        here.vitals.troubles.pop("store")  # as selfwatch does when the store has answered
        began = here.clock.now()
        await until(lambda: len(sms.took) == count, within=60)
        assert seconds(here.clock.now(), began) < TRY_AGAIN + (count + 1) // 2 * 1.1 + 0.2
        assert sorted(one.id for one in sms.asked) == sorted(
            {f"N-{number}" for number in range(1, count + 1)}
        )
        assert sms.most == 2
        here.store.calls.clear()
        await asyncio.sleep(9)
        assert here.store.calls.count("claim") <= 2, "nothing is left to look for"

    within(tmp_path, story, parallel=2)
