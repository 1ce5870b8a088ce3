"""Numbers that were never recorded are given again after a crash; a link leads to the outage it was sent of alone."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

from alerting.notifiers.api import Message
from alerting.oncall.acknowledgement import read
from lab.core_outbox import failing
from lab.core_virtual import virtually
from lab.core_world import core, until
from probes.sample import Outcome

CODE = re.compile(r"Code (\w{6})")


async def first_page(home: Path, check: str, *, full: bool = False) -> tuple[Message, bool]:
    """Let a check fail; return the first page about it, and whether its link fits the incident of that number."""
    async with core(home) as here:
        for name in ("home", "cart"):
            here.sees(name)
        await here.tick()
        if full:
            here.store.fails()
        else:
            await asyncio.sleep(60)  # each virtual day begins at the same moment
        here.sees(check, Outcome.DOWN)
        await until(lambda: here.providers["sms"].took, within=30)
        page = here.providers["sms"].took[0]
        claim = read(here.ack_key, token_of(page))
        assert claim is not None
        fits = claim.fits(here.incident(claim.incident).opened_at)
        if full:
            shutil.copytree(home, home.with_name("crashed"))
        return page, fits


def token_of(page: Message) -> str:
    assert page.ack_url is not None
    return page.ack_url.rpartition("/")[2]


def test_two_outages_of_one_number_have_links_and_codes_of_their_own(tmp_path: Path) -> None:
    async def forgotten() -> tuple[Message, bool]:
        return await first_page(tmp_path / "home", "home", full=True)

    async def after() -> tuple[Message, bool]:
        return await first_page(tmp_path / "crashed", "cart")

    async def fits_the_second() -> bool:
        async with core(tmp_path / "crashed") as here:
            claim = read(here.ack_key, token_of(first))
            assert claim is not None
            return claim.fits(here.incident(claim.incident).opened_at)

    first, fitted = virtually(forgotten)
    second, fits = virtually(after)
    assert first.incident == second.incident, "the number is given again"
    assert fitted
    assert fits
    assert first.ack_url != second.ack_url
    codes = [CODE.findall(page.text) for page in (first, second)]
    assert codes[0] != codes[1]
    assert not virtually(fits_the_second)


def test_a_link_of_a_recorded_outage_is_the_same_after_a_restart(tmp_path: Path) -> None:
    asked: list[Message] = []

    async def once(*, begin: bool) -> None:
        async with core(tmp_path) as here:
            here.providers["sms"].answer = failing()
            if begin:
                await here.outage()
            await until(lambda: here.providers["sms"].asked, within=60)
            asked.append(here.providers["sms"].asked[0])

    virtually(lambda: once(begin=True))
    virtually(lambda: once(begin=False))
    assert asked[0].ack_url == asked[1].ack_url
    assert CODE.findall(asked[0].text) == CODE.findall(asked[1].text)
