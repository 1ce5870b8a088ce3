"""Blindness: while the monitor cannot see, nothing is said about what lies beyond its own network.

Samples of remote checks count as `unknown` of class `self`: they open, worsen and end nothing. Customers hear nothing
new, and promises to them wait; what people say themselves goes out. Staff is paged on as before: an outage that was
there is not over because we cannot look.
"""

from __future__ import annotations

from alerting.alert import Alert
from alerting.draft import Draft
from alerting.sight import ALERT


def blind(draft: Draft) -> bool:
    """Tell whether the monitor is blind, or was a moment ago."""
    alert = draft.get(Alert, ALERT)
    return alert is not None and alert.state.alive
