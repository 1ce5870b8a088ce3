"""Customers: what they are told of an incident, when, and by whose leave, until the all-clear.

Colleagues (`internal` channels) hear at once. The status page and the customers' channels follow their own
policies: at once, after a while, or when a person approves. The all-clear waits until recovery has held and
goes to those only who were told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.announcements.policy import AnnouncePolicy
from alerting.announcements.recovery_time import expected
from alerting.desk import acknowledgement, outward, paging
from alerting.desk.facts import active_alerts, language_of, name_of
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.inputs import Publish, Refusal, Refused, Say
from alerting.plan import Audience, ServicePlan
from alerting.severity import Impact, Severity
from alerting.state import Recovery
from alerting.wording.staff import reminder

TEXT: Final = 10_000
NEEDS_A_PERSON: Final = ("auth",)
"""Error classes that may be our own misconfiguration: customers hear nothing before a person confirms."""


def consider(draft: Draft, incident: Incident) -> Incident:
    """Prepare an announcement where customers are affected, or take up the one that is there."""
    services = [
        service
        for name in incident.services
        if (service := draft.plan.services.get(name)) is not None and service.public
    ]
    alerts = [alert for alert in active_alerts(draft, incident) if alert.impact is not Impact.NONE]
    if incident.severity is not Severity.CRITICAL or not services or not alerts:
        return incident
    known = draft.get(Announcement, incident.announcement)
    if known is not None and known.state is not AnnouncementState.RESOLVED and not known.withdrawn:
        _again(draft, incident, known, services, alerts)
        return incident
    announcement = _prepare(draft, incident, services, alerts)
    draft.note(
        incident.id,
        "announcement",
        f"{announcement.id} prepared, recovery expected by {announcement.expected_recovery_at:%H:%M} UTC",
        data={"announcement": announcement.id},
    )
    outward.push(draft, announcement, Audience.INTERNAL)
    incident = draft.put(replace(incident, announcement=announcement.id))
    _tell_what_is_due(draft, announcement.id)
    return incident


def _prepare(
    draft: Draft, incident: Incident, services: list[ServicePlan], alerts: list[Alert]
) -> Announcement:
    policy = _policy(services, alerts)
    eta, estimated = _expected(draft, services)
    bare = Announcement(
        id=draft.number("A"),
        incident=incident.id,
        services=tuple(service.id for service in services),
        state=AnnouncementState.INVESTIGATING,
        impact=_impact(alerts),
        began_at=incident.since,
        created_at=draft.now,
        updates=(),
        expected_recovery_at=max(incident.since + eta, draft.now),
        estimated=estimated,
        next_update_at=draft.now + draft.plan.next_update,
        page_at=draft.now + policy.page if policy.page is not None else None,
        push_at=draft.now + policy.push if policy.push is not None else None,
    )
    return _updated(draft, bare, bare.state, outward.words(draft, bare, bare.impact))


def _policy(services: list[ServicePlan], alerts: list[Alert]) -> AnnouncePolicy:
    """Return the most careful of the services' policies."""
    if any(alert.error in NEEDS_A_PERSON for alert in alerts):
        return AnnouncePolicy()
    return AnnouncePolicy(
        page=_most_careful(service.announce.page for service in services),
        push=_most_careful(service.announce.push for service in services),
    )


def _most_careful(waits: Iterable[timedelta | None]) -> timedelta | None:
    known = list(waits)
    return None if None in known else max((wait for wait in known if wait is not None), default=None)


def _impact(alerts: list[Alert]) -> str:
    down = any(alert.impact is Impact.DOWN for alert in alerts)
    worst: Impact = Impact.DOWN if down else Impact.DEGRADED
    return str(worst.value)


def _expected(draft: Draft, services: list[ServicePlan]) -> tuple[timedelta, bool]:
    """Return the longest of the services' expected recoveries: it is over when the last one is back."""
    known = [
        expected(
            [row.seconds for row in draft.all(Recovery) if row.service == service.id],
            service.expected_recovery,
        )
        for service in services
    ]
    return max(known, key=lambda pair: pair[0])


