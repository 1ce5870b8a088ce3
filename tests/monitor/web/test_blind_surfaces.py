"""What API, metrics and the status page show while the monitor is blind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alerting.sight import Sight, told
from lab.scrapes import Series, of, read
from lab.web_daemon import Site, WebDaemon, web_daemon, within
from monitor.metrics.exposition import Format
from monitor.metrics.scrape import Scraper
from monitor.web.public import status
from monitor.web.public.schema import PublicState
from probes.sample import Outcome, Sample

CONFIG = """
host: off
canaries: ["tcp://223.5.5.5:53"]
checks: {far: "tcp://shop.example:443", near: "tcp://10.0.0.5:5432"}
services:
  shop: {title: Shop, checks: [far]}
  db: {title: Database, checks: [near]}
"""


async def look(daemon: WebDaemon, seen: Sight) -> None:
    """Let the lookout have told what it thinks."""
    await daemon.submit(told(seen, daemon.clock.now(), {"canary:223.5.5.5": "timed out"}))


async def scrape(daemon: WebDaemon) -> Series:
    _, pieces = await Scraper().scrape(daemon)
    return read(b"".join(pieces), Format.TEXT)


def states(daemon: WebDaemon) -> dict[str, PublicState]:
    return status.states(daemon.config, daemon.state, daemon.samples, daemon.clock.now())


def test_customers_read_unknown_of_what_a_blind_monitor_cannot_see_and_the_truth_of_the_rest(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with web_daemon(tmp_path, CONFIG) as daemon:
            for name in ("far", "near"):
                await daemon.sample(name)
            await look(daemon, Sight.BLIND)
            assert states(daemon) == {"shop": PublicState.UNKNOWN, "db": PublicState.OPERATIONAL}
            await look(daemon, Sight.SEES)
            assert set(states(daemon).values()) == {PublicState.OPERATIONAL}

    asyncio.run(story())


def test_metrics_say_whether_we_are_blind_and_which_canaries_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with web_daemon(tmp_path, CONFIG) as daemon:
            assert of(await scrape(daemon), "nightbell_blind") == [0]
            assert of(await scrape(daemon), "nightbell_canary_up") == [], "it has not run yet"
            name = "canary:223.5.5.5"
            daemon.samples[name] = Sample(
                check=name, at=daemon.clock.now(), duration=3.0, outcome=Outcome.DOWN
            )
            await look(daemon, Sight.BLIND)
            seen = await scrape(daemon)
            assert of(seen, "nightbell_blind") == [1]
            assert of(seen, "nightbell_canary_up", canary=name) == [0]

    asyncio.run(story())


def test_the_api_shows_a_remote_check_as_unknown_and_health_since_when(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        for name in ("far", "near"):
            await here.daemon.sample(name, Outcome.DOWN)
        assert (await here.ask("GET", "/healthz")).json["blind_since"] is None
        await look(here.daemon, Sight.BLIND)
        outcomes = {
            one["name"]: (one["outcome"], one["error"])
            for one in (await here.get("/api/v1/checks")).json["items"]
        }
        assert outcomes == {"far": ("unknown", "self"), "near": ("down", "connect")}
        assert (await here.get("/api/v1/checks/far")).json["outcome"] == "unknown"
        assert (await here.ask("GET", "/healthz")).json["blind_since"].endswith("Z")
        assert (await here.ask("GET", "/readyz")).status == 200

    within(tmp_path, story, CONFIG)
