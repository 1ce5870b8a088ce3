"""The one thread that touches the store, and its face towards the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from alerting.incidents.incident import Entry
from alerting.notification import Notification, Receipt
from alerting.state import Changes, Record, State
from monitor.store.page import OutboxStats, Page, Token

R = TypeVar("R", bound=Record | Entry)


class StoreThread:
    """The store, to be awaited. Every method raises StoreError; deadlines are the caller's.

    What was handed to `record` is written even where the caller no longer waits for it.
    """

    def __init__(self, url: str, state_dir: Path) -> None:
        """Take the address (`sqlite:////…`); nothing is opened yet."""
        raise NotImplementedError

    async def open(self) -> None:
        """Start the thread and open the store in it. After a failure it may be called again."""
        raise NotImplementedError

    async def close(self) -> None:
        """Write what is queued, close the store, end the thread. Harmless when closed already."""
        raise NotImplementedError

    def alive(self) -> bool:
        """True while the thread runs and takes work."""
        raise NotImplementedError

    async def load(self, now: datetime | None = None) -> State:
        """Return everything that is still going on; silences that ended before `now` are over."""
        raise NotImplementedError

    async def record(self, changes: Changes) -> None:
        """Return once `changes` are on the disk, all of them or (StoreError) none."""
        raise NotImplementedError

    async def claim(
        self,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        exclude_channels: frozenset[str] = frozenset(),
    ) -> list[Notification]:
        """Take up to `limit` due notifications for sending, most urgent first; recorded as `sending`."""
        raise NotImplementedError

    async def release(self, claimed: list[Notification]) -> None:
        """Give back claimed notifications no attempt was made with."""
        raise NotImplementedError

    async def next_due(
        self, now: datetime, exclude_channels: frozenset[str] = frozenset()
    ) -> datetime | None:
        """Return when the earliest pending notification may be sent (not before `now`); None where none is."""
        raise NotImplementedError

    async def interrupted(self) -> list[Notification]:
        """Return what is marked `sending`: at start, what a former process was sending when it died."""
        raise NotImplementedError

    async def outbox_stats(self) -> OutboxStats:
        """Return how full the outbox is."""
        raise NotImplementedError

    async def page(
        self,
        kind: type[R],
        filters: Mapping[str, str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[R]:
        """Return one page, newest first. Filters are equalities of `state`, `kind`, `incident`, `service`.

        Raises ValueError for a filter this kind does not have, a bad limit or a bad cursor.
        """
        raise NotImplementedError

    async def get(self, kind: type[R], key: str) -> R | None:
        """Return one record by its id; None where there is none."""
        raise NotImplementedError

    async def timeline(self, incident: str) -> list[Entry]:
        """Return an incident's timeline, oldest first."""
        raise NotImplementedError

    async def receipts(self, notification: str) -> list[Receipt]:
        """Return every attempt to deliver a notification, oldest first."""
        raise NotImplementedError

    async def add_token(self, name: str, role: str, digest: str) -> None:
        """Keep a token by its digest. Raises StoreError (TAKEN) where the name is in use."""
        raise NotImplementedError

    async def token_role(self, digest: str) -> tuple[str, str] | None:
        """Return (name, role) of the token with this digest; None for a stranger."""
        raise NotImplementedError

    async def tokens(self) -> list[Token]:
        """Return all tokens by name."""
        raise NotImplementedError

    async def revoke_token(self, name: str) -> bool:
        """Forget a token; False where there was none of that name."""
        raise NotImplementedError

    async def check(self, now: datetime) -> None:
        """Prove that the store can be written (at most one write a minute), else raise StoreError."""
        raise NotImplementedError
