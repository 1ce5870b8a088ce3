"""Bundles: what is claimed together under one name leaves as one message, and each row has a receipt of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.inputs import Acknowledge
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from alerting.severity import Severity
from lab.core_outbox import ACCEPTED, CANCELLED, hang_after_reading, hang_unread, providers, queue
from lab.core_virtual import START, VirtualClock, virtually
from lab.core_world import Core, core, passes, shop, until, within
from lab.records import NOON, incident, notification
from monitor.delivery.compose import TOLD, compose, compose_many
from monitor.delivery.leaving import together

KEY = b"k" * 32


def page(number: int, **changed: Any) -> Notification:
    """A page of incident INC-number, in the bundle B."""
    usual: dict[str, Any] = {
        "incident": f"INC-{number}",
        "title": f"INC-{number} shop {number} is down",
        "bundle": "B",
        "created_at": START,
        "not_before": START,
        "not_after": START + timedelta(hours=24),
    }
    return notification(number, **usual | changed)


async def storm(here: Core, count: int, **changed: Any) -> None:
    """Queue one page of each of so many incidents, all in one bundle."""
    incidents = [
        incident(number, since=START, opened_at=START, changed_at=START) for number in range(1, count + 1)
    ]
    await queue(here, *incidents, *(page(number, **changed) for number in range(1, count + 1)))  # type: ignore[arg-type]


async def states(here: Core, count: int) -> list[NotificationState]:
    return [(await here.row(f"N-{number}")).state for number in range(1, count + 1)]


def test_rows_of_one_bundle_leave_as_one_message_with_a_receipt_each(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await storm(here, 3)
        await until(lambda: len(here.receipts) == 3)
        [message] = here.providers["sms"].asked
        assert message.title.startswith("3 incidents: INC-1 shop 1 is down; INC-2")
        assert (message.id, message.dedup_key, message.incident) == ("N-1", "key-1", "INC-1")
        await asyncio.sleep(1)
        assert await states(here, 3) == [ACCEPTED] * 3
        assert {(await here.store.receipts(f"N-{n}"))[0].provider_id for n in (1, 2, 3)} == {"p-1"}

    within(tmp_path, story)


def composed(tmp_path: Path, count: int, **how: Any) -> Message:
    plan = shop(tmp_path, {}).plan
    made = compose_many([page(n, **how) for n in range(1, count + 1)], plan, KEY, NOON)
    assert made is not None
    return made


def test_the_first_lines_are_link_code_and_command_of_the_first_incident(tmp_path: Path) -> None:
    message = composed(tmp_path, 3, step="1.0")
    alone = compose(page(1, step="1.0"), shop(tmp_path, {}).plan, KEY, NOON)
    assert alone is not None
    assert message.ack_url == alone.ack_url
    assert message.text.splitlines()[:3] == alone.text.splitlines()[:3]
    for number in (1, 2, 3):
        assert f"INC-{number} shop {number} is down" in message.text.splitlines()
        assert f"nightbell ack INC-{number}" in message.text
    links = [line for line in message.text.splitlines() if "/ack/" in line]
    assert len(links) == 4
    assert len(set(links)) == 3


def test_a_long_bundle_tells_of_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    message = composed(tmp_path, TOLD + 5)
    assert message.text.splitlines()[-1] == "and 5 more"
    assert f"INC-{TOLD} shop" in message.text
    assert f"INC-{TOLD + 1} " not in message.text
    assert message.title.startswith(f"{TOLD + 5} incidents: ")
    assert len(message.title) <= 120
    assert "more" not in composed(tmp_path, TOLD).text.splitlines()[-1]


def test_the_words_are_the_reader_s(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    plan = replace(plan, people={"li": replace(plan.people["li"], language="zh")})
    message = compose_many([page(n) for n in range(1, TOLD + 3)], plan, KEY, NOON)
    assert message is not None
    assert message.title.startswith(f"{TOLD + 2} 起事件：")
    assert message.text.endswith("另有 2 起")


def test_notices_are_told_without_links(tmp_path: Path) -> None:
    message = composed(tmp_path, 2, kind=Kind.RECOVERY)
    assert message.title.startswith("2 messages: ")
    assert "/ack/" not in message.text
    assert message.ack_url is None


def test_the_message_is_as_severe_as_the_worst_and_names_every_service(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    rows = [
        page(1, severity=Severity.WARNING, services=("shop",)),
        page(2, severity=Severity.CRITICAL, services=("cart", "shop")),
    ]
    message = compose_many(rows, plan, KEY, NOON)
    assert message is not None
    assert (message.severity, message.services) == (Severity.CRITICAL, ("shop", "cart"))


def test_a_bundle_of_which_one_is_left_is_an_ordinary_page(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    assert compose_many([page(1)], plan, KEY, NOON) == compose(page(1), plan, KEY, NOON)
    remembered = compose_many([page(1)], plan, KEY, NOON, remembered=True)
    assert remembered is not None
    assert remembered.text.startswith("Not recorded")


def test_what_is_no_longer_wanted_drops_out_by_itself(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await storm(here, 3)
        await here.submit(Acknowledge(incident="INC-2", by="li", via="api"))
        sending = asyncio.create_task(here.delivery.run())
        await until(lambda: here.providers["sms"].asked)
        await asyncio.sleep(1)
        [message] = here.providers["sms"].asked
        assert message.title.startswith("2 incidents: ")
        assert "INC-2" not in message.text
        assert await states(here, 3) == [ACCEPTED, CANCELLED, ACCEPTED]
        sending.cancel()

    within(tmp_path, story, sending=False)


def test_called_off_between_claim_and_send_a_row_is_cancelled_and_the_last_goes_alone(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await storm(here, 3)
        rows = await here.store.claim("me", here.clock.now(), timedelta(minutes=1), 64, frozenset())
        for number in ("INC-1", "INC-3"):
            await here.submit(Acknowledge(incident=number, by="li", via="api"))
        here.delivery._begin(rows)
        await until(lambda: len(here.receipts) == 3)
        [message] = here.providers["sms"].asked
        assert message.title == "INC-2 shop 2 is down"
        row = await here.becomes("N-1", CANCELLED)
        assert row.reason is Reason.ACKNOWLEDGED

    within(tmp_path, story, sending=False)


@pytest.mark.parametrize("sent", [False, True], ids=["certainly not taken", "perhaps taken"])
def test_a_bundle_that_fails_stays_together_and_is_called_a_repeat_only_where_it_may_be(
    sent: bool, tmp_path: Path
) -> None:
    async def story(here: Core) -> None:
        fails = [True]

        async def answer(message: Message, progress: Progress) -> Accepted:
            progress.sent = sent
            if fails:
                fails.clear()
                raise DeliveryError("503", reason=Reason.SERVER, ambiguous=sent)
            here.providers["sms"].took.append(message)
            return Accepted()

        here.providers["sms"].answer = answer
        await storm(here, 40)
        await passes(here, 20)
        first, second = here.providers["sms"].asked
        assert first.title == second.title
        assert first.dedup_key == second.dedup_key
        assert ("may be a repeat" in second.text) is sent
        assert await states(here, 40) == [ACCEPTED] * 40
        assert len({receipt.retry_at for receipt in here.receipts if receipt.retry_at}) == 1

    within(tmp_path, story)


@pytest.mark.parametrize("dies", [False, True], ids=["its answer was lost", "the daemon died"])
def test_a_bundle_that_comes_again_without_its_first_row_keeps_its_key(dies: bool, tmp_path: Path) -> None:
    """Under another key a provider that drops repeats would show the others twice."""

    async def lost(_message: Message, progress: Progress) -> Accepted:
        progress.sent = True
        if dies:
            await asyncio.Event().wait()
        raise DeliveryError("reset", reason=Reason.CONNECT, ambiguous=True)

    def row(number: int) -> Notification:
        lives = timedelta(seconds=0.2 if number == 1 else 3600)
        return page(number, kind=Kind.REMINDER, incident=None, not_after=START + lives)

    async def story() -> None:
        time = VirtualClock(asyncio.get_running_loop())
        async with core(tmp_path, providers=providers(sms=lost), time=time) as here:
            await queue(here, *map(row, range(1, 6)))
            await until(lambda: here.providers["sms"].asked)
            [first] = here.providers["sms"].asked
            if not dies:
                here.providers["sms"].answer = None
                await until(lambda: here.providers["sms"].took, within=30)
                [again] = here.providers["sms"].took
        if dies:
            await asyncio.sleep(1)
            async with core(tmp_path, time=time) as here:
                await until(lambda: here.providers["sms"].took, within=30)
                [again] = here.providers["sms"].took
        assert (first.title[:11], again.title[:11]) == ("5 messages:", "4 messages:")
        assert "may be a repeat" in again.text
        assert again.dedup_key == first.dedup_key

    virtually(story)


def test_what_left_in_another_message_keeps_apart() -> None:
    """Each repeat has the key of the message in which it may have arrived."""
    mine, others = page(1, repeated=True, left_as="a"), page(2, repeated=True, left_as="b")
    assert together([mine, others, page(3, repeated=True, left_as="a")]) == [
        (mine, page(3, repeated=True, left_as="a")),
        (others,),
    ]


def test_what_may_be_a_repeat_keeps_apart_from_news() -> None:
    """A provider that drops repeats by their key would drop the news along with them."""
    repeat, news = page(1, repeated=True), page(2)
    assert together([repeat, news]) == [(repeat,), (news,)]


@pytest.mark.parametrize(
    "other", [{"to": "han"}, {"channel": "mail"}, {"kind": Kind.RECOVERY}, {"bundle": "C"}]
)
def test_only_what_has_the_same_reader_channel_and_kind_leaves_together(other: dict[str, Any]) -> None:
    mine, mine_too, others = page(1), page(3), page(2, **other)
    assert together([mine, others, mine_too]) == [(mine, mine_too), (others,)]


def test_rows_without_a_bundle_leave_alone() -> None:
    rows = [page(1, bundle=""), page(2, bundle="")]
    assert together(rows) == [(rows[0],), (rows[1],)]


def test_a_bundle_counts_as_one_send(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        release = asyncio.Event()

        async def slow(message: Message, progress: Progress) -> Accepted:
            progress.sent = True
            await release.wait()
            return Accepted()

        here.providers["sms"].answer = slow
        await storm(here, 30)
        await queue(here, page(31, kind=Kind.REMINDER, bundle="", incident=None))
        await until(lambda: here.providers["sms"].under_way == 2)
        release.set()
        await here.becomes("N-31", ACCEPTED)

    within(tmp_path, story, parallel=2)


def test_pages_from_memory_leave_together_too(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await storm(here, 5, not_before=START + timedelta(seconds=20))
        await asyncio.sleep(5)
        here.store.fails()
        await until(lambda: here.providers["sms"].took, within=60)
        [message] = here.providers["sms"].took
        assert message.title.startswith("5 incidents")
        assert message.text.startswith("Not recorded")
        here.store.works()
        await passes(here, 10)
        assert await states(here, 5) == [ACCEPTED] * 5
        assert len(here.providers["sms"].asked) == 1

    within(tmp_path, story)


def test_a_bundle_that_cannot_be_composed_leaves_as_plain_facts(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.ack_key = b"short"  # with such a key no link can be signed
        await storm(here, 30)
        await until(lambda: here.providers["sms"].took)
        [message] = here.providers["sms"].took
        assert message.title == "30: INC-1 shop 1 is down"
        assert "INC-20 shop 20 is down" in message.text
        await asyncio.sleep(1)
        assert await states(here, 30) == [ACCEPTED] * 30

    within(tmp_path, story)


@pytest.mark.parametrize("left", [False, True], ids=["nothing had left", "it may have left"])
def test_a_bundle_cut_off_by_a_crash_comes_again_whole_and_says_so_where_it_must(
    left: bool, tmp_path: Path
) -> None:
    async def story() -> None:
        async with core(
            tmp_path, providers=providers(sms=hang_after_reading if left else hang_unread)
        ) as here:
            await queue(here, *(page(n, kind=Kind.REMINDER, incident=None) for n in range(1, 31)))
            await until(lambda: here.providers["sms"].under_way)
        async with core(tmp_path) as here:
            await until(lambda: here.providers["sms"].took, within=30)
            await asyncio.sleep(30)
            [message] = here.providers["sms"].took
            assert message.title.startswith("30 messages: ")
            assert ("may be a repeat" in message.text) is left
            assert await states(here, 30) == [ACCEPTED] * 30

    virtually(story)
