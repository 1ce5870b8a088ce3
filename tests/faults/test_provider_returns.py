"""Providers are down, each in its own way, and come back: who waits for a page gets one, soon, and not a pile.

The whole daemon against real sockets, ten minutes by the clock.
"""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from lab.daemon import Nightbell, Server
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import free_port, until
from lab.world import World

WAYS: Final = ("refused", "unreachable", "broken", "busy")
"""How a provider is down: nobody listens, nobody comes round to the first packet, 503, 429 with Retry-After."""

SILENT: Final = "silent"
"""Takes what comes and says nothing: nobody can tell whether it has read it, so only the next round asks again."""

DOWN: Final = 600.0
TIMEOUT: Final = 15.0
WITHIN: Final = 60.0
WISH: Final = 2
"""Seconds of Retry-After."""

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, retry_every: 1s}}
{checks}
people: {{{people}}}
escalations: {{urgent: [{{page: [{everybody}]}}, {{repeat: 1m}}]}}
channels:
{channels}
"""


def configured(world: World, ports: dict[str, int]) -> str:
    """Return a configuration with a person and a channel for each way; `both` has a channel that works, too."""
    people = {way: {way: way} for way in ports if way != "works"}
    people["both"] = {"unreachable": "both", "works": "both"}
    return CONFIG.format(
        checks=world.checks(),
        people=", ".join(f"p-{name}: {{channels: {channels}}}" for name, channels in people.items()),
        everybody=", ".join(f"p-{name}" for name in people),
        channels="".join(
            f"  {way}: {{notifier: webhook, url: 'http://127.0.0.1:{port}/{{address}}', timeout: {TIMEOUT:g}s}}\n"
            for way, port in ports.items()
        ),
    )


@contextmanager
def unreachable(port: int) -> Iterator[None]:
    """Listen on a port with a full backlog: the kernel drops whoever comes now, and they wait."""
    waiting = []
    with socket.create_server(("127.0.0.1", port), backlog=0):
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        try:
            yield
        finally:
            for one in waiting:
                one.close()


if NIGHTLY:  # seconds would show little that test_provider_down.py does not

    def test_who_waits_for_a_page_gets_one_when_its_provider_returns(tmp_path: Path, figures: Any) -> None:
        ports = {"refused": free_port(), "unreachable": free_port(), "works": free_port()}
        servers = [Server("lab.webhook_server", tmp_path / "works.jsonl", port=ports["works"])]
        with (
            World(tmp_path / "world", targets=1) as world,
            Providers(tmp_path / "one") as one,
            Providers(tmp_path / "other") as other,
        ):
            one.mode("pager", "503")
            one.mode("chat", "hang")
            other.mode("pager", f"429:{WISH}")
            ports |= {"broken": one.ports["pager"], "busy": other.ports["pager"], SILENT: one.ports["chat"]}
            daemon = Nightbell(tmp_path / "daemon", configured(world, ports))
            try:
                with unreachable(ports["unreachable"]):
                    daemon.start(within=120)
                    until(
                        lambda: daemon.items("checks")[0]["outcome"] == "up",
                        within=120,
                        why="the target works",
                    )
                    world.down("target-000")
                    began = time.time()
                    time.sleep(DOWN)
                back = time.time()
                servers += [
                    Server("lab.webhook_server", tmp_path / f"{way}.jsonl", port=ports[way])
                    for way in ("refused", "unreachable")
                ]
                one.mode("pager", "ok")
                one.mode("chat", "ok")
                other.mode("pager", "ok")

                def pages() -> list[tuple[str, datetime, str]]:
                    """Return person, time and number of what was taken since the providers' return."""
                    found = [
                        (page["path"], datetime.fromisoformat(page["at"]), json.loads(page["body"])["id"])
                        for server in servers[1:]
                        for page in server.entries()
                    ]
                    found += [
                        (page["path"], datetime.fromtimestamp(page["at"], UTC), page["id"])
                        for page in one.receipts() + other.receipts()
                        if page["taken"]
                    ]
                    return sorted((path.strip("/"), at, number) for path, at, number in found)

                def told() -> Counter[str]:
                    return Counter(person for person, _, _ in pages())

                due = {*WAYS, SILENT}
                until(
                    lambda: told().keys() >= due,
                    within=WITHIN,
                    why=f"everybody hears of it, not only {told()}",
                )
                after = time.time() - back
                time.sleep(1)
                found = pages()
                rows = daemon.items("notifications?kind=page&limit=1000")
                second = [page for page in servers[0].entries() if page["path"] == "/both"]
            finally:
                daemon.close()
                for server in servers:
                    server.close()
            asked = [float(receipt["at"]) for receipt in other.receipts()]

        made = {row["id"]: datetime.fromisoformat(row["created_at"]) for row in rows}
        # One of a later round, made when the one before had arrived, is no pile: nobody has acknowledged.
        pile = Counter(
            person
            for (person, at, _), (same, _, number) in pairwise(found)
            if person == same and made[number] < at
        )
        figures.record(
            f"provider down {DOWN:g} s", n=len(due), lost=0, duplicates=sum(pile.values()),
            delivered_after=f"{after:.1f} s", rows=len(rows), states=dict(Counter(row["state"] for row in rows)),
        )  # fmt: skip
        assert not pile.keys() - {SILENT}
        gaps = [later - earlier for earlier, later in pairwise(asked)]
        assert min(gaps) >= WISH, "the provider's wish for time is not heeded"
        assert max(gaps) <= 60 + TIMEOUT
        asked_after = datetime.fromisoformat(second[0]["at"]).timestamp() - began
        figures.record("second channel of the whole daemon", n=1, asked_after=f"{asked_after:.1f} s")
        assert asked_after <= 35
