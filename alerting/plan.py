"""The plan: all that deciding needs to know of the configuration, typed and immutable.

A reload makes a new plan; running escalations keep the steps they began with.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from alerting.announcements.policy import AnnouncePolicy
from alerting.dependencies import NONE, Dependencies, work_out
from alerting.incidents.inhibition import Inhibition
from alerting.incidents.maintenance import PlannedWork
from alerting.oncall.person import Person
from alerting.oncall.policy import Policy
from alerting.oncall.rota import Rota
from alerting.thresholds.threshold import Threshold
from alerting.tickets.terms import DEFAULT_TERMS, Terms, TicketClass


class GroupBy(enum.Enum):
    """What makes alerts one incident."""

    SERVICE = "service"
    HOST = "host"
    CHECK = "check"


class Audience(enum.Enum):
    """Who reads a channel that is not addressed to one person."""

    EVERYONE = "everyone"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Whose outages these are. `languages` in order: the first is what a missing translation falls back to."""

    name: str
    zone: ZoneInfo
    languages: tuple[str, ...]
    public_url: str
    """Where links in messages point; no slash at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What deciding knows of a check. `host` is the target's host, or this machine's name for host checks.

    `owner` names a rota, `escalation` a policy; None where the configuration has none at all.
    """

    name: str
    probe: str
    host: str
    thresholds: tuple[Threshold, ...]
    part: str | None = None
    services: tuple[str, ...] = ()
    owner: str | None = None
    escalation: str | None = None
    group_by: GroupBy = GroupBy.SERVICE
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""
    remote: bool = False
    """Its target lies beyond our own network: a blind monitor knows nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What a customer would name, made of checks."""

    id: str
    title: Mapping[str, str]
    checks: tuple[str, ...]
    depends_on: tuple[str, ...] = ()
    owner: str | None = None
    escalation: str | None = None
    public: bool = True
    announce: AnnouncePolicy = field(default_factory=AnnouncePolicy)
    expected_recovery: timedelta = timedelta(minutes=30)
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What deciding knows of a channel: an audience, or (None) people with an address on it, or a plain destination."""

    id: str
    notifier: str
    needs_address: bool
    audience: Audience | None = None
    self_test: time | None = None
    """When it is tested each day, by the site's wall clock; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingSilence:
    """A silence that stands in the configuration."""

    matchers: Mapping[str, str]
    author: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping:
    """So many changes between bad and good `within` that time are flapping, until none came for as long."""

    changes: int = 5
    within: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The configuration as deciding sees it."""

    site: Site
    checks: Mapping[str, CheckPlan] = field(default_factory=dict)
    services: Mapping[str, ServicePlan] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    rotas: Mapping[str, Rota] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    fallback: tuple[str, ...] = ()
    channels: Mapping[str, ChannelPlan] = field(default_factory=dict)
    terms: Mapping[TicketClass, Terms] = field(default_factory=lambda: MappingProxyType(dict(DEFAULT_TERMS)))
    announce_on: tuple[str, ...] = ()
    """Channels with an audience, in the order in which they are told."""
    hold_recovery: timedelta = timedelta(minutes=5)
    """How long recovery must hold before customers hear the all-clear."""
    next_update: timedelta = timedelta(minutes=30)
    """How soon customers are promised the next update."""
    reopen_within: timedelta = timedelta(minutes=15)
    bundle: timedelta | None = None
    """How soon after one page the pages of further incidents to the same person wait for each other; None: never."""
    heartbeat: timedelta | None = None
    """How often somebody outside is told that all is well; None: nobody is."""
    acknowledged_for: timedelta = timedelta(minutes=30)
    grace: timedelta = timedelta(minutes=10)
    """Between the reminder that an acknowledgement ran out and the escalation going on."""
    silences: tuple[StandingSilence, ...] = ()
    maintenance: tuple[PlannedWork, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    warn_silence: timedelta = timedelta(minutes=10)
    """How long before a silence ends somebody hears of what will page then; zero: nobody does."""
    flapping: Flapping = field(default_factory=Flapping)
    await_upstream: timedelta = timedelta(seconds=10)
    """How long an alert is held, at most, until what it depends on has been looked at: a retry window."""
    outlives: timedelta = timedelta(minutes=2)
    """How long a symptom may outlive its cause before it is an outage of its own."""
    dependencies: Dependencies = field(default=NONE, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once who depends on whom."""
        object.__setattr__(self, "dependencies", work_out(self.services))
