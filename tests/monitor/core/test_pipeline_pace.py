"""The pipeline's pace: what is much waits for company, and nothing waits for what changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alerting.inputs import OpenTicket
from alerting.tickets.terms import TicketClass
from lab.core_world import Core, within
from monitor.pace import GATHER, MANY
from probes.sample import Outcome


def ticket(number: int) -> OpenTicket:
    return OpenTicket(title=f"ticket {number}", ticket_class=TicketClass.GENERAL, by=None)


def test_what_comes_one_after_the_other_waits_for_company_where_it_is_much(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.calls.clear()
        loop = asyncio.get_running_loop()
        waited: list[float] = []

        async def ask(number: int) -> None:
            began = loop.time()
            await here.submit(ticket(number))
            waited.append(loop.time() - began)

        asked = []
        for number in range(500):
            asked.append(asyncio.create_task(ask(number)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*asked)
        assert max(waited[: MANY // 2]) == 0
        assert max(waited) <= GATHER + 0.001
        assert here.store.calls.count("record_all") <= MANY + 5 / GATHER + 1

    within(tmp_path, story, sending=False)


def test_checks_that_go_on_failing_hold_up_no_new_failure(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        loop = asyncio.get_running_loop()
        for name in ("home", "cart"):
            here.sees(name)
        here.sees("home", Outcome.DOWN)
        await here.tick()
        for _ in range(10 * MANY):  # as if there were hundreds: each sees the same again and again
            here.sees("home", Outcome.DOWN)
            await asyncio.sleep(0.01)
        began = loop.time()
        here.sees("cart", Outcome.DOWN)
        await here.submit(ticket(1))
        assert loop.time() == began

    within(tmp_path, story, sending=False)
