"""The real store in place of the simulated disk: it proves that the simulated one promises nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from alerting.announcements.announcement import Announcement
from alerting.notification import Notification
from alerting.state import Changes, State
from lab.model_records import ALIVE
from lab.simulation_disk import Disk
from monitor.store.store import Store


class StoreDisk(Disk):
    """SQLite in a folder. It is opened anew with each life of the daemon."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.store = self._open()

    def _open(self) -> Store:
        return Store.open(f"sqlite:///{self._folder}/nightbell.db", self._folder)

    def record(self, group: Iterable[Changes]) -> None:
        problems = [problem for problem in self.store.record_all(list(group)) if problem is not None]
        if problems:
            raise problems[0]
        self.left_out += [f"number {place}" for place in range(len(self.left_out), self.store.duplicates)]

    def claim(self, now: datetime, most: int, full: frozenset[str]) -> list[Notification]:
        return self.store.claim("simulated", now, timedelta(minutes=1), most, full)

    def next_due(self, full: frozenset[str]) -> datetime | None:
        return self.store.next_due(datetime(1970, 1, 2).astimezone(), full)

    def sending(self) -> list[Notification]:
        return self.store.interrupted()

    def waiting(self) -> list[str]:
        return [
            row.id
            for state in ALIVE
            for row in self.store.page(Notification, {"state": state}, limit=1000).items
        ]

    def load(self, now: datetime, _dice: Random) -> State:
        self.store.close()
        self.store = self._open()
        return self.store.load(now)

    def has(self, notification: str) -> bool:
        return self.store.get(Notification, notification) is not None

    def announced(self, announcement: str) -> str | None:
        known = self.store.get(Announcement, announcement)
        return known.state.value if known else None
