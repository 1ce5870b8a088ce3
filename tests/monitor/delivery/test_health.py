"""How channels are doing, and the cry when none reaches staff any more."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from alerting.inputs import Acknowledge
from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from lab.core_outbox import due, failing, hang_after_reading, providers, queue
from lab.core_parts import seconds
from lab.core_world import Core, passes, until, within
from monitor.cli.logs import JournalFormatter
from monitor.delivery.health import ALERT, TROUBLE, staff_channels


def test_a_channel_s_health_is_what_its_last_attempts_came_to(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1), due(2, channel="mail"))
        await until(lambda: here.vitals.channels.get("mail") and here.vitals.channels["mail"].failures >= 3)
        sms, mail = here.vitals.channels["sms"], here.vitals.channels["mail"]
        assert (sms.failing_since, sms.failures, sms.last_error) == (None, 0, "")
        assert sms.last_accepted_at is not None
        assert mail.last_accepted_at is None
        assert mail.failing_since is not None
        assert mail.last_error == "cannot send: 503"
        began = mail.failing_since
        here.providers["mail"].answer = None
        await until(lambda: here.vitals.channels["mail"].failures == 0)
        assert here.vitals.channels["mail"].failing_since is None
        assert seconds(here.clock.now(), began) > 0

    within(tmp_path, story, providers=providers(mail=failing()))


def test_what_never_went_to_a_provider_says_nothing_of_it(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1, to="nobody"))
        await until(lambda: here.receipts)
        assert here.receipts[0].reason is Reason.NO_ADDRESS
        assert "sms" not in here.vitals.channels

    within(tmp_path, story)


def test_staff_is_reached_by_what_people_have_and_steps_name(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        assert staff_channels(here.config.plan) == {"sms", "mail"}

    within(tmp_path, story)


def cries(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == ALERT]


@pytest.mark.parametrize("how", [failing(), hang_after_reading, failing(retry=False)])
def test_when_no_channel_reaches_staff_it_is_cried_out_once_and_cleared_by_the_first_acceptance(
    how: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        await until(lambda: TROUBLE in here.vitals.troubles, within=120)
        assert here.vitals.troubles[TROUBLE].startswith("no channel reaches staff: mail: ")
        await passes(here, 120)
        assert len(cries(caplog)) == 1
        here.providers["mail"].answer = None
        here.providers["sms"].answer = None
        await queue(here, due(9000))
        await until(lambda: TROUBLE not in here.vitals.troubles, within=60)

    async def ticking(here: Core) -> None:
        await asyncio.gather(story(here), passes(here, 300))

    within(tmp_path, ticking, providers=providers(sms=how, mail=how))


def test_one_channel_that_reaches_staff_is_enough(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        await passes(here, 120)
        assert TROUBLE not in here.vitals.troubles
        assert not cries(caplog)
        assert here.vitals.channels["sms"].failures > 3

    within(tmp_path, story, providers=providers(sms=failing()))


def test_where_no_page_waits_nobody_is_alarmed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Core) -> None:
        await queue(here, due(1), due(2, channel="mail"))
        await passes(here, 60)
        assert min(one.failures for one in here.vitals.channels.values()) > 2
        assert TROUBLE not in here.vitals.troubles

    within(tmp_path, story, providers=providers(sms=failing(), mail=failing()))
    assert not cries(caplog)


def test_what_was_acknowledged_waits_for_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Core) -> None:
        acknowledged = asyncio.Event()

        async def late(_message: Message, _progress: Progress) -> Accepted:
            await acknowledged.wait()
            raise DeliveryError("503", reason=Reason.SERVER)

        here.providers["mail"].answer = late
        number = await here.outage()
        await until(lambda: here.providers["mail"].under_way)
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        acknowledged.set()
        await until(lambda: "mail" in here.vitals.channels)
        await passes(here, 60)
        assert {name for name, one in here.vitals.channels.items() if one.failing_since} == {"sms", "mail"}
        assert TROUBLE not in here.vitals.troubles

    within(tmp_path, story, providers=providers(sms=failing(retry=False)), timeout=600.0)
    assert not cries(caplog)


def test_the_cry_has_the_journal_s_priority_1() -> None:
    record = logging.LogRecord("nightbell.delivery", ALERT, __file__, 1, "no channel", None, None)
    assert JournalFormatter().format(record) == "<1>nightbell.delivery: no channel"
    assert logging.getLevelName(ALERT) == "ALERT"
