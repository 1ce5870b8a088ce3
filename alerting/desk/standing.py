"""What stands in the configuration: silences and planned work that come and go with its lines."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from alerting.draft import Draft
from alerting.incidents.maintenance import PlannedWork
from alerting.incidents.silence import Silence
from alerting.plan import StandingSilence


def origin_of(written: StandingSilence | PlannedWork) -> str:
    """Return what tells these lines from all others, the same with every start."""
    return hashlib.sha256(repr(written).encode()).hexdigest()[:16]


def silences_of(draft: Draft) -> None:
    """Have each silence of the configuration there once; one that was taken out of it ends now."""
    wanted = {origin_of(one): one for one in draft.plan.silences if draft.now < one.until}
    known = {one.origin: one for one in draft.all(Silence, lambda one: bool(one.origin) and not one.over)}
    for origin, one in wanted.items():
        if origin not in known:
            draft.put(
                Silence(
                    id=draft.number("S"),
                    matchers=dict(one.matchers),
                    author=one.author,
                    reason=one.reason,
                    starts_at=draft.now,
                    ends_at=one.until,
                    created_at=draft.now,
                    origin=origin,
                )
            )
    for origin, silence in known.items():
        if origin not in wanted and draft.now < silence.ends_at:
            draft.put(replace(silence, ends_at=draft.now))
