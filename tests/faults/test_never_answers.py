"""A provider takes a message and never says so: it is sent once more, marked, and then no more; to customers never.

Nobody can know whether a person has read it. So no message has no receipt at the provider, none has more than two,
and the second owns up to it. Words to customers are held for a person to decide instead. A kill -9 in between adds at
most what was being sent at that moment: the provider may just as well have refused it, and nobody heard of that.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from lab.checker import MARK, messages
from lab.daemon import Nightbell
from lab.providers import Providers
from lab.wait import until
from lab.world import World

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, retry_every: 1s}}
{checks}
services: {{{services}}}
people: {{{people}}}
escalations: {{urgent: [{{page: [{everybody}]}}, {{repeat: 24h}}]}}
paging: {{bundle: off}}
channels:
  hook: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: {timeout}, parallel: {parallel}}}
  mail: {{notifier: smtp, host: 127.0.0.1, port: {mail}, security: none, from: nb@example.com,
         timeout: {timeout}, parallel: {parallel}}}
  customers: {{notifier: webhook, url: "http://127.0.0.1:{customers}/", audience: everyone, timeout: {timeout}}}
"""

PARALLEL: Final = 50
"""Sends at once by each of the two channels."""
SILENCE: Final = {"swallow": 1.0}
ALL_WAYS: Final = {"swallow": 4.0, "rst": 2.0, "answer-rst": 2.0, "drip": 1.0, "cut:9": 1.0, "garbage": 1.0}
BY_MAIL: Final = {"swallow": 4.0, "rst": 2.0, "answer-rst": 2.0, "drip": 1.0}
"""How messages are taken, and how often each way comes."""


def configured(world: World, people: int, here: Providers, there: Providers) -> str:
    names = [f"p{number}" for number in range(people)]
    return CONFIG.format(
        checks=world.checks(),
        services=", ".join(
            f"s-{name}: {{title: {name}, checks: [{name}], announce: auto}}" for name in world.names
        ),
        people=", ".join(
            f"{name}: {{channels: {{{('hook', 'mail')[number % 2]}: {name}@example.com}}}}"
            for number, name in enumerate(names)
        ),
        everybody=", ".join(names),
        pager=here.ports["pager"], mail=here.ports["mail"], customers=there.ports["pager"], timeout="1s",
        parallel=PARALLEL,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How many incidents page how many people, how the two providers take it, and how often the daemon is killed."""

    targets: int
    people: int
    hook: Mapping[str, float]
    mail: Mapping[str, float]
    kills: int = 0


STORIES: Final = {
    "smoke": (Story(targets=2, people=6, hook=ALL_WAYS, mail=SILENCE, kills=1),),
    "nightly": (
        Story(targets=10, people=50, hook=SILENCE, mail=SILENCE),
        Story(targets=10, people=50, hook=ALL_WAYS, mail=BY_MAIL, kills=5),
    ),
}


def test_what_is_taken_without_a_word_is_repeated_once_and_says_so(
    tmp_path: Path, tier: str, dice: Random, figures: Any
) -> None:
    for number, story in enumerate(STORIES[tier]):
        tell(story, tmp_path / str(number), dice, figures)


def tell(story: Story, home: Path, dice: Random, figures: Any) -> None:
    targets, people, kills = story.targets, story.people, story.kills
    with (
        World(home / "world", targets=targets) as world,
        Providers(home / "staff") as here,
        Providers(home / "customers") as there,
    ):
        here.chances("pager", str(dice.random()), story.hook)
        here.chances("mail", str(dice.random()), story.mail)
        there.mode("pager", "swallow")
        daemon = Nightbell(home / "daemon", configured(world, people, here, there))
        try:
            daemon.start(within=120)
            until(
                lambda: all(one["outcome"] == "up" for one in daemon.items("checks")),
                within=120,
                why="all work",
            )
            for name in world.names:
                world.down(name)
            until(here.receipts, within=10, why="a page is taken")
            for _ in range(kills):
                time.sleep(dice.uniform(0.0, 1.2))
                daemon.kill()
                daemon.start(within=120)
            until(
                lambda: settled(daemon, targets * (people + 1)),
                within=120,
                why="every message comes to an end",
            )
            rows = {row["dedup_key"]: row for row in notifications(daemon)}
        finally:
            daemon.close()
        staff, customers = messages(here.receipts()), messages(there.receipts())

    pages = {key: row for key, row in rows.items() if row["kind"] == "page"}
    words = {key: row for key, row in rows.items() if row["kind"] == "announcement"}
    marks: dict[str, list[bool]] = defaultdict(list)
    for one in staff:
        marks[one.key].append(one.marked)
    receipts = Counter(len(marks[key]) for key in pages)
    held = Counter(one.key for one in customers)
    figures.record(
        "the provider takes it and never answers", n=len(pages), lost=receipts[0],
        kills=kills,
        duplicates=sum((many - 1) * count for many, count in receipts.items() if many),
        receipts={str(many): count for many, count in sorted(receipts.items())},
        customers={str(many): count for many, count in sorted(Counter(held[key] for key in words).items())},
    )  # fmt: skip
    assert len(pages) == targets * people
    assert not receipts[0]
    assert max(receipts) <= 2 + kills, {key: found for key, found in marks.items() if len(found) > 2 + kills}
    assert sum((many - 2) * count for many, count in receipts.items() if many > 2) <= kills * 2 * PARALLEL
    assert not [key for key in pages if not all(marks[key][1:])], f"a repeat without {MARK!r}"
    if not kills:
        assert receipts == {2: len(pages)}
        assert not any(first for first, _ in marks.values()), "marked although it was the first"
    assert len(words) == targets
    assert max(held.values()) == 1
    for key, row in words.items():
        assert row["state"] == "ambiguous", "not held for a person"
        assert held[key] == 1 or kills, "customers never heard of it"


def settled(daemon: Nightbell, due: int) -> bool:
    """Tell whether all are recorded and none may be sent any more."""
    rows = notifications(daemon)
    return len(rows) >= due and not any(row["state"] in ("pending", "sending") for row in rows)


def notifications(daemon: Nightbell) -> list[dict[str, Any]]:
    """Return the pages and the words to customers."""
    found: list[dict[str, Any]] = []
    for kind in ("page", "announcement"):
        cursor = ""
        while True:
            answer = daemon.api(f"notifications?kind={kind}&limit=1000{cursor}")
            found += answer["items"]
            if not answer.get("next"):
                break
            cursor = f"&cursor={answer['next']}"
    return found
