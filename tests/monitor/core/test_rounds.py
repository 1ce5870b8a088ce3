"""The rounds: what was forgotten is found within a minute, said aloud and mended; channels are tested by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Kind, NotificationState
from alerting.notifiers.api import Accepted, Message, Progress
from alerting.oncall.escalation import Escalation
from alerting.plan import ChannelPlan, Plan, Site
from lab.core_virtual import VirtualClock, settle, virtually
from lab.core_world import SHOP, Core, core, passes, within
from monitor.rounds import EVERY, Rounds, due_tests
from probes.sample import Outcome

ALONE = SHOP.replace(", mail: li@shop.example", "").replace("{after: 5m, page: {backup: ops}}, ", "")


def plan(zone: str, **tests: str) -> Plan:
    site = Site(name="Shop", zone=ZoneInfo(zone), languages=("en",), public_url="https://x.example")
    channels: Mapping[str, ChannelPlan] = {
        name: ChannelPlan(id=name, notifier="log", needs_address=False, self_test=time.fromisoformat(at))
        for name, at in tests.items()
    }
    return Plan(site=site, channels=channels)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "test", "before", "now", "due"),
    [
        pytest.param("UTC", "09:30", "2027-01-04T09:29:30", "2027-01-04T09:30:00", True, id="at the minute"),
        pytest.param("UTC", "09:30", "2027-01-04T09:30:00", "2027-01-04T09:31:00", False, id="once"),
        pytest.param("UTC", "09:30", "2027-01-04T08:00:00", "2027-01-04T09:00:00", False, id="not before"),
        pytest.param("UTC", "00:00", "2027-01-04T23:59:30", "2027-01-05T00:00:30", True, id="midnight"),
        pytest.param("UTC", "23:59", "2027-01-04T23:58:30", "2027-01-05T00:00:30", True, id="over midnight"),
        pytest.param(
            "Asia/Shanghai", "09:30", "2027-01-04T01:29:00", "2027-01-04T01:30:30", True, id="by the site"
        ),
        pytest.param(
            "Asia/Shanghai", "09:30", "2027-01-04T09:29:00", "2027-01-04T09:30:30", False, id="not by UTC"
        ),
        pytest.param(
            "Europe/Berlin", "02:30", "2027-03-28T00:00:30", "2027-03-28T01:31:00", True, id="hour left out"
        ),
        pytest.param(
            "Europe/Berlin", "02:30", "2027-10-31T01:29:00", "2027-10-31T01:31:00", False, id="hour twice"
        ),
        pytest.param(
            "UTC", "09:30", "2027-01-01T00:00:00", "2027-01-04T10:00:00", True, id="after a long sleep"
        ),
        pytest.param(
            "UTC", "11:00", "2027-01-01T00:00:00", "2027-01-04T10:00:00", True, id="no older than a day"
        ),
        pytest.param(
            "UTC", "09:30", "2027-01-04T10:00:00", "2027-01-04T09:31:00", False, id="clock set back"
        ),
    ],
)
def test_a_channel_is_tested_when_its_time_of_day_has_passed(
    zone: str, test: str, before: str, now: str, due: bool
) -> None:
    assert due_tests(plan(zone, sms=test), at(before), at(now)) == (("sms",) if due else ())


def test_every_day_has_exactly_one_test_through_every_change_of_the_clock() -> None:
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"):
        for wall in ("00:00", "02:30", "12:00", "23:59"):
            given = plan(zone, sms=wall)
            moment, end = at("2027-01-01T00:00:00"), at("2028-01-01T00:00:00")
            count = 0
            while moment < end:
                following = moment + timedelta(minutes=20)
                count += len(due_tests(given, moment, following))
                moment = following
            assert count in (365, 366), (zone, wall, count)


@contextmanager
def shouts() -> Iterator[list[str]]:
    """Collect what is said at the level of a critical line and above."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    ear = Ear(logging.CRITICAL)
    logger = logging.getLogger("nightbell.rounds")
    logger.addHandler(ear)
    try:
        yield said
    finally:
        logger.removeHandler(ear)


async def walks(here: Core) -> asyncio.Task[None]:
    rounds = Rounds(here, here.delivery)
    return asyncio.create_task(rounds.run())