def _again(
    draft: Draft,
    incident: Incident,
    announcement: Announcement,
    services: list[ServicePlan],
    alerts: list[Alert],
) -> None:
    """Widen, worsen, or take back the good news, in new words where customers would see a difference."""
    names = tuple(dict.fromkeys((*announcement.services, *(service.id for service in services))))
    impact = _impact(alerts)
    back = announcement.recovered_at is not None
    if not back and names == announcement.services and impact == announcement.impact:
        return
    eta, estimated = _expected(draft, services)
    fresh = replace(
        announcement,
        services=names,
        impact=impact,
        recovered_at=None,
        all_clear_at=None,
        next_update_at=draft.now + draft.plan.next_update,
    )
    if back:
        fresh = replace(fresh, expected_recovery_at=draft.now + eta, estimated=estimated, lapsed=False)
    key = "relapsed" if back else impact
    fresh = _updated(draft, fresh, AnnouncementState.INVESTIGATING, outward.words(draft, fresh, key))
    draft.note(incident.id, "announcement", f"{fresh.id} updated: {key}", data={"announcement": fresh.id})
    outward.push_to_the_told(draft, fresh)


def _updated(
    draft: Draft, announcement: Announcement, state: AnnouncementState, text: dict[str, str]
) -> Announcement:
    update = Update(at=draft.now, state=state, text=text)
    return draft.put(replace(announcement, state=state, updates=(*announcement.updates, update)))


def publish(draft: Draft, given: Publish) -> str:
    """Carry out a person's approval: the page and the customers' channels are told now."""
    announcement = _open(draft, given.announcement, "publish")
    if announcement.recovered_at is not None:
        raise Refused(Refusal.CONFLICT, f"cannot publish {announcement.id}: the outage is over")
    by = name_of(draft, given.by) or "api"
    draft.put(
        replace(
            announcement,
            page_at=announcement.page_at or draft.now,
            push_at=announcement.push_at or draft.now,
            by=announcement.by or by,
        )
    )
    draft.note(announcement.incident, "approved", f"{announcement.id} approved", who=by)
    _tell_what_is_due(draft, announcement.id, now_at_once=True)
    acknowledgement.renew(draft, announcement.incident)
    return announcement.id


def say(draft: Draft, given: Say) -> str:
    """Carry out a person's update. A language without words gets the ones given in another."""
    announcement = _open(draft, given.announcement, "update")
    if any(len(text) > TEXT for text in given.text.values()):
        raise Refused(Refusal.INVALID, f"cannot update {announcement.id}: at most {TEXT} characters")
    for at in (given.expected_recovery_at, given.next_update_at):
        if at is not None and at <= draft.now:
            raise Refused(
                Refusal.INVALID, f"cannot update {announcement.id}: a promised time lies in the past"
            )
    state = given.state or announcement.state
    fresh = replace(
        announcement,
        expected_recovery_at=given.expected_recovery_at or announcement.expected_recovery_at,
        estimated=announcement.estimated and given.expected_recovery_at is None,
        lapsed=announcement.lapsed and given.expected_recovery_at is None,
        next_update_at=given.next_update_at or draft.now + draft.plan.next_update,
    )
    words = {name: text for name, text in given.text.items() if text.strip()}
    if words:
        spare = next(iter(words.values()))
        text = {language: words.get(language, spare) for language in draft.plan.site.languages}
    else:
        text = outward.words(
            draft, fresh, "monitoring" if state is AnnouncementState.MONITORING else fresh.impact
        )
    by = name_of(draft, given.by) or "api"
    if state is AnnouncementState.RESOLVED:
        _all_clear(draft, replace(fresh, recovered_at=fresh.recovered_at or draft.now), text=text)
    else:
        fresh = _updated(draft, fresh, state, text)
        outward.push_to_the_told(draft, fresh)
    draft.note(announcement.incident, "announcement", f"{announcement.id}: {state.value}", who=by)
    acknowledgement.renew(draft, announcement.incident)
    return announcement.id


