"""Every provider is down for an hour: nothing is lost, one message comes when it returns, and no pile.

The hour (minutes, in the smoke tier) is virtual: the daemon's own deciding, recording and sending on a loop that
jumps from timer to timer. The same for the whole daemon and real sockets stands in test_provider_returns.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from alerting.notification import Kind, NotificationState, Reason, Receipt
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from lab.core_parts import Provider, for_ever
from lab.core_world import SHOP, Core, passes, within
from monitor.delivery.backoff import LONGEST, LONGEST_WISH

RETURNS_WITHIN: Final = 60
"""Seconds after a provider's return within which what waited is delivered."""

SECOND_WITHIN: Final = 30
"""Seconds after which a person's second channel is asked."""

CROWD: Final = SHOP.replace(
    "people:\n",
    "people:\n"
    + "".join(f"  p{n}: {{channels: {{sms: '{n}', mail: p{n}@shop.example}}}}\n" for n in range(30)),
).replace("[{page: {rota: ops}}", f"[{{page: {[f'p{n}' for n in range(30)]}}}")
"""The first step pages thirty people, each with two channels: thirty draws of the waits."""

ONE_CHANNEL: Final = SHOP.replace(", mail: li@shop.example}", "}").replace(", mail: han@shop.example}", "}")
OFTEN: Final = ONE_CHANNEL.replace("{repeat: 1h}", "{repeat: 5m}")


class Down:
    """A provider that is down until it is told otherwise, in one of the ways there are."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.down = True
        self.took: list[tuple[float, Message]] = []
        self.asked: list[float] = []

    async def __call__(self, message: Message, progress: Progress) -> Accepted:
        loop = asyncio.get_running_loop()
        self.asked.append(loop.time())
        if self.down:
            match self.how:
                case "refused":
                    raise DeliveryError("cannot connect: refused", reason=Reason.CONNECT)
                case "503":
                    raise DeliveryError("cannot send: 503", reason=Reason.SERVER)
                case _:
                    await for_ever()
        progress.sent = True
        self.took.append((loop.time(), message))
        return Accepted()


def waits(receipts: list[Receipt]) -> list[float]:
    """Return how long each failed attempt made the next one wait, in seconds."""
    return [
        (one.retry_at - one.at).total_seconds()
        for one in receipts
        if one.state is NotificationState.PENDING and one.retry_at is not None
    ]


def providers(sms: Any, mail: Any = None) -> dict[str, Provider]:
    return {"sms": Provider(answer=sms), "mail": Provider(answer=mail), "customers": Provider()}


@pytest.mark.parametrize(
    ("how", "text"),
    [("refused", ONE_CHANNEL), ("503", OFTEN), ("hanging", ONE_CHANNEL), ("hanging", OFTEN)],
    ids=["refused", "503-repeated", "hanging", "hanging-repeated"],
)
def test_after_an_hour_without_its_provider_each_person_gets_one_page_and_soon(
    how: str, text: str, tmp_path: Path, tier: str, figures: Any
) -> None:
    sms = Down(how)
    minutes = 60 if tier == "nightly" else 12

    async def story(here: Core) -> None:
        await here.outage()
        await passes(here, minutes * 60)
        assert not sms.took
        sms.down = False
        back = asyncio.get_running_loop().time()
        await passes(here, RETURNS_WITHIN)

        late = [at - back for at, _ in sms.took]
        told = Counter(message.to for _, message in sms.took if message.kind is Kind.PAGE)
        titles = Counter((message.to, message.title) for _, message in sms.took)
        found = waits(here.receipts)
        figures.record(
            f"provider down {minutes} min, virtual ({how})", n=2, lost=2 - len(told),
            duplicates=sum(told.values()) - len(told),
            latest=f"{max(late, default=0):.0f} s", reminders=len(sms.took) - sum(told.values()),
            attempts=len(sms.asked), longest_wait=f"{max(found):.1f} s",
        )  # fmt: skip
        assert told == {"li": 1, "han": 1}
        assert set(titles.values()) == {1}, "the same thing twice"
        assert max(found) <= LONGEST
        assert len({round(one, 3) for one in found[-10:]}) == 10, "the waits are not drawn by lot"

    within(tmp_path, story, text=text, providers=providers(sms))


@pytest.mark.parametrize("how", ["refused", "503", "hanging"])
def test_while_one_channel_is_down_the_next_is_asked_within_half_a_minute(
    how: str, tmp_path: Path, figures: Any
) -> None:
    sms, mail = Down(how), Down("works")
    mail.down = False

    async def story(here: Core) -> None:
        began = asyncio.get_running_loop().time()
        await here.outage()
        await passes(here, 60)
        pages = [(at, message.to) for at, message in mail.took if message.kind is Kind.PAGE]
        asked = [at - began for at, _ in pages]
        told = Counter(to for _, to in pages)
        figures.record(
            f"second channel ({how})", n=30, lost=30 - len(told), duplicates=len(pages) - len(told),
            asked_after=f"{max(asked, default=0):.1f} s",
        )  # fmt: skip
        assert told == {f"p{number}": 1 for number in range(30)}
        assert max(asked) <= SECOND_WITHIN + 1

    within(tmp_path, story, text=CROWD, providers=providers(sms, mail), parallel=40)


@pytest.mark.parametrize(("wish", "least", "most"), [(20, 20, 60), (300, 300, 301), (7200, 600, 601)])
def test_a_provider_that_asks_for_time_gets_it_within_bounds(
    wish: int, least: int, most: int, tmp_path: Path
) -> None:
    asked: list[float] = []

    async def later(_message: Message, _progress: Progress) -> Accepted:
        asked.append(asyncio.get_running_loop().time())
        raise DeliveryError("cannot send: 429", reason=Reason.RATE_LIMIT, retry_after=timedelta(seconds=wish))

    async def story(here: Core) -> None:
        await here.outage()
        await passes(here, 1300)
        mine = [one for one in here.told(Kind.PAGE) if one.to == "li"]
        assert len(mine) == 1
        assert len(asked) >= 3
        assert timedelta(seconds=most) <= LONGEST_WISH + timedelta(seconds=1)
        gaps = [after - before for before, after in pairwise(asked)]
        assert all(least <= gap <= most for gap in gaps), gaps

    text = ONE_CHANNEL.replace("{after: 5m, page: {backup: ops}}, ", "")
    within(tmp_path, story, text=text, providers=providers(later))
