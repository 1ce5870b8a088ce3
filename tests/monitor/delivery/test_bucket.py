"""The token bucket, and the channels it holds back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.inputs import Acknowledge
from alerting.notification import Kind
from alerting.notifiers.api import Accepted, Message, Progress
from config.model import Rate
from lab.core_outbox import ACCEPTED, due, queue
from lab.core_virtual import START
from lab.core_world import Core, passes, until, within
from monitor.delivery.bucket import Bucket


def test_it_holds_its_count_and_fills_evenly() -> None:
    bucket = Bucket.full(Rate(count=3, seconds=30), 100)
    assert bucket.tokens(100) == 3
    bucket = bucket.taken(100, 3)
    assert (bucket.tokens(100), bucket.wait(100)) == (0, 10)
    assert (bucket.tokens(109.9), bucket.tokens(110), bucket.tokens(1000)) == (0, 1, 3)
    assert bucket.wait(110) == 0


def test_what_left_beyond_it_is_made_up_for() -> None:
    bucket = Bucket.full(Rate(count=1, seconds=10), 0).taken(0, 3)
    assert bucket.wait(0) == 30
    assert bucket.tokens(29) == 0
    assert bucket.tokens(30) == 1


def test_what_did_not_leave_is_given_back_and_never_more() -> None:
    bucket = Bucket.full(Rate(count=2, seconds=10), 0)
    assert bucket.taken(0, -1).tokens(0) == 2
    assert bucket.taken(0).taken(0, -1).tokens(0) == 2


def test_another_rate_gives_nothing_for_nothing() -> None:
    bucket = Bucket.full(Rate(count=10, seconds=10), 0).taken(0, 9)
    assert bucket.under(Rate(count=100, seconds=10), 0).tokens(0) == 1
    assert bucket.under(Rate(count=10, seconds=10), 0) is bucket
    assert Bucket.full(Rate(count=10, seconds=10), 0).under(Rate(count=2, seconds=10), 0).tokens(0) == 2


@given(
    rate=st.builds(Rate, count=st.integers(1, 1000), seconds=st.sampled_from([1.0, 60.0, 3600.0, 86400.0])),
    waits=st.lists(st.floats(0, 100_000), max_size=50),
)
def test_waiting_as_long_as_it_says_always_gives_a_token_and_never_more_than_the_rate(
    rate: Rate, waits: list[float]
) -> None:
    now, left = 1000.0, 0
    bucket = Bucket.full(rate, now)
    for wait in waits:
        now += wait
        if not bucket.tokens(now):
            now += bucket.wait(now)
            assert bucket.tokens(now) >= 1
        left += bucket.tokens(now)
        bucket = bucket.taken(now, bucket.tokens(now))
        assert left <= rate.count + (now - 1000) * rate.count / rate.seconds + 1e-3


def limited(here: Core, rates: Mapping[str, Rate]) -> None:
    channels = {name: replace(one, rate=rates.get(name)) for name, one in here.config.channels.items()}
    here.config = replace(here.config, channels=channels)


def times_of(here: Core, channel: str) -> list[float]:
    """Return a list that grows by the time of each message of a channel."""
    times: list[float] = []

    async def answer(message: Message, progress: Progress) -> Accepted:
        progress.sent = True
        times.append((here.clock.now() - START).total_seconds())
        here.providers[channel].took.append(message)
        return Accepted()

    here.providers[channel].answer = answer
    return times


def test_a_channel_sends_its_rate_and_no_faster_and_others_go_on(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        limited(here, {"sms": Rate(count=3, seconds=60)})
        times, others = times_of(here, "sms"), times_of(here, "mail")
        await queue(here, *(due(n, channel=("sms", "mail")[n % 2]) for n in range(1, 21)))
        await until(lambda: len(times) == 10, within=600)
        assert len(others) == 10
        assert max(others) < 1
        assert max(times[:3]) < 1
        assert [round(one) for one in times[3:]] == [20, 40, 60, 80, 100, 120, 140]

    within(tmp_path, story)


def test_the_most_urgent_leaves_first_when_tokens_are_few(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        limited(here, {"sms": Rate(count=1, seconds=10)})
        times_of(here, "sms")
        await queue(here, due(101), due(102), due(103))
        await until(lambda: here.providers["sms"].took)
        await here.outage()
        await until(lambda: len(here.providers["sms"].took) == 4, within=120)
        assert [one.kind for one in here.providers["sms"].took][:2] == [Kind.REMINDER, Kind.PAGE]

    within(tmp_path, story)


def test_what_was_not_sent_costs_nothing(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        limited(here, {"sms": Rate(count=1, seconds=3600)})
        times = times_of(here, "sms")
        number = await here.outage()
        [page] = here.told(Kind.PAGE)
        [row] = await here.store.claim(
            "me", here.clock.now(), timedelta(minutes=1), 1, frozenset({"customers"})
        )
        await here.submit(Acknowledge(incident=number, by="li", via="api"))
        sending = asyncio.create_task(here.delivery.run())
        here.delivery._begin([row])
        await passes(here, 2)
        assert page.id == row.id
        await queue(here, due(500))
        await here.becomes("N-500", ACCEPTED, within=60)
        assert len(times) == 1
        sending.cancel()

    within(tmp_path, story, sending=False)


def test_waiting_for_tokens_looks_seldom(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        limited(here, {"sms": Rate(count=1, seconds=3600)})
        times_of(here, "sms")
        await queue(here, due(1), due(2))
        await until(lambda: here.providers["sms"].took)
        await asyncio.sleep(1)
        here.store.calls.clear()
        await asyncio.sleep(3000)
        assert here.store.calls.count("claim") <= 310

    within(tmp_path, story)


@pytest.mark.parametrize("count", [1, 5])
def test_pages_from_memory_keep_to_the_rate_too(count: int, tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        limited(here, {"sms": Rate(count=count, seconds=600)})
        await here.outage("home")
        await here.outage("cart")
        pages = here.told(Kind.PAGE)
        here.store.fails()
        sending = asyncio.create_task(here.delivery.run())
        await passes_while_failing(here, 100)  # the second waits for others of its kind first
        assert len(here.providers["sms"].asked) == min(count, len(pages))
        sending.cancel()

    within(tmp_path, story, sending=False)


async def passes_while_failing(here: Core, seconds: float) -> None:
    here.vitals.troubles["store"] = "it fails"
    await asyncio.sleep(seconds)
