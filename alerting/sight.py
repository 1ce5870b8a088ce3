"""The monitor's own sight: does everything fail, or can we not see?

Canaries are targets that hardly ever fail all at once. Where all of them do, and most of what is watched beyond this
network does too, the likelier fault is ours: we are blind, and say nothing about anybody's service.

That we are blind is an alert as any other, `canaries/blind`: its state is recorded, survives a restart, and has the
hysteresis below. What is judged while it is pending, firing or recovering is in `alerting.desk.blindness`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert
from alerting.inputs import Judged
from alerting.severity import Severity
from alerting.state import State
from alerting.thresholds.threshold import Level, LevelThreshold
from alerting.thresholds.verdict import AlertKey, Verdict
from probes.sample import ErrorClass, Outcome, Sample
from probes.units import Unit

CHECK: Final = "canaries"
"""What is said to fail when we are blind; no configured check may have this name."""
KEY: Final = AlertKey(CHECK, "blind")
ALERT: Final = str(KEY)

OPENS_AFTER: Final = timedelta(seconds=10)
"""So long blindness has to last before somebody is paged; nothing is said about services from its first moment on.

A line that is away for some seconds heals before anybody has sat up; what lasts longer than a round of the canaries
does not.
"""
OVER_AFTER: Final = timedelta(seconds=10)
"""So long canaries have to answer before we trust our eyes: a line that comes back often goes again at once.

It is also time for the runs that were begun in the dark to end. Longer would be time in which an outage goes unseen.
"""
ENOUGH: Final = 3
"""So many remote checks have to be heard, where there are as many: one alone is no majority."""
LATE: Final = timedelta(seconds=5)
"""So much later than its interval and deadline say a sample may come and still tell of the present."""

THRESHOLD: Final = LevelThreshold(
    id=KEY.threshold,
    metric="blind",
    unit=Unit.RATIO,
    levels={Severity.CRITICAL: Level(above=0.5, clear=0.5, hold=OPENS_AFTER)},
    keep=OVER_AFTER,
)


class Sight(enum.Enum):
    """What is to be thought of our own eyes."""

    SEES = "sees"
    UNSURE = "unsure"
    """Not enough has been heard to tell."""
    BLIND = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of `remote` checks beyond our network `fresh` have told of the present, and `failing` of those fail."""

    remote: int = 0
    fresh: int = 0
    failing: int = 0


def all_fail(canaries: Mapping[str, Outcome | None]) -> bool | None:
    """Tell whether every canary fails; None while one has not been heard and none answers.

    One that could not be run (`unknown`) is no witness. Where none is left nothing speaks for blindness: whoever is
    in doubt about the eyes he has left should rather page.
    """
    heard = [outcome for outcome in canaries.values() if outcome is not Outcome.UNKNOWN]
    if Outcome.UP in heard or not heard:
        return False
    return None if None in heard else True


def sight(canaries: Mapping[str, Outcome | None], tally: Tally) -> Sight:
    """Return what one location is to think: blind where every canary and more than half of the remote checks fail."""
    dark = all_fail(canaries)
    if dark is None:
        return Sight.UNSURE
    if not dark or not tally.remote:
        return Sight.SEES
    if tally.fresh < min(tally.remote, ENOUGH):
        return Sight.UNSURE
    return Sight.BLIND if 2 * tally.failing > tally.fresh else Sight.SEES


def agreed(locations: Mapping[str, Sight]) -> Sight:
    """Return what a strict majority of locations think; of one location it is what that one thinks."""
    for one in (Sight.BLIND, Sight.SEES):
        if 2 * sum(seen is one for seen in locations.values()) > len(locations):
            return one
    return Sight.UNSURE


def tally(samples: Iterable[tuple[Sample | None, float]], *, since: datetime, now: datetime) -> Tally:
    """Count last samples of remote checks, each with its interval and deadline together, in seconds.

    Only what ended at or after `since` counts, the moment from which we doubt: what was seen before is of a time
    when we saw. Nor does what is older than the check's own pace allows, nor what could not be run.
    """
    remote = fresh = failing = 0
    for sample, pace in samples:
        remote += 1
        if sample is None or sample.outcome is Outcome.UNKNOWN:
            continue
        at = ended(sample)
        if at >= since and now - at <= timedelta(seconds=pace) + LATE:
            fresh += 1
            failing += sample.outcome is Outcome.DOWN
    return Tally(remote=remote, fresh=fresh, failing=failing)


def ended(sample: Sample) -> datetime:
    """Return when a run was over: from then on it is known what it saw."""
    return sample.at + timedelta(seconds=sample.duration)


def blind_since(state: State) -> datetime | None:
    """Return since when the monitor is blind; None while it sees."""
    alert = state.records[Alert].get(ALERT)
    return alert.since if isinstance(alert, Alert) else None


def unseen(sample: Sample) -> Sample:
    """Return what a sample of a remote check counts as while the monitor is blind."""
    message = f"the monitor is blind; its run saw: {sample.outcome.value} {sample.message}".rstrip()
    return replace(sample, outcome=Outcome.UNKNOWN, error=ErrorClass.SELF, message=message)


def told(seen: Sight, at: datetime, failing: Mapping[str, str]) -> Judged:
    """Return what the desk is to hear; `failing` has for each canary why it fails."""
    blind = seen is Sight.BLIND
    reasons = "; ".join(f"{name}: {why}" if why else name for name, why in failing.items())
    levels = frozenset({Severity.CRITICAL}) if blind else frozenset[Severity]()
    return Judged(
        check=CHECK,
        at=at,
        worked=False,  # nothing of ours that could have worked before
        verdicts=(
            Verdict(
                key=KEY,
                at=at,
                breached=levels,
                held=levels,
                message=f"the monitor is blind, no canary answers: {reasons}"[:500] if blind else "",
            ),
        ),
    )
