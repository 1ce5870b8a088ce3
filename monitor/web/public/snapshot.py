"""The page as it is now, made at most once a second however many read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from alerting.announcements.announcement import Announcement
from config.model import Config
from monitor.daemon import Daemon
from monitor.store.errors import StoreError
from monitor.web.public import status
from monitor.web.public.schema import StatusPage

KEPT: Final = 1.0
"""Seconds for which a page is given out again, unless an announcement changed."""

PAST: Final = 15
"""So many announcements that are over are shown."""

_PAGE: Final = 50
_PAGES: Final = 4


class Snapshots:
    """Keeps the page and what was rendered of it."""

    def __init__(self, daemon: Daemon) -> None:
        """Begin with nothing made."""
        self._daemon = daemon
        self._page: StatusPage | None = None
        self._made = 0.0
        self._basis: tuple[Config, tuple[object, ...]] | None = None
        self._rendered: dict[tuple[str, ...], str] = {}
        self._past: tuple[Announcement, ...] = ()
        self._making = asyncio.Lock()

    async def page(self) -> StatusPage:
        """Return the page, at most `KEPT` seconds old."""
        if (page := self._valid()) is not None:
            return page
        async with self._making:
            if (page := self._valid()) is not None:
                return page
            past = await self._history()
            daemon = self._daemon
            page = status.page(daemon.config, daemon.state, daemon.samples, past, daemon.clock.now())
            self._page, self._made, self._basis = page, daemon.clock.monotonic(), self._now()
            self._rendered.clear()
            return page

    async def rendered(self, key: tuple[str, ...], render: Callable[[StatusPage], str]) -> str:
        """Return what `render` makes of the page, kept under `key` as long as the page is."""
        page = await self.page()
        if key not in self._rendered:
            self._rendered[key] = render(page)
        return self._rendered[key]

    def _valid(self) -> StatusPage | None:
        if self._page is None or self._basis is None:
            return None
        config, records = self._now()
        same = self._basis[0] is config and len(records) == len(self._basis[1])
        same = same and all(one is other for one, other in zip(records, self._basis[1], strict=True))
        return self._page if same and self._daemon.clock.monotonic() - self._made < KEPT else None

    def _now(self) -> tuple[Config, tuple[object, ...]]:
        return self._daemon.config, tuple(self._daemon.state.records[Announcement].values())

    async def _history(self) -> tuple[Announcement, ...]:
        """Return announcements that are over. While the store does not answer, those known before."""
        found: list[Announcement] = []
        cursor: str | None = None
        plan = self._daemon.config.plan
        try:
            for _ in range(_PAGES):
                page = await self._daemon.store.page(Announcement, {"state": "resolved"}, _PAGE, cursor)
                found.extend(one for one in page.items if status.shown(plan, one))
                cursor = page.next
                if cursor is None or len(found) >= PAST:
                    break
        except StoreError:
            return self._past
        self._past = tuple(found[:PAST])
        return self._past


SNAPSHOTS: Final = web.AppKey("snapshots", Snapshots)