def recovered(draft: Draft, incident: Incident) -> None:
    """Begin to wait whether recovery holds; what nobody was told of is withdrawn."""
    announcement = draft.get(Announcement, incident.announcement)
    if announcement is None or announcement.state is AnnouncementState.RESOLVED or announcement.withdrawn:
        return
    if announcement.published_at is None and announcement.pushed_at is None and not announcement.told:
        draft.put(replace(announcement, withdrawn=True, recovered_at=draft.now))
        draft.note(incident.id, "announcement", f"{announcement.id} withdrawn: over before anybody was told")
        return
    fresh = replace(
        announcement,
        recovered_at=draft.now,
        all_clear_at=draft.now + draft.plan.hold_recovery,
        next_update_at=None,
    )
    _updated(draft, fresh, AnnouncementState.MONITORING, outward.words(draft, fresh, "monitoring"))


def clock(draft: Draft) -> None:
    """Do what is due for every announcement that is not over."""
    for announcement in list(draft.all(Announcement)):
        if announcement.withdrawn or announcement.state is AnnouncementState.RESOLVED:
            continue
        if announcement.recovered_at is None:
            incident = draft.get(Incident, announcement.incident)
            if incident is None or not incident.quiet:
                _tell_what_is_due(draft, announcement.id)
                _lapse(draft, announcement.id)
        elif announcement.all_clear_at is not None and announcement.all_clear_at <= draft.now:
            _all_clear(draft, announcement)


def _tell_what_is_due(draft: Draft, number: str, *, now_at_once: bool = False) -> None:
    announcement = draft.get(Announcement, number)
    if announcement is None or announcement.recovered_at is not None:
        return
    if announcement.published_at is None and _due(announcement.page_at, draft.now, now_at_once):
        announcement = draft.put(replace(announcement, published_at=draft.now))
        draft.note(announcement.incident, "published", f"{number} is on the status page")
    if announcement.pushed_at is None and _due(announcement.push_at, draft.now, now_at_once):
        announcement = draft.put(replace(announcement, pushed_at=draft.now))
        draft.note(announcement.incident, "pushed", f"{number} goes to the customers' channels")
        outward.push(draft, announcement, Audience.EVERYONE)


def _due(at: datetime | None, now: datetime, now_at_once: bool) -> bool:
    return at is not None and (now_at_once or at <= now)


def _lapse(draft: Draft, number: str) -> None:
    """A promise was not kept: say so to customers once, and to staff."""
    announcement = draft.get(Announcement, number)
    if announcement is None or announcement.published_at is None:
        return
    incident = draft.get(Incident, announcement.incident)
    late = announcement.expected_recovery_at is not None and announcement.expected_recovery_at <= draft.now
    silent = announcement.next_update_at is not None and announcement.next_update_at <= draft.now
    if late and not announcement.lapsed:
        fresh = replace(announcement, lapsed=True, next_update_at=draft.now + draft.plan.next_update)
        fresh = _updated(draft, fresh, fresh.state, outward.words(draft, fresh, "longer"))
        outward.push_to_the_told(draft, fresh)
        _remind_staff(draft, incident, "eta_lapsed")
    elif silent:
        draft.put(replace(announcement, next_update_at=None))
        _remind_staff(draft, incident, "update_due")


def _remind_staff(draft: Draft, incident: Incident | None, key: str) -> None:
    if incident is None:
        return
    draft.note(incident.id, key, "a promise to customers has come due")
    said = incident.acknowledgement.by if incident.acknowledgement else ""
    people = (said,) if said in draft.plan.people else paging.on_duty(draft, incident)
    for person in people:
        text = reminder(key, language_of(draft, person), id=incident.id, title=incident.title)
        paging.remind(draft, incident, person, f"{key}.{draft.now.isoformat()}", text)


def _all_clear(draft: Draft, announcement: Announcement, *, text: dict[str, str] | None = None) -> None:
    words = text or outward.words(draft, announcement, "resolved")
    fresh = _updated(draft, replace(announcement, resolved_at=draft.now), AnnouncementState.RESOLVED, words)
    draft.note(announcement.incident, "all_clear", f"{announcement.id}: customers are told that it is over")
    outward.push_to_the_told(draft, fresh)


def _open(draft: Draft, number: str, verb: str) -> Announcement:
    announcement = draft.get(Announcement, number)
    if announcement is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {number}: there is no such open announcement")
    if announcement.withdrawn or announcement.state is AnnouncementState.RESOLVED:
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {number}: it is over")
    return announcement
