"""How often delivery claims: as seldom as it can, and never so seldom that something waits."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from alerting.notifiers.api import Accepted, Message, Progress
from lab.core_outbox import due, hang_unread, queue
from lab.core_parts import seconds
from lab.core_world import Core, until, within
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
        here.store.calls.clear()
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        await until(lambda: here.providers["sms"].took, within=5)
        await asyncio.sleep(1)
        assert here.store.calls.count("claim") == 0, "it was claimed with being recorded"

    within(tmp_path, story)
