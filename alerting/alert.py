"""An alert: one threshold on one series, `ok → pending → firing → recovering → resolved`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypedDict

from alerting.severity import Impact, Severity, worst
from alerting.thresholds.threshold import JointThreshold, LevelThreshold, Threshold
from alerting.thresholds.verdict import AlertKey, Verdict


class AlertState(enum.Enum):
    """`OK` is a pending alert that came to nothing; `RESOLVED` one that fired and is over."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"

    @property
    def active(self) -> bool:
        """True while the trouble is there, or not yet surely gone."""
        return self in (AlertState.FIRING, AlertState.RECOVERING)

    @property
    def alive(self) -> bool:
        """True from the first bad sample until it is over."""
        return self not in (AlertState.OK, AlertState.RESOLVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`since` is the first bad sample; `breached` says for each level since when it has been without a break.

    `failures` and `goods` count samples in a row; `failures` stops at what the threshold asks for. Where that asks for
    some of the last samples, `failures` counts those, and `recent` has a bit for each sample, the last one lowest.
    `no_data`: what is wrong is that there is no value.
    """

    id: str
    key: AlertKey
    state: AlertState
    severity: Severity
    impact: Impact
    since: datetime
    changed_at: datetime
    breached: Mapping[Severity, datetime] = field(default_factory=dict)
    failures: int = 0
    recent: int = 0
    no_data: bool = False
    goods: int = 0
    good_since: datetime | None = None
    value: float | None = None
    message: str = ""
    error: str = ""
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    incident: str | None = None
    suppressed: str = ""
    """Why it fires without an incident: the maintenance it falls into, with its reason."""
    mutes: tuple[str, ...] = ()
    """Keys by which the alerts that it inhibits find it."""
    muted_by: tuple[str, ...] = ()
    """Keys by which it finds the alerts that inhibit it."""
    symptom_of: str = ""
    """The check that is its cause, whose incident it is carried by; empty for what is a cause itself."""
    held_until: datetime | None = None
    """Until when, at most, it waits to be told whether it is a symptom; meanwhile it fires and has no incident."""
    held_at: datetime | None = None
    awaits: tuple[str, ...] = ()
    """The checks it depends on that have not answered since `held_at`."""

    @property
    def held(self) -> bool:
        """True while it waits for what it depends on to be looked at."""
        return self.held_until is not None and self.state.active


def step(alert: Alert | None, verdict: Verdict, threshold: Threshold) -> Alert | None:
    """Return the alert after `verdict`: the very same object where nothing worth recording changed.

    None stays None while all is well. A pending alert becomes firing once a level has been breached for its
    `for` and by enough samples in a row; a firing one ends after `recover` good samples over `keep`.
    """
    if alert is not None and alert.state in (AlertState.OK, AlertState.RESOLVED):
        alert = None
    if alert is None:
        return _begin(verdict, threshold) if verdict.breached else None
    if alert.state is AlertState.PENDING:
        return _ripen(alert, verdict, threshold)
    return _last(alert, verdict, threshold)


class _Words(TypedDict):
    value: float | None
    message: str
    error: str
    no_data: bool


def _begin(verdict: Verdict, threshold: Threshold) -> Alert:
    at = verdict.at
    breached = dict.fromkeys(sorted(verdict.breached, key=_rank), at)
    failures = min(1, threshold.failures)
    ripe = _ripe(breached, failures, at, threshold)
    return Alert(
        id=str(verdict.key),
        key=verdict.key,
        state=AlertState.PENDING if ripe is None else AlertState.FIRING,
        severity=ripe or max(verdict.breached, key=_rank),
        impact=threshold.impact,
        since=at,
        changed_at=at,
        breached=breached,
        failures=failures,
        recent=1 if threshold.of > threshold.failures else 0,
        fired_at=None if ripe is None else at,
        **_words(verdict),
    )


def _ripen(alert: Alert, verdict: Verdict, threshold: Threshold) -> Alert:
    breached = _breached(alert, verdict)
    failures, recent = _failures(alert, threshold, failed=bool(verdict.breached))
    if not failures:
        return replace(alert, state=AlertState.OK, changed_at=verdict.at, breached={}, failures=0, recent=0)
    if not verdict.breached:
        return replace(alert, breached={}, failures=failures, recent=recent)
    ripe = _ripe(breached, failures, verdict.at, threshold)
    if ripe is None and (breached, failures, recent) == (alert.breached, alert.failures, alert.recent):
        return alert  # waiting for `for` alone: nothing to record
    severity = ripe or max(verdict.breached, key=_rank)
    since = min(alert.since, verdict.at)
    return replace(
        alert,
        state=alert.state if ripe is None else AlertState.FIRING,
        severity=severity,
        since=since,
        breached=breached,
        failures=failures,
        recent=recent,
        fired_at=alert.fired_at if ripe is None else verdict.at,
        changed_at=alert.changed_at if ripe is None else verdict.at,
        **_words(verdict),
    )


def _failures(alert: Alert, threshold: Threshold, *, failed: bool) -> tuple[int, int]:
    """Return how many failures count with the newest sample, and which of the recent samples they are."""
    if threshold.of <= threshold.failures:
        return (min(alert.failures + 1, threshold.failures) if failed else 0), 0
    recent = (alert.recent << 1 | failed) & ((1 << threshold.of) - 1)
    return recent.bit_count(), recent


def _last(alert: Alert, verdict: Verdict, threshold: Threshold) -> Alert:
    # What has been past its clear mark is good until it is beyond the mark again: only what fires is held.
    held = verdict.held if alert.state is AlertState.FIRING else verdict.breached
    if not held:
        return _recover(alert, verdict, threshold)
    breached = _breached(alert, verdict)
    still = [level for level in held if level.rank <= alert.severity.rank]
    severity = worst(_ripe(breached, threshold.failures, verdict.at, threshold), *still) or alert.severity
    same = alert.state is AlertState.FIRING and severity is alert.severity and breached == alert.breached
    if same and verdict.error_word == alert.error and verdict.no_data == alert.no_data:
        return alert
    return replace(
        alert,
        state=AlertState.FIRING,
        severity=severity,
        breached=breached,
        changed_at=verdict.at if not same else alert.changed_at,
        goods=0,
        good_since=None,
        **_words(verdict),
    )


def _recover(alert: Alert, verdict: Verdict, threshold: Threshold) -> Alert:
    good_since = min(alert.good_since or verdict.at, verdict.at)
    goods = alert.goods + 1
    over = goods >= threshold.recover and verdict.at - good_since >= threshold.keep
    state = AlertState.RESOLVED if over else AlertState.RECOVERING
    if state is alert.state and goods > threshold.recover and good_since == alert.good_since:
        return alert  # waiting for `keep` alone: nothing to record
    return replace(
        alert,
        state=state,
        goods=goods,
        good_since=good_since,
        breached={},
        value=verdict.value,
        changed_at=verdict.at if state is not alert.state else alert.changed_at,
        resolved_at=verdict.at if over else None,
    )


def _breached(alert: Alert, verdict: Verdict) -> dict[Severity, datetime]:
    """Return since when each level has been breached: never since later than now, whatever the clock was before."""
    at = verdict.at
    return {level: min(alert.breached.get(level, at), at) for level in sorted(verdict.breached, key=_rank)}


def _rank(level: Severity) -> int:
    return level.rank


def _ripe(
    breached: Mapping[Severity, datetime], failures: int, at: datetime, threshold: Threshold
) -> Severity | None:
    if failures < threshold.failures:
        return None
    return worst(*(level for level, since in breached.items() if at - since >= _hold(threshold, level)))


def _hold(threshold: Threshold, level: Severity) -> timedelta:
    if isinstance(threshold, LevelThreshold):
        return threshold.levels[level].hold
    return threshold.hold if isinstance(threshold, JointThreshold) else timedelta(0)


def _words(verdict: Verdict) -> _Words:
    return {
        "value": verdict.value,
        "message": verdict.message,
        "error": verdict.error_word,
        "no_data": verdict.no_data,
    }
