"""The link by which staff says: I am on it. Looking changes nothing, however often mail scanners look; the button acts.

The token is all it takes: no cookie, no origin, no script. Who has no genuine token learns nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import hdrs, web

from alerting.incidents.incident import Acknowledgement, Incident
from alerting.inputs import Acknowledge, Refused, Tick
from alerting.oncall.acknowledgement import read
from alerting.oncall.person import Person
from alerting.wording.times import short_time
from monitor.store.errors import StoreError
from monitor.web.call import Call
from monitor.web.problem import REFUSALS, Problem
from monitor.web.public.render import name, render
from monitor.web.public.status import NAME_CHARACTERS, clean
from monitor.web.public.words import words

VALID_AFTER_END: Final = timedelta(hours=24)
"""So long after an incident ended its links still say that it is over; then they are unknown."""

BODY_BYTES: Final = 1024

_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows of an incident."""

    id: str
    title: str
    services: tuple[str, ...]
    severity: str
    state: str
    since: datetime
    held_by: str
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said on top of the page, and in which tone (a class of the style sheet)."""

    title: str
    text: str
    tone: str


NOTHING_SAID: Final = Verdict("", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One genuine link: whose it is, and the incident it is about."""

    person: Person
    incident: Incident
    step: str
    now: datetime

    @property
    def over(self) -> bool:
        """True where there is nothing left to acknowledge."""
        return not self.incident.state.active

    @property
    def old(self) -> bool:
        """True where it was over after this link was sent, and has come back: whoever reads it may not know."""
        return not self.over and not self.incident.sent(self.step)

    @property
    def held(self) -> Acknowledgement | None:
        """The acknowledgement in force, where a person gave it."""
        held = self.incident.acknowledgement
        return held if held and held.by and self.now < held.until else None

    @property
    def mine(self) -> bool:
        """True where the reader is on it already."""
        return self.held is not None and self.held.by == self.person.id


async def look(call: Call) -> web.Response:
    """Show the incident and one button. Changes nothing."""
    case = await _case(call)
    if case.over:
        return _over(call, case)
    if case.old:
        return _old(call, case, 200)
    if case.held is None:
        return _page(call, case)
    if case.mine and "records" in call.daemon.vitals.troubles:
        return _unrecorded(call, case, 200)
    return _said(call, case, 200)


async def act(call: Call) -> web.Response:
    """The person is on it. Said twice it is the same; somebody else is only relieved on request.

    Nothing is said to be done before it is on the disk. While the store fails it holds in memory, and that is said.
    """
    case = await _case(call)
    take_over = await _take_over(call.request)
    if case.over:
        return _over(call, case)
    if case.old:
        return _old(call, case, 409)
    if case.held and not case.mine and not take_over:
        return _said(call, case, 409)
    fresh = not case.mine
    try:
        # What is known already may be on its way to the disk only: whatever comes behind it is answered after it.
        await call.daemon.submit(
            Acknowledge(incident=case.incident.id, by=case.person.id, via="link", step=case.step)
            if fresh
            else Tick()
        )
    except Refused as refused:
        return await _refused(call, refused)
    except StoreError:
        case = await _case(call)
        if case.mine:
            return _unrecorded(call, case, 503)
        w = words(case.person.language)
        return _page(call, case, 503, Verdict(w["ack_failed"], w["ack_failed_text"], "is-down"))
    return _said(call, await _case(call), 200, fresh=fresh)


async def _case(call: Call) -> Case:
    daemon = call.daemon
    claim = read(daemon.ack_key, call.id)
    person = daemon.config.plan.people.get(claim.person) if claim else None
    if claim is None or person is None:
        raise Problem(404, headers=_HEADERS)
    record = daemon.state.records[Incident].get(claim.incident)
    if not isinstance(record, Incident):
        record = await daemon.store.get(Incident, claim.incident)
    now = daemon.clock.now()
    if record is None or not claim.fits(record.opened_at):
        raise Problem(
            404, headers=_HEADERS
        )  # of an outage that a crash has forgotten, whose number came again
    if record.resolved_at and now - record.resolved_at > VALID_AFTER_END:
        raise Problem(404, headers=_HEADERS)
    return Case(person=person, incident=record, step=claim.step, now=now)


