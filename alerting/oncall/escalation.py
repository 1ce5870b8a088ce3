"""An escalation: one incident's way through a policy. The steps are frozen when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.oncall.policy import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Where an incident stands in its policy. Its id is the incident's.

    `base` is the instant delays count from in this round; `round` grows by one with each repeat, over all
    openings, so that (round, position) never comes twice. `due_at` is None while it is paused, stopped or
    finished; `told` are the people paged in this round.
    """

    id: str
    steps: tuple[Step, ...]
    repeat: timedelta
    base: datetime
    round: int = 1
    position: int = 0
    due_at: datetime | None = None
    paused_at: datetime | None = None
    told: tuple[str, ...] = ()
    nobody: bool = False
    """True when a whole round reached no one: said once, not every round."""
