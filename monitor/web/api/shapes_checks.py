"""The shapes of answers about checks: the last sample, what was seen before, and why something alerts."""

from __future__ import annotations

from typing import Literal

from monitor.web.api.shape import Moment, Shape


class Check(Shape):
    """A configured probe and its last sample; all of the sample is null or empty before the first run."""

    name: str
    probe: str
    host: str | None
    services: list[str]
    labels: dict[str, str]
    every: float
    suppressed: str | None
    outcome: Literal["up", "down", "unknown"] | None
    values: dict[str, float | None]
    parts: dict[str, dict[str, float | None]]
    phases: dict[str, float | None]
    error: str | None
    message: str
    at: Moment | None
    duration: float | None


class Standing(Shape):
    """One threshold of a check: when it finds trouble, and how far its alert is."""

    alert: str
    threshold: str
    rule: str
    standing: str
    severity: Literal["info", "warning", "critical"] | None
    incident: str | None
    quiet: str | None


class ForeseenMessage(Shape):
    """A message that would leave were the check down, and nobody answered."""

    at: Moment
    kind: str
    to: str | None
    channel: str
    step: str | None
    title: str


class Foreseen(Shape):
    """What would happen from an instant on."""

    at: Moment
    told: list[ForeseenMessage]


class Explanation(Shape):
    """Why a check is alerting or is not, and who would be told."""

    check: str
    probe: str
    services: list[str]
    owner: str | None
    escalation: str | None
    outcome: Literal["up", "down", "unknown"] | None
    message: str
    at: Moment | None
    thresholds: list[Standing]
    foreseen: Foreseen


class Run(Shape):
    """A run that is over."""

    at: Moment
    outcome: Literal["up", "down", "unknown"]
    duration: float | None


class Failure(Shape):
    """The last run that was not up, with its own account."""

    at: Moment
    outcome: Literal["down", "unknown"]
    error: str | None
    message: str
    log: list[str]


class CheckDetail(Check):
    """A check with its last runs, the oldest first, and its last failure."""

    history: list[Run]
    last_failure: Failure | None


class HistoryPoint(Shape):
    """What a check saw in one step. Values are None where no run had the metric."""

    at: Moment
    up: int
    down: int
    unknown: int
    errors: dict[str, int]
    low: float | None
    mean: float | None
    high: float | None


class History(Shape):
    """What a check saw over time; steps in which nothing ran are left out. `step` in seconds."""

    check: str
    metric: str
    part: str
    since: Moment
    until: Moment
    step: int
    points: list[HistoryPoint]
