"""What a check of the simulated world sees."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerting.plan import CheckPlan
from lab.simulation_plans import PARTS
from lab.simulation_script import Condition
from probes.sample import ErrorClass, Outcome, Sample

SECONDS: Final = {Condition.EDGE: 0.9, Condition.SLOW: 2.0, Condition.CRAWLS: 4.0}
USED: Final = {Condition.EDGE: 0.78, Condition.SLOW: 0.84, Condition.CRAWLS: 0.95}


def look(check: CheckPlan, now: datetime, condition: Condition, part: str, *, flip: bool) -> Sample:
    """Return what a run sees of a target in that condition. `flip` decides for one that is flaky."""
    if condition is Condition.FLAKY:
        condition = Condition.DOWN if flip else Condition.UP
    outcome = {
        Condition.DOWN: Outcome.DOWN,
        Condition.LOGIN: Outcome.DOWN,
        Condition.UNKNOWN: Outcome.UNKNOWN,
    }.get(condition, Outcome.UP)
    error = None
    if outcome is not Outcome.UP:
        error = ErrorClass.AUTH if condition is Condition.LOGIN else ErrorClass.CONNECT
    values, parts = {}, {}
    if outcome is Outcome.UP and check.part is None:
        values = {"seconds": SECONDS.get(condition, 0.1)}
    elif outcome is Outcome.UP:
        parts = {name: {"used": USED.get(condition, 0.5) if name == part else 0.5} for name in PARTS}
        if condition is Condition.GONE:
            parts.pop(part, None)
    return Sample(
        check=check.name,
        at=now,
        duration=0.1,
        outcome=outcome,
        values=values,
        parts=parts,
        error=error,
        message="" if error is None else "refused",
    )
