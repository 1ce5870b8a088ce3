"""One page of a list: its items, newest first, and where the next page begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`next` is an opaque cursor, None on the last page."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """How full the outbox is: notifications by state (its word), and when the oldest pending one was made."""

    counts: dict[str, int]
    oldest_pending: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token as the store knows it: never its text."""

    name: str
    role: str
    created_at: datetime
