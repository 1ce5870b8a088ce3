"""What needs time to load is made ready while a failure is not yet certain."""

from __future__ import annotations

import asyncio
from pathlib import Path

import config as configuration
from alerting.notifiers.api import Warmable
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.apprise_pool import POOL
from lab.messages import eventually
from monitor.app import App
from monitor.clock import SystemClock
from monitor.store.thread import StoreThread
from probes.sample import Outcome, Sample

THRICE = """
host: off
checks: {home: {probe: tcp, target: "127.0.0.1:1", failures: 3}}
channels: {sms: {notifier: apprise, url: "json://127.0.0.1:9/{address}"}}
"""


def test_apprise_is_one_that_can_stand_by() -> None:
    assert isinstance(Apprise(url="json://127.0.0.1/"), Warmable)


def test_standing_by_starts_the_sending_process_once_and_closing_ends_it(tmp_path: Path) -> None:
    async def scene() -> None:
        file = tmp_path / "nightbell.yaml"
        file.write_text(THRICE)
        config = configuration.load(file, env={}, state_dir=tmp_path / "state")
        store = StoreThread(config.store, config.state_dir)
        await store.open()
        clock = SystemClock()
        app = App(config, await store.load(clock.now()), store, clock, b"k" * 32)
        try:
            pipeline = asyncio.create_task(app.pipeline.run())
            for outcome in (Outcome.UP, Outcome.DOWN, Outcome.DOWN):
                app.pipeline.observe(Sample(check="home", at=clock.now(), duration=0.1, outcome=outcome))
            await eventually(lambda: len(POOL.idle) == 1)
            pipeline.cancel()
        finally:
            await config.channels["sms"].notifier.close()
            app.executors.close()
            await store.close()
        assert POOL.idle == []

    asyncio.run(scene())
