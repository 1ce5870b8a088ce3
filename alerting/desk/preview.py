"""What a silence would hit, before it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.alert import Alert
from alerting.desk import silences, suppression
from alerting.desk.facts import live_alerts
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.matching import matches
from alerting.plan import CheckPlan, Plan
from alerting.state import State

OF_ALERTS: Final = ("severity", "part", "incident")
"""Traits only an alert has: of a check nobody knows them before it fires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`alerts` fit now; `incidents` have one of them, and `muted` go quiet, for nothing in them stays loud.

    `checks` and `services` are those whose alerts it could mute, now or later. All are ids, in order.
    """

    alerts: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def preview(state: State, plan: Plan, matchers: Mapping[str, str], now: datetime) -> Preview:
    """Return what a silence with these matchers would hit at `now`. Raises Refused for one over everything."""
    silences.check_matchers(matchers)
    draft = Draft(state, plan, now)
    active = list(draft.all(Alert, lambda alert: alert.state.active))
    hit = {alert.id: alert for alert in active if _fits(draft, matchers, alert)}
    incidents = {
        number: incident
        for number in dict.fromkeys(alert.incident for alert in hit.values())
        if number is not None
        and (incident := draft.get(Incident, number)) is not None
        and incident.state.active
    }
    checks = [check for check in plan.checks.values() if _could_fit(matchers, check)]
    return Preview(
        alerts=tuple(sorted(hit)),
        incidents=_in_order(incidents),
        muted=_in_order(
            number
            for number, incident in incidents.items()
            if all(
                alert.id in hit or suppression.why(draft, alert, incident)
                for alert in live_alerts(draft, incident)
            )
        ),
        checks=tuple(sorted(check.name for check in checks)),
        services=tuple(sorted({service for check in checks for service in check.services})),
    )


def _in_order(numbers: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(numbers, key=lambda number: (len(number), number)))


def _fits(draft: Draft, matchers: Mapping[str, str], alert: Alert) -> bool:
    return matches(matchers, suppression.traits(draft, alert, draft.get(Incident, alert.incident)))


def _could_fit(matchers: Mapping[str, str], check: CheckPlan) -> bool:
    known = {**suppression.of_check(check), "threshold": tuple(one.id for one in check.thresholds)}
    asked = {name: value for name, value in matchers.items() if name not in OF_ALERTS}
    return "incident" not in matchers and matches(asked, known)
