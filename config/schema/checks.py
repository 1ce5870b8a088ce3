"""What every check may say, whatever its probe, and the defaults of all checks."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.plan import GroupBy
from alerting.severity import Impact, Severity
from config.schema.words import Count, Every, Failures, Labels, Name, Refused, Retry, Term, Text, Timeout


class Blind(enum.Enum):
    """Whether a check says nothing while the monitor is blind."""

    AUTO = "auto"
    """Where its target lies beyond our own network."""
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlappingKeys:
    """When an incident flaps.

    changes: turns from bad to good or back that are flapping.
    within: the time they come in; it is over when none came for as long.
    """

    changes: Count = 5
    within: Term = timedelta(minutes=5)

    def __post_init__(self) -> None:
        """Refuse what any outage would be: it begins with one change and ends with another."""
        if not 3 <= self.changes <= 100:
            raise Refused("`changes` must be from 3 to 100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a check or service does not say itself.

    owner: the rota that answers for it.
    escalation: the policy that is followed.
    every: time between two runs.
    timeout: deadline of one run; it may exceed `every`.
    failures: failed runs that mean trouble: 3 in a row, or `3 of 5`.
    retry_every: time until a failed run is repeated.
    recover: good runs in a row that end the trouble.
    severity: of a failing service check.
    impact: of a failing service check on its services.
    group_by: what makes alerts one incident.
    flapping: how often, within which time, an incident turns bad and good until only what comes of it is told.
    """

    owner: Name | None = None
    escalation: Name | None = None
    every: Every = 10.0
    timeout: Timeout = 5.0
    failures: Failures = (3, 1)
    retry_every: Retry = 5.0
    recover: Count = 2
    severity: Severity = Severity.CRITICAL
    impact: Impact = Impact.DOWN
    group_by: GroupBy = GroupBy.SERVICE
    flapping: FlappingKeys = field(default_factory=FlappingKeys)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKeys:
    """The keys of a check that are not its probe's. What is left out comes from `defaults:`.

    probe: the kind of probe.
    every: time between two runs.
    timeout: deadline of one run; it may exceed `every`.
    retry_every: time until a failed run is repeated.
    failures: failed runs that mean trouble: 3 in a row, or `3 of 5`.
    recover: good runs in a row that end the trouble.
    severity: of the alert when it fails.
    impact: what a failure does to the public state of its services.
    owner: the rota that answers for it.
    escalation: the policy that is followed.
    group_by: what makes its alerts one incident.
    labels: for selecting and for metrics.
    runbook: what to do, as text or as the path of a Markdown file beside the configuration.
    blind: whether it says nothing while every canary fails; auto: where its target is not on our own network.
    """

    probe: Text
    every: Every | None = None
    timeout: Timeout | None = None
    retry_every: Retry | None = None
    failures: Failures | None = None
    recover: Count | None = None
    severity: Severity | None = None
    impact: Impact | None = None
    owner: Name | None = None
    escalation: Name | None = None
    group_by: GroupBy | None = None
    labels: Labels = field(default_factory=dict)
    runbook: str = ""
    blind: Blind = Blind.AUTO
