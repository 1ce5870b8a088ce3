"""Acting: every POST becomes one input to the desk, and answers with the whole object once it is recorded."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from alerting import inputs
from alerting.announcements.announcement import Announcement
from alerting.desk.preview import preview
from alerting.incidents.incident import Incident
from alerting.incidents.maintenance import Maintenance, PlannedWork
from alerting.incidents.silence import Silence
from alerting.notification import Kind, Notification
from alerting.oncall.acknowledgement import holder_of
from alerting.state import Record
from alerting.tickets.ticket import Ticket
from monitor.store.errors import StoreError
from monitor.web import views
from monitor.web.api import bodies
from monitor.web.api.answers import answer, person
from monitor.web.api.lists import whole
from monitor.web.call import Call
from monitor.web.problem import Problem

log = logging.getLogger("nightbell.web")


UNRECORDED: Final = (
    "taken, but not recorded: the store fails; it holds for as long as the daemon runs, "
    "and is lost if that restarts before its store works again"
)


async def _act(call: Call, given: inputs.Input, kind: type[Record], *, status: int = 200) -> web.Response:
    try:
        number = await call.daemon.submit(given)
    except inputs.Refused as refused:
        if refused.refusal is not inputs.Refusal.UNKNOWN or "id" not in call.request.match_info:
            raise
        # The desk has forgotten what is closed; the store has not.
        if await call.daemon.store.get(kind, call.id[:200]) is None:
            raise
        raise Problem(409, refused.message) from None
    except StoreError as problem:
        log.warning("cannot record %s: %s", type(given).__name__, problem)
        again = ": it may page again then" if isinstance(given, inputs.Acknowledge) else ""
        raise Problem(503, UNRECORDED + again) from None
    return await whole(call, kind, number, status=status)


async def acknowledge(call: Call, body: bodies.Acknowledgement) -> web.Response:
    """Somebody is on it. In place of the incident's id the code of a page does: it tells who, too."""
    number, by = call.id, person(call, body.by)
    pages = (row for row in call.daemon.state.records[Notification].values() if isinstance(row, Notification))
    told = {
        (row.incident, row.to, row.opened_at)
        for row in pages
        if row.kind is Kind.PAGE and row.incident and row.to
    }
    if held := holder_of(call.daemon.ack_key, number, told):
        number, by = held[0], by or held[1]
    given = inputs.Acknowledge(incident=number, by=by, via=body.via, lasting=body.lasting)
    return await _act(call, given, Incident)


async def resolve(call: Call, body: bodies.Resolution) -> web.Response:
    """End an incident by a person's word."""
    given = inputs.Resolve(
        incident=call.id, by=person(call, body.by), false_alarm=body.false_alarm, note=body.note
    )
    return await _act(call, given, Incident)


async def escalate(call: Call, body: bodies.Plain) -> web.Response:
    """Tell the next step now."""
    return await _act(call, inputs.Escalate(incident=call.id, by=person(call, body.by)), Incident)


async def merge(call: Call, body: bodies.Merging) -> web.Response:
    """Let an incident go on as part of another; answers with that one."""
    given = inputs.Merge(incident=call.id, into=body.into, by=person(call, body.by), reason=body.reason)
    return await _act(call, given, Incident)


async def split(call: Call, body: bodies.Splitting) -> web.Response:
    """Take alerts out of an incident, into a new one; answers with that."""
    given = inputs.Split(
        incident=call.id,
        by=person(call, body.by),
        reason=body.reason,
        alerts=tuple(body.alerts),
        checks=tuple(body.checks),
    )
    return await _act(call, given, Incident)


async def open_ticket(call: Call, body: bodies.NewTicket) -> web.Response:
    """Open a ticket."""
    if body.service is not None and body.service not in call.daemon.config.plan.services:
        raise Problem(400, f"cannot read the body: service: there is no service {body.service[:40]!r}")
    given = inputs.OpenTicket(
        title=body.title,
        ticket_class=body.ticket_class,
        by=person(call, body.by),
        service=body.service,
        text=body.text,
    )
    return await _act(call, given, Ticket, status=201)


def work(action: inputs.TicketAction) -> Callable[[Call, bodies.Work], Awaitable[web.Response]]:
    """Return the handler of one action on a ticket."""

    async def act(call: Call, body: bodies.Work) -> web.Response:
        given = inputs.WorkTicket(
            ticket=call.id,
            action=action,
            by=person(call, body.by),
            assignee=person(call, body.assignee, "assignee") if isinstance(body, bodies.Assignment) else None,
            ticket_class=body.ticket_class if isinstance(body, bodies.Classification) else None,
            note=body.note,
        )
        return await _act(call, given, Ticket)

    return act


