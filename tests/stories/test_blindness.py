"""The monitor loses its own line: it says so once, and nothing about anybody's service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.core_virtual import wait_for
from lab.uplink_world import CANARIES, Line, Uplink, services, within
from monitor.lookout import PATIENCE

FIFTY = CANARIES + services(5, 10, defaults="failures: 1, recover: 1")
LAN = '  lan: {probe: tcp, target: "10.0.0.5:5432", failures: 1}\n'


def with_lan(text: str) -> str:
    return text.replace("checks:\n", f"checks:\n{LAN}", 1)


async def settled(here: Uplink) -> None:
    """Let every check have run twice, and all be well."""
    await asyncio.sleep(25)
    assert not here.incidents()
    assert not here.pages


@pytest.mark.parametrize("swallows", [False, True], ids=["refuses", "swallows"])
def test_a_line_that_dies_is_one_incident_and_one_page_and_no_word_to_customers(
    tmp_path: Path, swallows: bool
) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.swallows = swallows
        here.line.alive = False
        await asyncio.sleep(300)
        assert here.blind
        assert here.incidents() == {"check:canaries": "open"}
        (page,) = here.pages
        assert "the monitor is blind" in page.title
        assert "canary:223.5.5.5" in page.text
        assert "canary:119.29.29.29" in page.text
        here.line.alive = True
        await asyncio.sleep(60)
        assert not here.blind
        assert here.incidents() == {"check:canaries": "resolved"}
        assert len(here.pages) == 1
        assert not here.words
        assert not here.announcements()

    within(tmp_path, FIFTY, story)


def test_an_outage_of_everything_while_canaries_answer_pages_as_ever(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        began = asyncio.get_running_loop().time()
        here.line.down |= set(here.app.config.checks)
        await wait_for(lambda: here.pages, within=20, every=0.01)
        assert asyncio.get_running_loop().time() - began < 1.5, "the first of fifty fails within 0.2 s"
        await asyncio.sleep(30)
        assert not here.blind
        assert set(here.incidents()) == {f"service:s{one}" for one in range(1, 6)}
        assert here.words

    within(tmp_path, FIFTY, story)


def test_with_half_the_canaries_gone_nothing_is_different(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.down.add("canary:223.5.5.5")
        await asyncio.sleep(60)
        assert not here.incidents()
        here.line.down.add("s1-1")
        await asyncio.sleep(12)
        assert here.incidents() == {"service:s1": "open"}
        assert len(here.pages) == 1
        assert not here.blind

    within(tmp_path, FIFTY, story)


def test_with_all_canaries_gone_and_the_rest_well_an_outage_pages_as_ever(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.down |= set(here.app.config.canaries)
        await asyncio.sleep(60)
        assert not here.incidents()
        here.line.down.add("s1-1")
        await asyncio.sleep(12)
        assert here.incidents() == {"service:s1": "open"}
        assert not here.blind

    within(tmp_path, FIFTY, story)


def test_checks_of_our_own_network_go_on_paging(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.alive = False
        await asyncio.sleep(30)
        assert here.blind
        here.line.down.add("lan")
        await asyncio.sleep(12)
        assert here.incidents() == {"check:canaries": "open", "host:10.0.0.5": "open"}
        assert len(here.pages) == 2

    within(tmp_path, with_lan(FIFTY), story)


def test_what_was_down_before_is_down_after_and_its_customers_hear_when_we_see_again(tmp_path: Path) -> None:
    text = CANARIES + services(5, 10, announce="after 2m", defaults="failures: 1, recover: 1")

    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.down.add("s1-1")
        await asyncio.sleep(60)
        assert here.incidents() == {"service:s1": "open"}
        here.line.alive = False
        await asyncio.sleep(240)
        assert here.incidents() == {"service:s1": "open", "check:canaries": "open"}
        assert not here.words, "the two minutes have passed, but nobody knows what is true now"
        here.line.alive = True
        await asyncio.sleep(30)
        assert here.incidents() == {"service:s1": "open", "check:canaries": "resolved"}
        assert len(here.words) == 1
        assert len(here.pages) == 2

    within(tmp_path, text, story)


def test_what_recovered_in_the_dark_ends_when_we_see_it_work(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.down.add("s1-1")
        await asyncio.sleep(15)
        here.line.alive = False
        await asyncio.sleep(60)
        here.line.down.clear()
        assert here.incidents()["service:s1"] == "open"
        here.line.alive = True
        await asyncio.sleep(30)
        assert here.incidents() == {"service:s1": "resolved", "check:canaries": "resolved"}

    within(tmp_path, FIFTY, story)


def test_what_goes_down_in_the_dark_pages_when_we_see_again(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.alive = False
        await asyncio.sleep(60)
        here.line.down.add("s2-1")
        here.line.alive = True
        await asyncio.sleep(40)
        assert here.incidents() == {"service:s2": "open", "check:canaries": "resolved"}

    within(tmp_path, FIFTY, story)


def test_a_restart_in_the_dark_goes_on_being_blind_and_pages_nobody_anew(tmp_path: Path) -> None:
    async def dark(here: Uplink) -> None:
        await settled(here)
        here.line.alive = False
        await asyncio.sleep(60)
        assert here.blind

    async def after(here: Uplink) -> None:
        assert here.blind
        await asyncio.sleep(60)
        assert here.incidents() == {"check:canaries": "open"}
        assert len(here.pages) == 1
        here.line.alive = True
        await asyncio.sleep(40)
        assert here.incidents() == {"check:canaries": "resolved"}
        assert len(here.pages) == 1

    within(tmp_path, FIFTY, dark, after)


def test_a_start_in_the_dark_pages_for_the_line_alone(tmp_path: Path) -> None:
    async def before(here: Uplink) -> None:
        await settled(here)
        here.line.alive = False

    async def after(here: Uplink) -> None:
        await asyncio.sleep(60)
        assert here.incidents() == {"check:canaries": "open"}

    within(tmp_path, FIFTY, before, after)


@pytest.mark.parametrize(("dark", "light"), [(3, 3), (5, 5), (20, 5), (15, 15)])
def test_a_line_that_comes_and_goes_never_puts_the_blame_on_services(
    tmp_path: Path, dark: float, light: float
) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        for _ in range(int(300 / (dark + light))):
            here.line.alive = False
            await asyncio.sleep(dark)
            here.line.alive = True
            await asyncio.sleep(light)
        await asyncio.sleep(60)
        assert not here.blind
        assert set(here.incidents()) <= {"check:canaries"}
        assert not here.words

    within(tmp_path, FIFTY, story)


@pytest.mark.parametrize(
    ("dark", "light", "defaults"),
    [
        pytest.param(8, 12, "failures: 1, recover: 1", id="longer than a deadline, one failure counts"),
        pytest.param(5, 5, "failures: 3", id="shorter, three count"),
    ],
)
def test_a_line_that_swallows_everything_now_and_then_does_so_neither(
    tmp_path: Path, dark: float, light: float, defaults: str
) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.swallows = True
        for _ in range(int(200 / (dark + light))):
            here.line.alive = False
            await asyncio.sleep(dark)
            here.line.alive = True
            await asyncio.sleep(light)
        await asyncio.sleep(60)
        assert not here.blind
        assert set(here.incidents()) <= {"check:canaries"}
        assert not here.words

    within(tmp_path, CANARIES + services(5, 10, defaults=defaults), story)


def test_where_checks_are_slow_a_handful_of_others_is_asked_before_anybody_is_blamed(tmp_path: Path) -> None:
    text = CANARIES + services(5, 1, defaults="failures: 1, recover: 1, every: 10m")

    async def story(here: Uplink) -> None:
        await asyncio.sleep(1300)
        here.line.alive = False
        await asyncio.sleep(700)
        assert here.incidents() == {"check:canaries": "open"}
        assert len(here.pages) == 1

    within(tmp_path, text, story)


def test_a_page_is_never_lost_to_canaries_that_hang(tmp_path: Path) -> None:
    text = CANARIES + services(2, 10, defaults="failures: 1, recover: 1, every: 60s")

    async def story(here: Uplink) -> None:
        await asyncio.sleep(130)
        began = asyncio.get_running_loop().time()
        here.line.hang |= set(here.app.config.canaries)
        here.line.down.add("s1-1")
        await wait_for(
            lambda: "s1-1" in {one.check for one in here.app.samples.values() if one.outcome.value == "down"},
            within=70,
            every=0.01,
        )
        failed = asyncio.get_running_loop().time()
        await wait_for(lambda: here.pages, within=20, every=0.01)
        timeout = next(iter(here.app.config.canaries.values())).timeout
        assert asyncio.get_running_loop().time() - failed < timeout + PATIENCE + 0.5
        assert began <= failed

    within(tmp_path, text, story)


def test_where_canaries_answer_a_failure_waits_for_them_no_longer_than_they_take(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        loop = asyncio.get_running_loop()
        asked = here.line.runs["canary:223.5.5.5"]
        here.line.down.add("s3-3")
        await wait_for(lambda: here.app.samples["s3-3"].outcome.value == "down", within=20, every=0.001)
        failed = loop.time()
        await wait_for(lambda: here.pages, within=20, every=0.001)
        assert loop.time() - failed < 0.2
        assert here.line.runs["canary:223.5.5.5"] <= asked + 3, "asked once for it, beside its own turns"

    within(tmp_path, FIFTY, story)


def test_canaries_that_answer_by_turns_do_not_hide_an_outage(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.down.add("s1-1")
        canaries = set(here.app.config.canaries)
        for _ in range(60):
            here.line.down |= canaries
            await asyncio.sleep(1.5)
            here.line.down -= canaries
            await asyncio.sleep(0.5)
        assert here.incidents() == {"service:s1": "open"}
        assert len(here.pages) == 1

    within(tmp_path, FIFTY, story)


def test_without_canaries_nothing_waits_and_everything_is_as_it_was(tmp_path: Path) -> None:
    async def story(here: Uplink) -> None:
        await settled(here)
        here.line.alive = False
        await asyncio.sleep(30)
        assert set(here.incidents()) == {f"service:s{one}" for one in range(1, 6)}

    within(tmp_path, services(5, 10, defaults="failures: 1, recover: 1"), story, line=Line())
