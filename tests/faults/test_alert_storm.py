"""Ten thousand alerts at once: one incident for each cause, one page to a person in a minute, and a daemon that lives.

One target on loopback carries all checks, and dies. Grouped by service that is one cause; grouped by check each check
is a cause of its own, and the pages of all but the first are collected.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Kind, NotificationState
from alerting.notifiers.api import Accepted, Progress
from alerting.notifiers.api import Message as Mail
from lab.checker import Message, messages
from lab.core_parts import Provider
from lab.core_virtual import virtually
from lab.core_world import SHOP, Core, core, passes
from lab.daemon import Nightbell
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import until
from probes.sample import Outcome

ALERTS, EVERY, BUNDLE = (10_000, 30.0, 60.0) if NIGHTLY else (100, 1.0, 2.0)

PEOPLE: Final = ("li", "han")

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: {every:g}s, timeout: 5s, failures: 1, recover: 1, retry_every: {every:g}s, group_by: {group_by}}}
checks:
{checks}
services: {{{services}}}
people: {{li: {{channels: {{mail: li}}}}, han: {{channels: {{mail: han}}}}}}
escalations: {{urgent: [{{page: [li, han]}}, {{repeat: 24h}}]}}
paging: {{bundle: {bundle:g}s}}
channels: {{mail: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: 10s}}}}
"""

SECOND: Final = """
checks:
{checks}
services: {{{services}}}
people: {{li: {{channels: {{mail: li}}}}, han: {{channels: {{mail: han}}}}}}
escalations: {{urgent: [{{page: [li, han]}}, {{repeat: 24h}}]}}
channels: {{mail: {{notifier: smtp, host: 127.0.0.1, security: none, from: nb@shop.example}}}}
"""
"""What follows after the defaults of the shop, for alerts that come in one second of virtual time."""

FIRST_WITHIN: Final = 30.0
RSS_MB: Final = 300


