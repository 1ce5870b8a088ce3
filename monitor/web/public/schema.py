"""The public schema: all that customers may ever read. Pages, feeds and badges render these fields and no others.

Nothing here names a check, a host or an error of ours; what is not in these classes cannot leak.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


class PublicState(enum.Enum):
    """What a service is to customers. `UNKNOWN`: we cannot tell, for what we know is out of date."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    DOWN = "down"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return _ORDER.index(self)


_ORDER = tuple(PublicState)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicService:
    """A service and its state."""

    id: str
    title: Mapping[str, str]
    state: PublicState


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUpdate:
    """One word to customers; `state` is a word of the announcement's own."""

    at: datetime
    state: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAnnouncement:
    """A published announcement. `services` are ids of public services, `titles` their titles; updates oldest first."""

    id: str
    incident: str
    services: tuple[str, ...]
    titles: tuple[Mapping[str, str], ...]
    state: str
    impact: str
    began_at: datetime
    published_at: datetime
    expected_recovery_at: datetime | None
    next_update_at: datetime | None
    recovered_at: datetime | None
    resolved_at: datetime | None
    updates: tuple[PublicUpdate, ...]

    @property
    def planned(self) -> bool:
        """True where it is about planned work."""
        return self.impact == "maintenance"

    @property
    def over(self) -> bool:
        """True once customers were told that it is over."""
        return self.state == "resolved"

    @property
    def changed_at(self) -> datetime:
        """When customers last heard of it."""
        return max((self.published_at, *(update.at for update in self.updates)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """All of it at one instant, `as_of`. `current` and `past` announcements are newest first."""

    name: str
    url: str
    zone: ZoneInfo
    languages: tuple[str, ...]
    as_of: datetime
    services: tuple[PublicService, ...]
    current: tuple[PublicAnnouncement, ...]
    past: tuple[PublicAnnouncement, ...]

    @property
    def state(self) -> PublicState:
        """The worst state of any service."""
        states = [service.state for service in self.services]
        return max(states, key=lambda state: state.rank, default=PublicState.OPERATIONAL)

    def announcement(self, key: str) -> PublicAnnouncement | None:
        """Return the announcement with that number, incident's number or public id."""
        for one in (*self.current, *self.past):
            if key in (one.id, one.incident, public_id("incident", one.id)):
                return one
        return None


def public_id(*words: str) -> str:
    """Return an id that stays the same for the same thing and says nothing of it."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:12]