async def _take_over(request: web.Request) -> bool:
    """Read the little a form may send. An empty body, of any type, suffices."""
    if (request.content_length or 0) > BODY_BYTES:
        raise Problem(413, headers=_HEADERS)
    return (await request.read()).strip() == b"take_over=yes"


async def _refused(call: Call, refused: Refused) -> web.Response:
    case = await _case(call)
    if case.over:
        return _over(call, case)
    title = words(case.person.language)["ack_conflict"]
    return _page(call, case, REFUSALS[refused.refusal], Verdict(title, "", "is-down"))


def _said(call: Call, case: Case, status: int, *, fresh: bool = False) -> web.Response:
    """Say who is on it."""
    w, held, zone = words(case.person.language), case.held, call.daemon.config.plan.site.zone
    if held is None:
        return _page(call, case, status)
    until, at = short_time(held.until, zone), short_time(held.at, zone)
    if case.mine:
        title = w["ack_done" if fresh else "ack_again"].format(name=_name(call, held.by))
        text = w["ack_done_text"].format(until=until)
        return _page(call, case, status, Verdict(title, text, "is-operational"))
    title = w["ack_other"].format(name=_name(call, held.by))
    text = w["ack_other_text"].format(at=at, until=until)
    return _page(call, case, status, Verdict(title, text, "is-maintenance"))


def _unrecorded(call: Call, case: Case, status: int) -> web.Response:
    """Say that it holds in memory alone. Pressing again tells whether it is recorded by then."""
    w = words(case.person.language)
    title = w["ack_unrecorded"].format(name=_name(call, case.person.id))
    verdict = Verdict(title, w["ack_unrecorded_text"], "is-degraded")
    return _page(call, case, status, verdict, button=w["ack_record"])


def _over(call: Call, case: Case) -> web.Response:
    w, zone = words(case.person.language), call.daemon.config.plan.site.zone
    ended = case.incident.resolved_at or case.incident.changed_at
    text = w["ack_over_text"].format(at=short_time(ended, zone))
    return _page(call, case, 410, Verdict(w["ack_over"], text, "is-operational"))


def _old(call: Call, case: Case, status: int) -> web.Response:
    w = words(case.person.language)
    return _page(call, case, status, Verdict(w["ack_old"], w["ack_old_text"], "is-maintenance"))


def _page(
    call: Call, case: Case, status: int = 200, verdict: Verdict = NOTHING_SAID, *, button: str = ""
) -> web.Response:
    language, plan = case.person.language, call.daemon.config.plan
    w, incident, held = words(language), case.incident, case.held
    if not (case.over or case.old or case.mine):
        button = w["ack_take"].format(name=_name(call, held.by)) if held else w["ack_button"]
    services = (plan.services[one].title for one in incident.services if one in plan.services)
    view = View(
        id=incident.id,
        title=clean(incident.title, 2 * NAME_CHARACTERS),
        services=tuple(clean(name(title, language), NAME_CHARACTERS) for title in services),
        severity=incident.severity.value,
        state=incident.state.value,
        since=incident.since,
        held_by=_name(call, held.by) if held else "",
        held_until=held.until if held else None,
    )
    text = render(
        "ack.html",
        language,
        plan.site.zone,
        view=view,
        verdict=verdict,
        button=button,
        take_over=held is not None,
    )
    headers = {**_HEADERS, hdrs.CONTENT_LANGUAGE: language}
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=headers)


def _name(call: Call, person: str) -> str:
    known = call.daemon.config.plan.people.get(person)
    return clean(known.name if known else person, NAME_CHARACTERS)