class Target:
    """Takes every connection and lets it go; when it is closed, all are refused."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.port = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()


@contextmanager
def storm(home: Path, group_by: str) -> Iterator[tuple[Nightbell, Target, Providers]]:
    """Run a daemon whose every check has worked."""
    target = Target()
    names = [f"c{number}" for number in range(ALERTS)]
    with Providers(home / "providers") as providers:
        config = CONFIG.format(
            every=EVERY, group_by=group_by, bundle=BUNDLE, pager=providers.ports["pager"],
            checks="".join(f"  {name}: tcp://127.0.0.1:{target.port}\n" for name in names),
            services=f"shop: {{title: Shop, checks: [{', '.join(names)}]}}" if group_by == "service" else "",
        )  # fmt: skip
        daemon = Nightbell(home / "daemon", config)
        try:
            daemon.start(within=120)
            until(
                lambda: all_have_worked(daemon),
                within=10 * EVERY + 60,
                why="all have worked",
                look_every=EVERY / 5,
            )
            yield daemon, target, providers
        finally:
            daemon.close()


def ask(daemon: Nightbell, path: str) -> Any:
    """Return an answer of the API, however long it is; ask again where a busy daemon on a busy machine gives none."""
    request = Request(f"http://127.0.0.1:{daemon.internal}/api/v1/{path}")
    request.add_header("Authorization", f"Bearer {daemon.token}")
    for _ in range(10):
        with suppress(OSError), urlopen(request, timeout=30) as answer:
            return json.load(answer)
    raise AssertionError(f"no answer to {path}: {daemon.text()[-2000:]}")


def pages_of(daemon: Nightbell, path: str) -> Iterator[list[dict[str, Any]]]:
    """Return a list of the API, a thousand at a time."""
    cursor = ""
    while True:
        answer = ask(daemon, f"{path}limit=1000{cursor}")
        yield answer["items"]
        if not answer.get("next"):
            return
        cursor = f"&cursor={answer['next']}"


def all_have_worked(daemon: Nightbell) -> bool:
    return all(one["outcome"] == "up" for some in pages_of(daemon, "checks?") for one in some)


def opened(daemon: Nightbell) -> int:
    """Return how many incidents there are: they are numbered."""
    return max((int(one["id"][4:]) for one in ask(daemon, "incidents?limit=1")["items"]), default=0)


def waiting(daemon: Nightbell) -> bool:
    """Tell whether a page is still to be sent."""
    return any(
        ask(daemon, f"notifications?kind=page&state={state}&limit=1")["items"]
        for state in ("pending", "sending")
    )


def peak(daemon: Nightbell) -> float:
    """Return the most memory the daemon ever held, in MB."""
    text = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def pages(providers: Providers, kind: str = "page") -> list[Message]:
    return [one for one in messages(providers.receipts()) if one.kind == kind]


def page_states(daemon: Nightbell) -> Counter[str]:
    """Count all recorded pages by state."""
    return Counter(one["state"] for some in pages_of(daemon, "notifications?kind=page&") for one in some)


def gaps(told: Sequence[Message]) -> list[float]:
    """Return the times between one page to a person and the next, in seconds."""
    return [
        after.at - before.at
        for person in PEOPLE
        for before, after in pairwise(one for one in told if one.to == person)
    ]


def fired(daemon: Nightbell, incidents: int) -> bool:
    """Tell whether all alerts fire, in as many incidents as there should be."""
    if opened(daemon) < incidents:
        return False
    return incidents > 1 or len(ask(daemon, "incidents/INC-1")["alerts"]) == ALERTS


@pytest.mark.parametrize("group_by", ["service", "check"] if NIGHTLY else ["check"])
def test_ten_thousand_alerts_are_one_incident_a_cause_and_one_page_a_person_and_minute(
    group_by: str, tmp_path: Path, figures: Any
) -> None:
    incidents = 1 if group_by == "service" else ALERTS
    with storm(tmp_path, group_by) as (daemon, target, providers):
        target.close()
        began = time.time()
        until(lambda: pages(providers), within=FIRST_WITHIN + EVERY, why="a first page")
        until(lambda: fired(daemon, incidents), within=240, why="all alerts fire", look_every=EVERY / 20)
        all_fired = time.time() - began
        until(lambda: not waiting(daemon), within=4 * BUNDLE + 60, why="all is delivered", look_every=0.5)
        delivered = time.time() - began
        if NIGHTLY:  # time for a message nobody asked for
            time.sleep(BUNDLE)
        states = page_states(daemon)
        told = pages(providers)
        between = min(gaps(told), default=float("inf"))
        figures.record(
            f"{ALERTS} alerts at once, by {group_by}", n=ALERTS, incidents=opened(daemon), messages=len(told),
            first_page=f"{told[0].at - began:.1f} s", all_fired=f"{all_fired:.1f} s",
            delivered=f"{delivered:.1f} s", shortest_gap=f"{between:.1f} s", rss_mb=round(peak(daemon)),
        )  # fmt: skip
        assert opened(daemon) == incidents
        assert states == {"accepted": incidents * len(PEOPLE)}
        assert {one.to for one in told} == set(PEOPLE)
        assert incidents > 1 or len(told) == len(PEOPLE)
        assert between >= BUNDLE - 0.2
        assert told[0].at - began <= FIRST_WITHIN
        assert peak(daemon) <= RSS_MB


@pytest.mark.parametrize("group_by", ["service", "check"])
def test_alerts_of_one_and_the_same_second_are_collected(group_by: str, tmp_path: Path, figures: Any) -> None:
    names = [f"c{number}" for number in range(ALERTS)]
    incidents = 1 if group_by == "service" else ALERTS
    text = SHOP[: SHOP.index("checks:")] + SECOND.format(
        checks="".join(f"  {name}: tcp://127.0.0.1:1\n" for name in names),
        services=f"shop: {{title: Shop, checks: [{', '.join(names)}]}}" if group_by == "service" else "",
    )
    text = text.replace("failures: 1,", f"failures: 1, group_by: {group_by},")
    mail = Provider()
    seen: list[tuple[float, float, str | None]] = []

    async def take(message: Mail, progress: Progress) -> Accepted:
        progress.sent = True
        seen.append((asyncio.get_running_loop().time(), time.monotonic(), message.to))
        return Accepted()

    mail.answer = take

    async def story(here: Core) -> tuple[float, float]:
        for name in names:
            here.sees(name)
        await here.tick()
        began, real = asyncio.get_running_loop().time(), time.monotonic()
        for name in names:
            here.sees(name, Outcome.DOWN)
        await here.tick()
        decided = time.monotonic() - real
        assert len(here.state.records[Incident]) == incidents
        await passes(here, 150)
        assert {row.state for row in here.told(Kind.PAGE)} == {NotificationState.ACCEPTED}
        assert len(here.told(Kind.PAGE)) == incidents * len(PEOPLE)
        figures.record(
            f"{ALERTS} alerts in one second, by {group_by} (virtual)", n=ALERTS, incidents=incidents,
            messages=len(seen), first_page=f"{seen[0][1] - real:.1f} s", decided=f"{decided:.1f} s",
        )  # fmt: skip
        return began, real

    async def tell() -> tuple[float, float]:
        async with core(tmp_path, text=text, providers={"mail": mail}) as here:
            return await story(here)

    began, real = virtually(tell, within=600)
    assert seen[0][1] - real <= FIRST_WITHIN
    for person in PEOPLE:
        told = [at - began for at, _, to in seen if to == person]
        assert len(told) == (1 if incidents == 1 else 2)
        assert told[0] < 1
        assert all(after - before >= 59 for before, after in pairwise(told)), told
