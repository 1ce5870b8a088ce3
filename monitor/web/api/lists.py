"""Reading: what is recorded, newest first, and single objects by id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiohttp import web

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.desk import suppression
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.incidents.maintenance import Maintenance, Window
from alerting.incidents.silence import Silence
from alerting.notification import Notification
from alerting.sight import blind_since, unseen
from alerting.state import Record
from alerting.tickets.ticket import Ticket
from monitor.daemon import Daemon
from monitor.store.page import Page
from monitor.web import views
from monitor.web.api.answers import answer, listed
from monitor.web.call import Call
from monitor.web.problem import Problem
from probes.sample import Sample

LIMIT: Final = 100
MOST: Final = 1000
WINDOWS: Final = 20
"""Windows of a maintenance that are shown: the newest."""

Shown = Callable[[Daemon, Any], Awaitable[views.View]]


async def _incident(daemon: Daemon, record: Incident) -> views.View:
    timeline = await daemon.store.timeline(record.id)
    alerts: list[Alert] = []
    cursor: str | None = None
    while len(alerts) < 10 * MOST:
        page: Page[Alert] = await daemon.store.page(Alert, {"incident": record.id}, MOST, cursor)
        alerts.extend(page.items)
        if (cursor := page.next) is None:
            break
    return views.incident(record, alerts, timeline, why_quiet(daemon, alerts, record))


def why_quiet(daemon: Daemon, alerts: Iterable[Alert], about: Incident | None = None) -> dict[str, str]:
    """Return for each alert that goes on and is suppressed why it is."""
    draft = Draft(daemon.state, daemon.config.plan, daemon.clock.now())
    if not suppression.possible(draft):
        return {}
    reasons = {alert.id: suppression.why(draft, alert, about) for alert in alerts if alert.state.active}
    return {key: reason for key, reason in reasons.items() if reason}


async def _ticket(_daemon: Daemon, record: Ticket) -> views.View:
    return views.ticket(record)


async def _announcement(_daemon: Daemon, record: Announcement) -> views.View:
    return views.announcement(record)


async def _notification(_daemon: Daemon, record: Notification) -> views.View:
    return views.notification(record)


async def _maintenance(daemon: Daemon, record: Maintenance) -> views.View:
    page: Page[Window] = await daemon.store.page(Window, {"maintenance": record.id}, WINDOWS, None)
    return views.maintenance(record, page.items)


async def _silence(daemon: Daemon, record: Silence) -> views.View:
    return views.silence(record, daemon.clock.now())


SHOWN: Final[dict[type[Record], Shown]] = {
    Incident: _incident,
    Ticket: _ticket,
    Announcement: _announcement,
    Notification: _notification,
    Silence: _silence,
    Maintenance: _maintenance,
}


def many(kind: type[Record]) -> Callable[[Call], Awaitable[web.Response]]:
    """Return the handler that answers one page of a list."""

    async def read(call: Call) -> web.Response:
        query = call.query()
        most, cursor = limit(query), query.pop("cursor", None)
        try:
            page = await call.daemon.store.page(kind, query, most, cursor)
        except ValueError as error:
            raise Problem(400, str(error)) from None
        return listed([await SHOWN[kind](call.daemon, record) for record in page.items], page.next)

    return read


def one(kind: type[Record]) -> Callable[[Call], Awaitable[web.Response]]:
    """Return the handler that answers a single object."""

    async def read(call: Call) -> web.Response:
        call.query()
        return await whole(call, kind, call.id)

    return read


async def whole(call: Call, kind: type[Record], key: str, *, status: int = 200) -> web.Response:
    """Answer with the whole object of that id. Raises Problem 404."""
    record = call.daemon.state.records[kind].get(key) or await call.daemon.store.get(kind, key[:200])
    if record is None:
        raise Problem(404, f"there is no {kind.__name__.lower()} {key[:40]!r}")
    return answer(await SHOWN[kind](call.daemon, record), status=status)


def limit(query: dict[str, str]) -> int:
    """Take `limit` out of the query: at least 1, never more than `MOST`."""
    given = query.pop("limit", str(LIMIT))
    if not re.fullmatch(r"[0-9]{1,18}", given, re.ASCII) or int(given) < 1:
        raise Problem(400, "cannot read the query: limit must be a whole number from 1")
    return min(int(given), MOST)


def _sample(daemon: Daemon, name: str) -> Sample | None:
    """Return a check's last sample as it was judged: while we are blind that of a remote check tells nothing."""
    sample, plan = daemon.samples.get(name), daemon.config.plan.checks.get(name)
    if sample is None or plan is None or not plan.remote or blind_since(daemon.state) is None:
        return sample
    return unseen(sample)


async def checks(call: Call) -> web.Response:
    """Answer the checks by name, each with its last sample."""
    query = call.query()
    most, after = limit(query), query.get("cursor", "")
    state, service = query.get("state"), query.get("service")
    daemon = call.daemon
    plans = daemon.config.plan.checks
    found: list[views.View] = []
    quiet = _quiet_checks(daemon)
    for name in sorted(daemon.config.checks):
        plan, sample = plans.get(name), _sample(daemon, name)
        if name <= after or (service is not None and (plan is None or service not in plan.services)):
            continue
        if state is not None and state != (sample.outcome.value if sample else ""):
            continue
        if len(found) == most:
            return listed(found, found[-1]["name"])
        found.append(views.check(daemon.config.checks[name], plan, sample, quiet.get(name, "")))
    return listed(found)


def _quiet_checks(daemon: Daemon) -> dict[str, str]:
    """Return why alerts are suppressed, by the name of their check."""
    alerts = [one for one in daemon.state.records[Alert].values() if isinstance(one, Alert)]
    known = {alert.id: alert.key.check for alert in alerts}
    return {known[key]: reason for key, reason in why_quiet(daemon, alerts).items()}


async def check(call: Call) -> web.Response:
    """Answer one check with its last sample, its last runs, and its last failure."""
    configured = call.daemon.config.checks.get(call.id)
    if configured is None:
        raise Problem(404, f"there is no check {call.id[:40]!r}")
    plan = call.daemon.config.plan.checks.get(call.id)
    quiet = _quiet_checks(call.daemon).get(call.id, "")
    shown = views.check(configured, plan, _sample(call.daemon, call.id), quiet)
    return answer(shown | views.history(call.daemon.history.get(call.id)))


async def services(call: Call) -> web.Response:
    """Answer the services, each with what customers read of its state."""
    from monitor.web.public.status import states

    call.query()
    daemon = call.daemon
    public = states(daemon.config, daemon.state, daemon.samples, daemon.clock.now())
    shown = [
        views.service(service, public[name].value if name in public else None)
        for name, service in daemon.config.plan.services.items()
    ]
    return listed(shown)
