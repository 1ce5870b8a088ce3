"""Nobody acknowledges while the daemon is killed again and again: every step pages when it is due, and once.

What counts is what the provider took, from a ledger it syncs before it answers. When a step is due is worked out here,
from the incident's opening and the policy; only where a round began is asked of the daemon: it begins again after the
round before it, and that may have been taken a little late.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from lab.checker import Message, messages
from lab.daemon import Nightbell
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import until
from lab.world import World

KILLS, APART, PEOPLE, TARGETS = 200, 5.0, 12, 3
"""Kills on the way, seconds between two steps, people (one a step), and incidents."""

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, retry_every: 1s, escalation: urgent}}
{checks}
services: {{{services}}}
people: {{{people}}}
escalations: {{urgent: [{steps}, {{repeat: 1m}}]}}
paging: {{bundle: off}}
channels:
  mail: {{notifier: smtp, host: 127.0.0.1, port: {smtp}, security: none, from: nb@example.com, parallel: 20}}
"""

TOLERANCE: Final = 5.0
"""Seconds after its time within which a step's page is taken."""
REPEAT: Final = 60.0
START: Final = 2.0
"""Seconds without a daemon that count as its own between a step's time and its page; more is a busy machine's."""


def configured(world: World, steps: Sequence[float], smtp: int) -> str:
    """Return a configuration in which each step pages a person of its own."""
    names = [f"p{place}" for place in range(len(steps))]
    return CONFIG.format(
        checks=world.checks(),
        services=", ".join(f"s-{name}: {{title: {name}, checks: [{name}]}}" for name in world.names),
        people=", ".join(f"{name}: {{channels: {{mail: {name}@example.com}}}}" for name in names),
        steps=", ".join(
            f"{{after: {after:g}s, page: {{people: [{name}]}}}}"
            for after, name in zip(steps, names, strict=True)
        ),
        smtp=smtp,
    )


if NIGHTLY:  # shorter ways with kills on them stand in tests/stories

    def test_each_step_pages_at_its_time_though_the_daemon_is_killed_on_the_way(
        tmp_path: Path, dice: Random, figures: Any
    ) -> None:
        steps = [place * APART for place in range(PEOPLE)]
        with (
            World(tmp_path / "world", targets=TARGETS) as world,
            Providers(tmp_path / "providers") as providers,
        ):
            daemon = Nightbell(tmp_path / "daemon", configured(world, steps, providers.ports["mail"]))
            try:
                daemon.start(within=120)
                until(
                    lambda: all(one["outcome"] == "up" for one in daemon.items("checks")),
                    within=120,
                    why="all work",
                )
                for name in world.names:
                    world.down(name)
                until(lambda: len(daemon.items("incidents")) == TARGETS, within=10, why="the incidents open")
                gone: list[tuple[float, float]] = []
                for _ in range(KILLS):
                    time.sleep(dice.uniform(0.0, 1.5))
                    daemon.kill()
                    killed = time.time()
                    daemon.start(within=120)
                    gone.append((killed, time.time()))
                ended = time.time()
                rounds = begun(daemon)
                due = {one: expected(began, steps, ended) for one, began in rounds.items()}
                time.sleep(TOLERANCE)
                incidents = [one["id"] for one in daemon.items("incidents")]
            finally:
                daemon.close()
            taken = [one for one in messages(providers.receipts()) if one.kind == "page"]

        assert len(incidents) == TARGETS, incidents
        late: list[float] = []
        worst = 0.0
        problems: list[str] = []
        for one in incidents:
            pages = [page for page in taken if page.incidents == {one}]
            problems += unasked(pages)
            for step, at in due[one]:
                here = [page for page in pages if page.steps.get(one) == step]
                if not here:
                    problems.append(f"{one} step {step}: lost")
                    continue
                late.append(here[0].at - at - excused(gone, at, here[0].at))
                worst = max(worst, here[0].at - at)
                if len({page.key for page in here}) > 1:
                    problems.append(f"{one} step {step}: paged as {sorted({page.key for page in here})}")
                if not -0.5 <= late[-1] <= TOLERANCE:
                    problems.append(f"{one} step {step}: {late[-1]:.1f} s after its time")
        again = len(taken) - len({page.key for page in taken})
        figures.record(
            "nobody acknowledges, killed on the way", n=KILLS, steps=len(late), duplicates=again,
            lost=sum("lost" in one for one in problems), late=sum("after its time" in one for one in problems),
            latest=f"{max(late, default=0):.1f} s", by_the_clock=f"{worst:.1f} s",
            slowest_start=f"{max(end - start for start, end in gone):.1f} s",
        )  # fmt: skip
        assert not problems
        assert len(late) >= len(steps) * TARGETS, "not even one round was judged"
        assert again <= KILLS * TARGETS, "more repeats than pages under way at the kills"


def excused(gone: Sequence[tuple[float, float]], due: float, told: float) -> float:
    """Return for how long the machine, not the daemon, kept a page back: it takes its time to start processes."""
    down = sum(max(0.0, min(end, told) - max(start, due)) for start, end in gone)
    return max(0.0, down - START)


def begun(daemon: Nightbell) -> Mapping[str, Mapping[int, float]]:
    """Return when each round of each incident began: the first at its opening, the next after the last step's time."""
    taken: dict[str, dict[str, float]] = defaultdict(dict)
    cursor = ""
    while True:
        answer = daemon.api(f"notifications?kind=page&limit=1000{cursor}")
        for row in answer["items"]:
            taken[row["incident"]][row["step"]] = datetime.fromisoformat(row["created_at"]).timestamp()
        if not answer.get("next"):
            break
        cursor = f"&cursor={answer['next']}"
    found: dict[str, dict[int, float]] = {}
    for one in daemon.items("incidents"):
        steps = taken[one["id"]]
        last = max(int(step.partition(".")[2]) for step in steps)
        found[one["id"]] = {1: datetime.fromisoformat(one["opened_at"]).timestamp()}
        for step, at in steps.items():
            turn, _, place = step.partition(".")
            if int(place) == last:
                found[one["id"]][int(turn) + 1] = at + REPEAT
    return found


def expected(
    rounds: Mapping[int, float], steps: Sequence[float], until_then: float
) -> list[tuple[str, float]]:
    """Return each step that was due by then, and when."""
    return [
        (f"{turn}.{place}", began + after)
        for turn, began in rounds.items()
        for place, after in enumerate(steps)
        if began + after <= until_then
    ]


def unasked(pages: Sequence[Message]) -> list[str]:
    """Return what arrived again under one key without owning up to it."""
    seen: Counter[str] = Counter()
    wrong = []
    for page in pages:
        if seen[page.key] and not page.marked:
            wrong.append(f"{page.incidents} {page.steps}: a repeat that does not say so")
        seen[page.key] += 1
    return wrong
