"""What a check saw over hours and months."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from monitor.history.words import DURATION, HistoryError, Point
from monitor.web import views
from monitor.web.api.answers import answer
from monitor.web.api.oncall import instant
from monitor.web.call import Call
from monitor.web.problem import Problem

DAY: Final = timedelta(days=1)
POINTS: Final = 2000
"""Points of one answer at most."""
STEPS: Final = (1, 10, 60, 300, 900, 3600, 4 * 3600, 86400)
USUAL: Final = 200
"""About so many points where no step is asked for."""


async def history(call: Call) -> web.Response:
    """Answer points of one metric of a check in the order of their time."""
    query = call.query()
    daemon, name = call.daemon, call.id
    if name not in daemon.config.checks:
        raise Problem(404, f"there is no check {name[:40]!r}")
    until = instant(query.get("until"), "until") or daemon.clock.now()
    since = instant(query.get("since"), "since") or until - DAY
    if since >= until:
        raise Problem(400, "cannot read the query: since must be before until")
    step = _step(query.get("step"), since, until)
    try:
        found = await daemon.sample_history.read(
            name,
            metric=query.get("metric", DURATION)[:200],
            part=query.get("part", "")[:1000],
            since=since,
            until=until,
            step=step,
        )
    except HistoryError as error:
        raise Problem(503, str(error)) from None
    shown = {
        "check": found.check,
        "metric": found.metric,
        "part": found.part,
        "since": views.instant(since),
        "until": views.instant(until),
        "step": found.step,
        "points": [_point(point) for point in found.points],
    }
    return answer(shown)


def _step(text: str | None, since: datetime, until: datetime) -> int:
    length = (until - since).total_seconds()
    if text is None:
        return next((step for step in STEPS if length / step <= USUAL), STEPS[-1])
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < 1:
        raise Problem(400, "cannot read the query: step must be a whole number of seconds from 1")
    if length / int(text) > POINTS:
        raise Problem(400, f"cannot read the query: that is more than {POINTS} points; take a longer step")
    return int(text)


def _point(point: Point) -> views.View:
    return {
        "at": views.instant(point.at),
        "up": point.up,
        "down": point.down,
        "unknown": point.unknown,
        "errors": point.errors,
        "low": views.amount(point.low),
        "mean": views.amount(point.mean),
        "high": views.amount(point.high),
    }
