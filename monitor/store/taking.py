"""Taking: notifications that are recorded as claimed from the beginning, by whoever records them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """New notifications, by their ids, that `owner` sends as soon as they are recorded; `until` is its lease."""

    ids: frozenset[str]
    owner: str
    until: datetime
