"""Suppressed, because …: the one answer to why an alert is quiet. What is suppressed is measured and shown as ever.

Three things mute, asked in this order: a maintenance, a silence, an alert that inhibits it. An alert that fires into a
maintenance is held: it opens no incident before the window ends. Any other has its incident, and that one is quiet
while all its alerts are suppressed; see `silences`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.inhibition import marks_of_source, marks_of_target
from alerting.incidents.maintenance import Window
from alerting.incidents.matching import fits
from alerting.incidents.silence import Silence
from alerting.plan import CheckPlan

INHIBITED: Final = "inhibited by "
LOOKED_AT: Final = 100
"""Alerts that could inhibit one and are asked whether they may: where none of so many does, it is not inhibited."""

Traits = Mapping[str, Iterable[str]]
Sources = dict[str, tuple[Alert, ...]]
"""Who inhibits, by key."""


def why(
    draft: Draft,
    alert: Alert,
    incident: Incident | None = None,
    *,
    at: datetime | None = None,
    seen: Sources | None = None,
) -> str:
    """Return why an alert is suppressed now, as `M-1 (maintenance: …)`, `S-1 (li: …)` or `inhibited by …`.

    Empty where it is not. `incident` is its own where it has one. `at` asks what will mute it then, of what mutes it
    now or is known to by then. `seen` remembers who inhibits, for the length of one look at many.
    """
    then = at or draft.now
    if (window := window_over(draft, alert.key.check)) is not None and then < window.ends_at:
        return of_window(window)
    if silences := list(draft.all(Silence, lambda silence: silence.active(then))):
        known = traits(draft, alert, incident)
        for silence in silences:
            if fits(silence, known):
                return f"{silence.id} ({silence.author}: {silence.reason})"
    source = _inhibitor(draft, alert, {} if seen is None else seen)
    return f"{INHIBITED}{source.id}" if source is not None else ""


def possible(draft: Draft) -> bool:
    """Tell whether anything could be suppressed at all; nearly always not."""
    if next(draft.all(Silence), None) is not None or next(draft.all(Window), None) is not None:
        return True
    return bool(draft.plan.inhibitions)


def of_window(window: Window) -> str:
    """Return the reason a window gives."""
    return f"{window.maintenance} (maintenance: {window.reason})"


def window_over(draft: Draft, check: str) -> Window | None:
    """Return a maintenance that goes on and covers a check; None where there is none."""
    known = draft.plan.checks.get(check)
    services = known.services if known else ()
    return next(draft.all(Window, lambda window: window.covers(check, services)), None)


def hold(draft: Draft, check: CheckPlan, alert: Alert) -> bool:
    """Hold an alert that fires into a maintenance: recorded, with the reason, and without an incident."""
    window = window_over(draft, check.name)
    if window is None:
        return False
    draft.put(replace(alert, incident=None, suppressed=of_window(window)))
    return True


def marked(draft: Draft, alert: Alert) -> Alert:
    """Return an alert that says what it inhibits while it fires, and by what it is inhibited."""
    rules = draft.plan.inhibitions
    if not rules and not alert.mutes and not alert.muted_by:
        return alert
    known = traits(draft, alert, None) if alert.state.active else {}
    mutes = marks_of_source(rules, known) if alert.state is AlertState.FIRING else ()
    muted_by = marks_of_target(rules, known) if alert.state.active else ()
    if (mutes, muted_by) == (alert.mutes, alert.muted_by):
        return alert
    return replace(alert, mutes=mutes, muted_by=muted_by)


def _inhibitor(draft: Draft, alert: Alert, seen: Sources) -> Alert | None:
    """Return an alert that mutes this one: it fires, and is neither suppressed nor to be muted by yet another.

    So a chain reaches no further than one step, and alerts that would mute each other in a circle all stay loud.
    """
    for mark in alert.muted_by:
        if mark not in seen:
            loud = (one for one in _sources(draft, mark) if not _muted(draft, one))
            seen[mark] = tuple(islice(loud, 2))  # one of them may be the very alert that asks
        for source in seen[mark]:
            if source.id != alert.id:
                return source
    return None


def _muted(draft: Draft, alert: Alert) -> bool:
    """Tell whether anything that fires would mute an alert."""
    return any(source.id != alert.id for mark in alert.muted_by for source in _sources(draft, mark))


def _sources(draft: Draft, mark: str) -> Iterator[Alert]:
    firing = draft.about(Alert, mark, lambda one: one.state is AlertState.FIRING and mark in one.mutes)
    for source in islice(firing, LOOKED_AT):
        if not _muted_by_people(draft, source):
            yield source


def _muted_by_people(draft: Draft, alert: Alert) -> bool:
    if window_over(draft, alert.key.check) is not None:
        return True
    silences = list(draft.all(Silence, lambda silence: silence.active(draft.now)))
    if not silences:
        return False
    seen = traits(draft, alert, draft.get(Incident, alert.incident))
    return any(fits(silence, seen) for silence in silences)


def traits(draft: Draft, alert: Alert, incident: Incident | None) -> Traits:
    """Return what matchers are held against: the check's labels, and what everybody knows it by."""
    check = draft.plan.checks.get(alert.key.check)
    known: dict[str, Iterable[str]] = dict(of_check(check)) if check else {}
    known |= {
        "check": (alert.key.check,),
        "threshold": (alert.key.threshold,),
        "part": (alert.key.part,),
        "severity": (alert.severity.value,),
    }
    if incident is not None:
        known["incident"] = (incident.id,)
        known.setdefault("host", (incident.host,))
    return known


def of_check(check: CheckPlan) -> Traits:
    """Return the traits that all alerts of a check share."""
    return {
        **{name: (value,) for name, value in check.labels.items()},
        "check": (check.name,),
        "probe": (check.probe,),
        "service": check.services,
        "host": (check.host,),
    }
