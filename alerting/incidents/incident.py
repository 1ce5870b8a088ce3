"""An incident: alerts that people handle together, under one number."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerting.severity import Severity

ALERTS_NAMED: Final = 100
"""Alerts an incident names: one of a storm must not be written anew, ever longer, with each of ten thousand."""


class IncidentState(enum.Enum):
    """`RECOVERING`: nothing is bad now, but not surely over. `CLOSED`: too late to reopen under this number."""

    OPEN = "open"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def active(self) -> bool:
        """True while people still have to care."""
        return self in (IncidentState.OPEN, IncidentState.RECOVERING)


class EndReason(enum.Enum):
    """Why an incident ended."""

    RECOVERED = "recovered"
    FALSE_ALARM = "false_alarm"
    MERGED = "merged"
    UNMONITORED = "unmonitored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody said they are on it: who, when, until when, and by what way (link, cli, api)."""

    by: str
    at: datetime
    until: datetime
    via: str = ""
    reminded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The first alert of an incident."""

    service: str | None
    check: str
    alert: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`group` is what made these alerts one incident; `since` the first bad sample, before `opened_at`.

    `alerts` lists the ids of the first `ALERTS_NAMED` alerts that ever belonged to it; of more, each alert itself
    says whose it is. `symptoms` lists alerts of what depends on it, in the same way. `quiet` says why nobody is paged:
    the silence, maintenance or alert that mutes it, with its reason. `opening` counts how often this number was opened
    (1, then +1 for every relapse).
    """

    id: str
    group: str
    title: str
    state: IncidentState
    severity: Severity
    cause: Cause
    since: datetime
    opened_at: datetime
    changed_at: datetime
    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    host: str = ""
    owner: str | None = None
    policy: str | None = None
    acknowledgement: Acknowledgement | None = None
    quiet: str = ""
    quiet_until: datetime | None = None
    """When it is no longer muted: what inhibited it is over, and it has a little time to end as well."""
    opening: int = 1
    reopened_at: datetime | None = None
    first_round: int = 1
    """The round of paging with which this opening began: links of earlier rounds were sent of an earlier opening."""
    recovering_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reason: EndReason | None = None
    ticket: str | None = None
    announcement: str | None = None
    cleared_at: datetime | None = None
    """Since when nothing critical of its own is left, while symptoms of it still may be."""
    turns: tuple[datetime, ...] = ()
    """When it last became bad, or good; as many as count for flapping."""
    flapping: datetime | None = None
    """Since when it flaps; None where it does not."""
    intermittent: bool = False
    """True once customers were told that it comes and goes."""
    merged_into: str | None = None
    """The incident that goes on in its place, where it ended as merged."""

    @property
    def began(self) -> datetime:
        """When this opening began: relapses of one number are told apart by it, also where one was forgotten."""
        return self.reopened_at or self.opened_at

    def sent(self, step: str) -> bool:
        """Tell whether a page of that step ("round.step") was sent in this opening, or may have been."""
        turn, _, _ = step.partition(".")
        return not turn.isdecimal() or int(turn) >= self.first_round

    def naming(self, alert: str) -> tuple[str, ...]:
        """Return the alerts it names with one more, while there is room."""
        return _naming(self.alerts, alert)

    def suffering(self, *alerts: str) -> tuple[str, ...]:
        """Return the symptoms it names with some more, while there is room."""
        named = self.symptoms
        for alert in alerts:
            named = _naming(named, alert)
        return named

    @property
    def duration(self) -> timedelta | None:
        """From the first bad sample to the end; None while it lasts."""
        return self.resolved_at - self.since if self.resolved_at else None


def _naming(named: tuple[str, ...], alert: str) -> tuple[str, ...]:
    return named if alert in named or len(named) >= ALERTS_NAMED else (*named, alert)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line on an incident's timeline. `who` is a person, `nightbell`, or a channel; `data` for machines."""

    id: str
    incident: str
    at: datetime
    event: str
    text: str
    who: str = "nightbell"
    data: Mapping[str, str] = field(default_factory=dict)
