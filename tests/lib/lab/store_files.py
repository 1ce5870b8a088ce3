"""A store with something in it, and its thread, for tests of what may happen to its file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.incidents.incident import IncidentState
from alerting.state import Changes, State
from lab.records import NOON, entry, incident, notification
from monitor.store.aside import first_numbers
from monitor.store.store import Store
from monitor.store.thread import StoreThread
from monitor.store.tokens import digest

LEASE = timedelta(seconds=20)
MINUTES = first_numbers(datetime.now(UTC))["INC"]

FILLED = Changes(
    records=(incident(1), incident(2, state=IncidentState.CLOSED), notification(1), notification(2)),
    entries=(entry(1), entry(2), entry(3, "INC-2")),
)


def filled(home: Path) -> Path:
    """Leave a store with an open incident, a closed one, two pages and a token; return its file."""
    store = Store.open(f"sqlite:///{home}/nightbell.db", home)
    store.record(FILLED)
    store.add_token("admin", "admin", digest("secret"))
    store.close()
    return home / "nightbell.db"


def told(home: Path, story: Callable[[StoreThread, State], Awaitable[None]]) -> list[str]:
    """Open the store in its thread, load, let the story go; return what was lost."""

    async def tell() -> list[str]:
        store = StoreThread(f"sqlite:///{home}/nightbell.db", home)
        await store.open()
        try:
            state = await store.load(NOON)
            store.remember(state)
            await story(store, state)
        finally:
            await store.close()
        return store.losses

    return asyncio.run(tell())


async def opens(store: StoreThread, *, within: float = 20) -> None:
    end = asyncio.get_running_loop().time() + within
    while store.problem is not None and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.02)
    assert store.problem is None