WORK_BODIES: Final[Mapping[inputs.TicketAction, type[bodies.Work]]] = {
    **dict.fromkeys(inputs.TicketAction, bodies.Work),
    inputs.TicketAction.ASSIGN: bodies.Assignment,
    inputs.TicketAction.CLASSIFY: bodies.Classification,
}


async def add_silence(call: Call, body: bodies.NewSilence) -> web.Response:
    """Mute what fits. The author is who says so, else who acts, else the token."""
    by = person(call, body.by)
    ends = body.ends_at
    if ends is None:
        ends = (body.starts_at or call.daemon.clock.now()) + (body.lasting or timedelta(0))
    given = inputs.AddSilence(
        matchers=body.matchers,
        author=body.author or by or (call.caller.name if call.caller else "api"),
        reason=body.reason,
        ends_at=ends,
        starts_at=body.starts_at,
    )
    return await _act(call, given, Silence, status=201)


async def end_silence(call: Call, body: bodies.Plain | None = None) -> web.Response:
    """End a silence now."""
    by = person(call, body.by) if body else None
    return await _act(call, inputs.EndSilence(silence=call.id, by=by), Silence)


async def change_silence(call: Call, body: bodies.SilenceChange) -> web.Response:
    """Let a silence end at another time, or give it another reason."""
    given = inputs.ChangeSilence(
        silence=call.id,
        by=person(call, body.by),
        ends_at=_end(call, body.ends_at, body.lasting),
        reason=body.reason,
    )
    return await _act(call, given, Silence)


def _end(call: Call, at: datetime | None, lasting: timedelta | None) -> datetime | None:
    return at if lasting is None else call.daemon.clock.now() + lasting


async def preview_silence(call: Call, body: bodies.SilencePreview) -> web.Response:
    """Say what a silence would hit; nothing is changed."""
    daemon = call.daemon
    return answer(views.preview(preview(daemon.state, daemon.config.plan, body.matchers, daemon.clock.now())))


async def add_maintenance(call: Call, body: bodies.NewMaintenance) -> web.Response:
    """Plan work. It cannot have begun before now."""
    by, now = person(call, body.by), call.daemon.clock.now()
    starts = max(body.starts_at or now, now)
    work = PlannedWork(
        services=tuple(dict.fromkeys(body.services)),
        checks=tuple(dict.fromkeys(body.checks)),
        reason=body.reason,
        author=body.author or by or (call.caller.name if call.caller else "api"),
        starts_at=starts,
        length=(body.ends_at or starts) - starts if body.lasting is None else body.lasting,
        every=body.every,
        zone=body.timezone or call.daemon.config.plan.site.zone.key,
        dependents=body.dependents,
        announce=None if body.announce is False else body.announce,
    )
    return await _act(call, inputs.AddMaintenance(work=work), Maintenance, status=201)


async def end_maintenance(call: Call, body: bodies.MaintenanceEnd | None = None) -> web.Response:
    """End the window that goes on; without one, or as a whole, the maintenance."""
    by = person(call, body.by) if body else None
    given = inputs.EndMaintenance(maintenance=call.id, by=by, whole=body.whole if body else False)
    return await _act(call, given, Maintenance)


async def extend_maintenance(call: Call, body: bodies.MaintenanceExtension) -> web.Response:
    """Let the window that goes on, or the next one, end at another time."""
    ends = _end(call, body.ends_at, body.lasting) or call.daemon.clock.now()
    given = inputs.ExtendMaintenance(maintenance=call.id, by=person(call, body.by), ends_at=ends)
    return await _act(call, given, Maintenance)


async def publish(call: Call, body: bodies.Plain) -> web.Response:
    """Let customers read it."""
    return await _act(call, inputs.Publish(announcement=call.id, by=person(call, body.by)), Announcement)


async def say(call: Call, body: bodies.Words) -> web.Response:
    """Say something new to customers."""
    given = inputs.Say(
        announcement=call.id,
        by=person(call, body.by),
        state=body.state,
        text=body.text,
        expected_recovery_at=body.expected_recovery_at,
        next_update_at=body.next_update_at,
    )
    return await _act(call, given, Announcement)


async def test_channel(call: Call, body: bodies.ChannelTest) -> web.Response:
    """Send a test message and answer with its receipt."""
    if call.id not in call.daemon.config.channels:
        raise Problem(404, f"there is no channel {call.id[:40]!r}")
    receipt = await call.daemon.test_channel(call.id, person(call, body.to, "to"))
    return answer(views.receipt(receipt))
