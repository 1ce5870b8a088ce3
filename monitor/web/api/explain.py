"""Why a check is alerting or is not, and who would be told were it down: the desk itself is asked, on a rehearsal."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final

from aiohttp import web

from alerting.alert import Alert
from alerting.incidents.incident import Incident
from alerting.plan import CheckPlan
from alerting.replay import Replay, foresee
from alerting.thresholds.threshold import Threshold
from alerting.thresholds.verdict import AlertKey
from alerting.wording.rules import rule, standing
from monitor.daemon import Daemon
from monitor.web.api.answers import answer
from monitor.web.api.oncall import instant as instant_of
from monitor.web.call import Call
from monitor.web.problem import Problem
from monitor.web.views import instant

FORESEEN: Final = timedelta(hours=1)
"""How far it is looked ahead."""


async def check(call: Call) -> web.Response:
    """Answer with each threshold of a check, how far its alerts are, and who would be told were it down at a time."""
    query, daemon = call.query(), call.daemon
    plan = daemon.config.plan.checks.get(call.id)
    if plan is None:
        raise Problem(404, f"there is no check {call.id[:40]!r}")
    at = instant_of(query.get("at"), "at") or daemon.clock.now()
    foreseen = await daemon.aside(partial(foresee, daemon.config.plan, plan.name, at, FORESEEN))
    sample = daemon.samples.get(plan.name)
    return answer(
        {
            "check": plan.name,
            "probe": plan.probe,
            "services": list(plan.services),
            "owner": plan.owner,
            "escalation": plan.escalation,
            "outcome": sample.outcome.value if sample else None,
            "message": sample.message if sample else "",
            "at": instant(sample.at) if sample else None,
            "thresholds": [line for one in plan.thresholds for line in _lines(daemon, plan, one)],
            "foreseen": {"at": instant(at), "told": told(foreseen)},
        }
    )


def told(foreseen: Replay) -> list[dict[str, Any]]:
    """Show the messages of a rehearsal, the first one first."""
    return [
        {
            "at": instant(one.at),
            "kind": one.row.kind.value,
            "to": one.row.to,
            "channel": one.row.channel,
            "step": one.row.step or None,
            "title": one.row.title,
        }
        for one in foreseen.told
    ]


def _lines(daemon: Daemon, plan: CheckPlan, threshold: Threshold) -> list[dict[str, Any]]:
    """Show a threshold once for the whole, and once for each part that has an alert."""
    whole = AlertKey(plan.name, threshold.id)
    alerts = daemon.state.records[Alert]
    keys = [str(whole)] if str(whole) in alerts else []
    keys += sorted(key for key in alerts if key.startswith(f"{whole}/"))
    return [_line(daemon, threshold, key) for key in keys or [str(whole)]]


def _line(daemon: Daemon, threshold: Threshold, key: str) -> dict[str, Any]:
    alert = daemon.state.records[Alert].get(key)
    known = alert if isinstance(alert, Alert) else None
    incident = daemon.state.records[Incident].get(known.incident or "") if known else None
    return {
        "alert": key,
        "threshold": threshold.id,
        "rule": rule(threshold),
        "standing": standing(known, threshold, daemon.clock.now()),
        "severity": known.severity.value if known and known.state.active else None,
        "incident": known.incident if known else None,
        "quiet": incident.quiet or None if isinstance(incident, Incident) else None,
    }
