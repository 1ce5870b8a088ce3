"""After a start: what thresholds that look back have to know of the time before it, from the history of samples.

It comes beside the work: until it is there such thresholds begin anew, as they would without a history.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from alerting.judge import Judge
from alerting.plan import Plan
from alerting.thresholds.threshold import Filling, LevelThreshold, Over
from alerting.thresholds.usual import DAYS, HOUR, NOW, Usual
from monitor.giving_way import giving_way
from monitor.history.history import History
from monitor.history.keeper import Errors
from monitor.history.reading import samples_of
from monitor.history.words import HistoryError
from probes.sample import Sample

log = logging.getLogger("nightbell.history")

MOST: Final = 2000
"""Checks whose past is read: beyond them it would take minutes, in which it grows old."""

Hours = dict[tuple[str, str], Mapping[int, tuple[float, int]]]


class Aside(Protocol):
    """Does work in a thread of its own."""

    async def __call__(self, work: Callable[[], list[Sample]]) -> list[Sample]:
        """Return what the work returned."""


async def recall(judge: Judge, plan: Plan, history: History, now: datetime, aside: Aside) -> int:
    """Give the judge the past of every check that needs it; return of how many. Never fails."""
    wanted = dict(list(judge.remembering(plan).items())[:MOST]) if history.kept else {}
    judge.await_past(wanted)
    for check, thresholds in wanted.items():
        try:
            past = await aside(partial(_samples, history, check, now - _longest(thresholds), now))
            hours = await _hours(history, check, thresholds, past, now)
        except (HistoryError, TimeoutError, *Errors) as error:
            log.warning("thresholds of %s that look back begin anew: %s", check, error)
            past, hours = [], {}
        except Exception:  # whatever is wrong with what was kept, it must not end the daemon
            log.exception("thresholds of %s that look back begin anew", check)
            past, hours = [], {}
        judge.recall(check, past, hours, plan)
    return len(wanted)


def _samples(history: History, check: str, since: datetime, until: datetime) -> list[Sample]:
    if not history.path.exists():
        return []
    with giving_way():
        return list(samples_of(history.path, check, since, until))


def _longest(thresholds: Iterable[LevelThreshold]) -> timedelta:
    return max((_looks_back(one) for one in thresholds), default=timedelta(0))


def _looks_back(threshold: LevelThreshold) -> timedelta:
    missing = threshold.no_data_for or timedelta(0)
    derived = threshold.derived
    if isinstance(derived, Over | Filling):
        return max(missing, timedelta(seconds=derived.seconds))
    if isinstance(derived, Usual):
        return max(missing, timedelta(seconds=(derived.over or 0.0) + NOW))
    return missing


async def _hours(
    history: History, check: str, thresholds: Iterable[LevelThreshold], past: Iterable[Sample], now: datetime
) -> Hours:
    """Return the former hours of what is compared with the same hour of former days."""
    found: Hours = {}
    parts = {"", *(part for sample in past for part in sample.parts)}
    for threshold in thresholds:
        if not isinstance(threshold.derived, Usual) or threshold.derived.over is not None:
            continue
        for part in sorted(parts):
            if not threshold.judges(part):
                continue
            series = await history.read(
                check,
                metric=threshold.metric,
                part=part,
                since=now - timedelta(days=DAYS, hours=1),
                until=now,
                step=HOUR,
            )
            found[threshold.metric, part] = {
                int(point.at.timestamp()) // HOUR: (point.mean, 1)
                for point in series.points
                if point.mean is not None
            }
    return found
