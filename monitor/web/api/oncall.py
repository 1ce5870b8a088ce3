"""Who is on call, now or at any instant."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from alerting.oncall.shifts import on_call
from monitor.web import views
from monitor.web.api.answers import answer, listed
from monitor.web.call import Call
from monitor.web.problem import Problem


async def oncall(call: Call) -> web.Response:
    """Answer who is on: of the rota asked for, or of the only one; of several, a list."""
    query = call.query()
    rotas = call.daemon.config.plan.rotas
    at = instant(query.get("at"), "at") or call.daemon.clock.now()
    name = query.get("rota")
    if name is not None and name not in rotas:
        raise Problem(404, f"there is no rota {name[:40]!r}")
    chosen = [rotas[name]] if name is not None else list(rotas.values())
    try:
        found = [views.on_call(on_call(rota, at)) for rota in chosen]
    except ValueError as error:
        raise Problem(400, str(error)) from None
    return answer(found[0]) if len(found) == 1 else listed(found)


def instant(text: str | None, name: str) -> datetime | None:
    """Read an instant out of the query, None where none is given. Raises Problem 400, naming the parameter."""
    if text is None:
        return None
    try:
        # An unquoted + in a query is a space.
        at = datetime.fromisoformat(text[:40].strip().replace(" ", "+") if "T" in text else text[:40])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Problem(
            400, f"cannot read the query: {name} must be a time with its zone, like 2027-01-04T08:00:00Z"
        )
    return at
