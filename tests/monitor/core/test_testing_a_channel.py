from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import config as configuration
from alerting.inputs import Refused
from alerting.notification import NotificationState
from monitor.app import App
from monitor.clock import SystemClock
from monitor.store.thread import StoreThread

CONFIG = """
host: off
people: {li: {name: Li, journal: li}}
channels:
  journal: {notifier: log}
  customers: {notifier: webhook, url: "http://127.0.0.1:9/", audience: everyone}
"""


@pytest.mark.parametrize(
    ("channel", "to", "complaint"),
    [
        pytest.param("customers", None, "customers read it", id="a test never reaches customers"),
        pytest.param("pager", None, "there is no such channel", id="unknown channel"),
        pytest.param("journal", "nobody", "there is no person nobody", id="unknown person"),
    ],
)
def test_a_test_that_makes_no_sense_is_refused(
    tmp_path: Path, channel: str, to: str | None, complaint: str
) -> None:
    async def scene(app: App) -> None:
        with pytest.raises(Refused, match=complaint):
            await app.test_channel(channel, to)

    within(tmp_path, scene)


def test_a_test_says_what_came_of_it(tmp_path: Path) -> None:
    async def scene(app: App) -> None:
        assert (await app.test_channel("journal", "li")).state is NotificationState.ACCEPTED

    within(tmp_path, scene)


def within(home: Path, scene: object) -> None:
    async def run() -> None:
        file = home / "nightbell.yaml"
        file.write_text(CONFIG)
        config = configuration.load(file, env={}, state_dir=home / "state")
        store = StoreThread(config.store, config.state_dir)
        await store.open()
        app = App(config, await store.load(SystemClock().now()), store, SystemClock(), b"k" * 32)
        try:
            await scene(app)  # type: ignore[operator]
        finally:
            app.executors.close()
            await store.close()

    asyncio.run(run())
