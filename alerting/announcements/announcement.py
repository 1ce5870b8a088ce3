"""An announcement: the outward word to customers about one incident, or one planned maintenance."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


class AnnouncementState(enum.Enum):
    """What customers read. `IDENTIFIED` is said by a person only; a maintenance is `SCHEDULED`, then `IN_PROGRESS`."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"

    @property
    def planned(self) -> bool:
        """True for what is said of a maintenance that is not over."""
        return self in (AnnouncementState.SCHEDULED, AnnouncementState.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One word to customers, in every language of the site. `by` names whose words these are, empty for ours."""

    at: datetime
    state: AnnouncementState
    text: Mapping[str, str]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """`page_at`/`push_at` are when the status page and the customers' channels are told; None waits for approval.

    `published_at` and `pushed_at` are when they were. `withdrawn` marks one whose outage was over before
    anybody was told: it is never shown. `all_clear_at` is when the end may be told, unless it comes back.
    """

    id: str
    incident: str
    services: tuple[str, ...]
    state: AnnouncementState
    impact: str
    began_at: datetime
    created_at: datetime
    updates: tuple[Update, ...]
    expected_recovery_at: datetime | None = None
    expected_within: timedelta = timedelta(minutes=30)
    """How long it is expected to take, for when the time has to be promised anew."""
    estimated: bool = True
    """True when the expected time is the configured figure, False when it comes from past recoveries."""
    next_update_at: datetime | None = None
    page_at: datetime | None = None
    push_at: datetime | None = None
    published_at: datetime | None = None
    pushed_at: datetime | None = None
    recovered_at: datetime | None = None
    all_clear_at: datetime | None = None
    resolved_at: datetime | None = None
    lapsed: bool = False
    """True once customers read that it takes longer than expected: that is said once."""
    told: tuple[str, ...] = ()
    """Channels that were told, and so hear the all-clear."""
    waiting: tuple[str, ...] = ()
    """Services that were hit later and are not named before a person approves."""
    withdrawn: bool = False
    by: str = ""
    """Who approved it, empty where the policy did."""
    maintenance: str = ""
    """The window it is about, where it is about no incident: then `incident` is empty."""