def test_an_incident_that_lost_its_next_step_is_found_said_aloud_and_paged_anew(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        walking = await walks(here)
        number = await here.outage()
        await passes(here, 5)
        assert len(here.told(Kind.PAGE)) == 1
        del here.state.records[Escalation][number]  # what no input can do
        with shouts() as said:
            await passes(here, 2 * EVERY)
        assert any(number in line for line in said)
        assert len(here.told(Kind.PAGE)) >= 2
        assert here.vitals.findings == 0, "it was mended, and the next round found nothing"
        assert "audit" not in here.vitals.troubles
        assert any(entry.event == "audit" for entry in await here.store.timeline(number))
        await settle(walking)

    within(tmp_path, story)


def test_a_quiet_night_and_an_ordinary_outage_have_nothing_to_find(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        walking = await walks(here)
        with shouts() as said:
            await passes(here, 3 * EVERY)
            number = await here.outage()
            await passes(here, 20 * EVERY)
            here.sees("home")
            await passes(here, 40 * EVERY)
        assert said == []
        assert number not in here.state.records[Incident], "it is closed"
        await settle(walking)

    within(tmp_path, story)


class Leaping(VirtualClock):
    """A clock that leaps when it is told to."""

    def __init__(self, *, steady: bool) -> None:
        """`steady`: the machine was not asleep, only we were."""
        super().__init__(asyncio.get_running_loop())
        self.steady = steady
        self.leap = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.leap

    def monotonic(self) -> float:
        return super().monotonic() + (self.leap.total_seconds() if self.steady else 0.0)


@pytest.mark.parametrize("steady", [False, True], ids=["suspended, or the clock was set", "stopped"])
def test_after_a_sleep_what_is_overdue_has_its_chance_before_it_is_called_forgotten(
    tmp_path: Path, *, steady: bool
) -> None:
    async def tell() -> None:
        clock = Leaping(steady=steady)
        async with core(tmp_path, time=clock, text=SHOP.replace("{after: 5m,", "{after: 30m,")) as here:
            await here.outage("home")
            here.sees("cart")
            walking = await walks(here)
            await passes(here, 5)
            here.sees("cart", Outcome.DOWN)  # its page waits for others
            await passes(here, EVERY - 6)
            await asyncio.sleep(0.99)
            with shouts() as said:
                clock.leap = timedelta(minutes=10)
                await passes(here, 5 * EVERY)
            assert said == []
            assert [(page.to, page.step) for page in here.told(Kind.PAGE)] == [("li", "1.0"), ("li", "1.0")]
            await settle(walking)

    virtually(tell)


def test_a_time_that_jumps_again_and_again_does_not_end_the_audit(tmp_path: Path) -> None:
    async def tell() -> None:
        clock = Leaping(steady=False)
        async with core(tmp_path, time=clock) as here:
            walking = await walks(here)
            number = await here.outage()
            await passes(here, 5)
            del here.state.records[Escalation][number]  # what no input can do
            with shouts() as said:
                for _ in range(3):
                    clock.leap += timedelta(seconds=40)
                    await passes(here, EVERY)
            assert any(number in line for line in said)
            await settle(walking)

    virtually(tell)


def test_a_send_that_was_lost_sight_of_is_taken_up_when_its_lease_has_run_out(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        walking = await walks(here)
        await here.outage()
        [page] = here.told(Kind.PAGE)
        # Claimed by somebody who is no more, in this very process: nobody will ever bring its receipt.
        claimed = await here.store.claim("nobody", here.clock.now(), timedelta(seconds=30), 10)
        assert page.id in {row.id for row in claimed}
        here.tasks.append(asyncio.create_task(here.delivery.run()))
        await passes(here, 3 * EVERY)
        row = await here.row(page.id)
        assert (row.state, row.repeated) == (NotificationState.ACCEPTED, True)
        await settle(walking)

    within(tmp_path, story, sending=False)


def test_a_send_we_lost_sight_of_ourselves_and_never_marked_leaves_without_being_called_a_repeat(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        walking = await walks(here)
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await here.store.claim(here.delivery.owner, here.clock.now(), timedelta(seconds=30), 10)
        here.tasks.append(asyncio.create_task(here.delivery.run()))
        await passes(here, 3 * EVERY)
        row = await here.row(page.id)
        assert (row.state, row.repeated) == (NotificationState.ACCEPTED, False)
        await settle(walking)

    within(tmp_path, story, sending=False)


def test_a_send_that_ends_while_the_store_is_asked_is_not_lost(tmp_path: Path) -> None:
    """Its lease has run out, its receipt is recorded between two answers of the store."""

    async def story(here: Core) -> None:
        async def slow(_message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await asyncio.sleep(EVERY + 1)
            return Accepted()

        here.providers["sms"].answer = slow
        await here.outage()
        claimed = await here.store.claim(here.delivery.owner, here.clock.now(), timedelta(seconds=1), 10)
        walking = await walks(here)
        here.delivery._begin([row for row in claimed if row.channel == "sms"])
        await asyncio.sleep(EVERY - 1)
        here.store.slow = ("held", 5.0)
        await passes(here, 2 * EVERY)
        assert len(here.providers["sms"].asked) == 1
        [page] = here.told(Kind.PAGE)
        assert (page.state, page.repeated) == (NotificationState.ACCEPTED, False)
        await settle(walking)

    within(tmp_path, story, sending=False, timeout=120, text=ALONE)


def test_the_daily_test_of_a_channel_leaves_at_its_time(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        channel = replace(here.config.plan.channels["sms"], self_test=time(2, 5))  # it is 02:00 there
        fresh = replace(here.config.plan, channels={**here.config.plan.channels, "sms": channel})
        here.pipeline.plan = fresh
        here.config = replace(here.config, plan=fresh)
        walking = await walks(here)
        await passes(here, 4 * EVERY)
        assert here.providers["sms"].took == []
        await passes(here, 3 * EVERY)
        [test] = here.providers["sms"].took
        assert "test" in test.title.lower()
        await passes(here, 60 * EVERY)
        assert len(here.providers["sms"].took) == 1
        await settle(walking)

    within(tmp_path, story, text=SHOP)
