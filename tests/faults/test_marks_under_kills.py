"""The daemon is killed around the moment from which a provider may have a page, with each notifier that speaks to one.

Before the mark nothing had left: the page comes once and is called no repeat. After the mark nobody knows: it comes
again, says so, and no third time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.daemon import Nightbell
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import until
from lab.world import World

CONFIG = """
host: off
site: {{name: Lab, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, retry_every: 1s, recover: 1}}
{checks}
people: {{li: {{name: Li, channels: {{way: {address}}}, language: en}}}}
escalations: {{urgent: [{{page: [li]}}, {{repeat: 12h}}]}}
channels:
  way: {way}
"""

WAYS = {
    "webhook": ("chat", "li", '{notifier: webhook, url: "http://127.0.0.1:{chat}/room"}'),
    "smtp": (
        "mail",
        "li@example.com",
        "{notifier: smtp, host: 127.0.0.1, port: {mail}, security: none, from: nb@example.com}",
    ),
    "apprise": (
        "mail",
        "li@example.com",
        '{notifier: apprise, url: "mailto://127.0.0.1:{mail}/?from=nb@example.com&to={address}"}',
    ),
}


@pytest.fixture
def providers(tmp_path: Path) -> Iterator[Providers]:
    with Providers(tmp_path / "providers") as one:
        yield one


@pytest.mark.parametrize("way", WAYS if NIGHTLY else ["apprise"])
@pytest.mark.parametrize(
    ("landmark", "repeats"), [("send.begin", [False]), ("send.marked", [True]), ("send.done", [False, True])]
)
def test_killed_around_the_mark(
    way: str, landmark: str, repeats: list[bool], providers: Providers, tmp_path: Path
) -> None:
    service, address, channel = WAYS[way]
    with World(tmp_path / "world", targets=1) as world:
        text = CONFIG.format(
            checks=world.checks(),
            address=address,
            way=channel.replace("{chat}", str(providers.ports["chat"])).replace(
                "{mail}", str(providers.ports["mail"])
            ),
        )
        daemon = Nightbell(tmp_path / "daemon", text)
        try:
            daemon.start(fault=f"{landmark}@page:kill:1")
            until(
                lambda: [one["outcome"] for one in daemon.items("checks")] == ["up"],
                within=10,
                why="the target was never up",
            )
            world.down(world.names[0])
            until(lambda: not daemon.running, within=30, why=f"it did not die: {daemon.text()[-2000:]}")
            daemon.start()
            until(lambda: len(taken(providers, service)) >= len(repeats), within=30, why="the page")
            time.sleep(2)
            assert ["may be a repeat" in one for one in taken(providers, service)] == repeats
        finally:
            daemon.close()


def taken(providers: Providers, service: str) -> list[str]:
    """Return the words of the pages a provider took, oldest first."""
    return [one["text"] for one in providers.receipts() if one["service"] == service and one["taken"]]
