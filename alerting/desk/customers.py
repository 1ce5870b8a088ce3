"""Customers: whether an incident is any of their business, and which announcement says so.

Colleagues (`internal` channels) hear at once. The status page and the customers' channels follow their own
policies: at once, after a while, or when a person approves; see `publishing`. The all-clear waits until
recovery has held and goes to those only who were told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.announcements.policy import AnnouncePolicy
from alerting.announcements.recovery_time import expected
from alerting.desk import blindness, outward
from alerting.desk.facts import NEEDS_A_PERSON, felt, grave, public_services
from alerting.desk.publishing import tell_what_is_due
from alerting.draft import Draft
from alerting.incidents.incident import EndReason, Incident
from alerting.plan import Audience, ServicePlan
from alerting.severity import Impact
from alerting.state import Recovery

LAST_WORDS: Final = {EndReason.FALSE_ALARM: "false_alarm", EndReason.MERGED: "merged"}
"""What customers read where an outage did not simply recover; else that the notice is closed."""


def consider(draft: Draft, incident: Incident, *, once_more: bool = False) -> Incident:
    """Prepare an announcement where customers are affected, or take up the one that is there.

    `once_more`: although it flaps, which it has not done before.
    """
    if incident.flapping is not None and not once_more:
        return incident  # they hear once that it comes and goes, and what comes of it
    alerts = sorted(grave(draft, incident), key=lambda alert: alert.id)
    hit = {service.id: service for alert in alerts for service in public_services(draft, alert)}
    services = [hit[name] for name in sorted(hit)]  # what else has joined is none of customers' business
    firing = any(alert.state is AlertState.FIRING for alert in alerts)
    if not services or not firing:
        return incident
    known = live(draft, incident)
    if known is not None:
        told = known.told or known.published_at is not None
        if not (told and blindness.blind(draft)):  # else they hear of it when we see again
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
    tell_what_is_due(draft, announcement.id)
    return incident


def new_to_them(draft: Draft, incident: Incident, alert: Alert) -> bool:
    """Tell whether an alert that has joined can change anything that customers read, or may read."""
    if alert.impact is Impact.NONE:
        return False
    known = live(draft, incident)
    if known is None or known.recovered_at is not None or known.state is AnnouncementState.MONITORING:
        return True
    named = {*known.services, *known.waiting}
    told = known.published_at is not None and known.pushed_at is not None
    same = known.impact in (alert.impact.value, Impact.DOWN.value)
    named_already = all(one.id in named for one in public_services(draft, alert))
    return not (same and named_already and (told or _as_careful(draft, incident, known, alert)))


def _as_careful(draft: Draft, incident: Incident, known: Announcement, alert: Alert) -> bool:
    """Tell whether what customers are to be told waits no more and no less for a person with this alert beside it."""
    if alert.error in NEEDS_A_PERSON and known.page_at is None and known.push_at is None:
        return True
    others = (one for one in grave(draft, incident) if one.id != alert.id)
    return next((True for one in others if one.error not in NEEDS_A_PERSON), False)


def heard_otherwise(before: Alert, after: Alert) -> bool:
    """Tell whether an alert's trouble has become worse or milder, or of another kind: one that waits for a person's
    word, or no more.
    """
    other_kind = (before.error in NEEDS_A_PERSON) is not (after.error in NEEDS_A_PERSON)
    return other_kind or before.severity is not after.severity


def hand_over(draft: Draft, source: Incident, target: Incident) -> Incident:
    """Let what customers read of one incident go on under another; where both have words, each ends with its own."""
    known = live(draft, source)
    if known is None or live(draft, target) is not None:
        return target
    draft.put(replace(known, incident=target.id))
    draft.put(replace(source, announcement=None))
    draft.note(target.id, "announcement", f"{known.id} goes on here", data={"announcement": known.id})
    return draft.put(replace(target, announcement=known.id))


def live(draft: Draft, incident: Incident) -> Announcement | None:
    """Return the incident's announcement while there is more to say."""
    known = draft.get(Announcement, incident.announcement)
    if known is None or known.withdrawn or known.state is AnnouncementState.RESOLVED:
        return None
    return known


def _prepare(
    draft: Draft, incident: Incident, services: list[ServicePlan], alerts: list[Alert]
) -> Announcement:
    policy = _policy(services, alerts)
    eta, estimated = _expected(draft, services)
    began_at = min(alert.since for alert in alerts)
    over_by = began_at + eta
    bare = Announcement(
        id=draft.number("A"),
        incident=incident.id,
        services=tuple(service.id for service in services),
        state=AnnouncementState.INVESTIGATING,
        impact=_impact(alerts),
        began_at=began_at,
        created_at=draft.now,
        updates=(),
        expected_recovery_at=over_by if over_by > draft.now else draft.now + eta,
        expected_within=eta,
        estimated=estimated,
        next_update_at=draft.now + draft.plan.next_update,
        page_at=_when(draft.now, policy.page),
        push_at=_when(draft.now, policy.push),
    )
    return outward.updated(draft, bare, bare.state, outward.words(draft, bare, bare.impact))


def _when(since: datetime, wait: timedelta | None) -> datetime | None:
    return None if wait is None else since + wait


def _policy(services: list[ServicePlan], alerts: list[Alert]) -> AnnouncePolicy:
    """Return the most careful of the services' policies; a person's leave where nothing but logins is refused."""
    if all(alert.error in NEEDS_A_PERSON for alert in alerts):
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
            [row.seconds for row in draft.about(Recovery, service.id)],
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
    back = announcement.recovered_at is not None or announcement.state is AnnouncementState.MONITORING
    new = [service for service in services if service.id not in announcement.services]
    leave = {service.id for service in new if _may_join(announcement, service)}
    impact = _impact(alerts)
    names = (*announcement.services, *(service.id for service in new if service.id in leave))
    waiting = tuple(service.id for service in new if service.id not in leave)
    named = [service for service in services if service.id in names]
    eta, estimated = _expected(draft, named or services)
    # By the leave of all that will be named: also of what was hit before, and is not now.
    spoken_of = [known for name in names if (known := draft.plan.services.get(name)) is not None]
    fresh = _retimed(draft, announcement, _policy(spoken_of or services, alerts), back=back)
    fresh = replace(fresh, waiting=waiting, expected_within=eta)
    if waiting != announcement.waiting and waiting:
        text = f"{announcement.id} waits for approval to name {', '.join(waiting)} too"
        draft.note(incident.id, "announcement", text, data={"announcement": announcement.id})
    if not back and names == announcement.services and impact == announcement.impact:
        if fresh != announcement:
            draft.put(fresh)
            tell_what_is_due(draft, fresh.id)
        return
    fresh = replace(
        fresh,
        services=names,
        impact=impact,
        recovered_at=None,
        all_clear_at=None,
        next_update_at=draft.now + draft.plan.next_update,
    )
    if back:
        fresh = replace(fresh, expected_recovery_at=draft.now + eta, estimated=estimated, lapsed=False)
    found = announcement.state is AnnouncementState.IDENTIFIED  # a person's word outlives a join
    state = AnnouncementState.IDENTIFIED if found else AnnouncementState.INVESTIGATING
    key = "relapsed" if back else impact
    fresh = outward.updated(draft, fresh, state, outward.words(draft, fresh, key))
    draft.note(incident.id, "announcement", f"{fresh.id} updated: {key}", data={"announcement": fresh.id})
    outward.push_to_the_told(draft, fresh)
    tell_what_is_due(draft, fresh.id)


def _may_join(announcement: Announcement, service: ServicePlan) -> bool:
    """What customers read already names another service only where that one does not wait for a person."""
    page = announcement.published_at is None or service.announce.page is not None
    return page and (announcement.pushed_at is None or service.announce.push is not None)


def _retimed(draft: Draft, announcement: Announcement, policy: AnnouncePolicy, *, back: bool) -> Announcement:
    """Return it with the times the policy asks for now, where customers were not told yet.

    After a relapse, and where it had to wait for a person, the wait counts from now.
    """
    fresh = announcement
    if announcement.published_at is None:
        since = draft.now if back or announcement.page_at is None else announcement.created_at
        fresh = replace(fresh, page_at=_when(since, policy.page))
    if announcement.pushed_at is None:
        since = draft.now if back or announcement.push_at is None else announcement.created_at
        fresh = replace(fresh, push_at=_when(since, policy.push))
    return fresh


def eased(draft: Draft, incident: Incident) -> None:
    """Where nothing is left that customers feel they hear so, whatever else still is the staff's trouble."""
    if (
        incident.flapping is None
        and live(draft, incident) is not None
        and next(felt(draft, incident), None) is None
    ):
        recovered(draft, incident)


def taken_back(draft: Draft, incident: Incident) -> None:
    """What flaps is felt again before its end was told: it is not over, and there are no words for each turn."""
    known = live(draft, incident)
    if known is not None and known.recovered_at is not None and any(felt(draft, incident)):
        draft.put(replace(known, recovered_at=None, all_clear_at=None))


def replanned(draft: Draft, incident: Incident) -> None:
    """Close what customers read where a new plan has nothing public left that is down: nobody saw it recover.

    Where it makes public what is down, they hear of that; and good news that is not true any more is taken back.
    """
    announcement = live(draft, incident)
    told = announcement is not None and announcement.recovered_at is None
    hidden = next(felt(draft, incident), None) is None
    if told and hidden:
        ended(draft, incident, EndReason.UNMONITORED)
    elif not told and not hidden and not incident.quiet:
        consider(draft, incident)


def resumed(draft: Draft) -> None:
    """Tell what had to wait while the monitor was blind, as it is now; what is due the clock tells."""
    for incident in list(draft.all(Incident, lambda one: one.state.active and not one.quiet)):
        consider(draft, incident)


def recovered(draft: Draft, incident: Incident) -> None:
    """Begin to wait whether recovery holds; what nobody was told of is withdrawn."""
    announcement = live(draft, incident)
    if announcement is None or announcement.recovered_at is not None:
        return
    seconds = (draft.now - announcement.began_at).total_seconds()
    for service in (*announcement.services, *announcement.waiting):
        draft.put(Recovery(id=draft.number("R"), service=service, at=draft.now, seconds=seconds))
    if _withdraw(draft, announcement):
        return
    fresh = replace(
        announcement,
        recovered_at=draft.now,
        all_clear_at=draft.now + draft.plan.hold_recovery,
        next_update_at=None,
    )
    outward.updated(draft, fresh, AnnouncementState.MONITORING, outward.words(draft, fresh, "monitoring"))


def ended(draft: Draft, incident: Incident, reason: EndReason) -> None:
    """Tell customers the truth where it ended in another way: never that something works which nobody has seen work."""
    announcement = live(draft, incident)
    if announcement is None or announcement.recovered_at is not None or _withdraw(draft, announcement):
        return
    key = LAST_WORDS.get(reason, "closed")
    fresh = replace(announcement, resolved_at=draft.now, next_update_at=None)
    words = outward.words(draft, fresh, key)
    fresh = outward.updated(draft, fresh, AnnouncementState.RESOLVED, words)
    draft.note(incident.id, "announcement", f"{fresh.id} ended: {reason.value}")
    outward.push_to_the_told(draft, fresh, f"title_{key}")


def _withdraw(draft: Draft, announcement: Announcement) -> bool:
    if announcement.published_at is not None or announcement.pushed_at is not None or announcement.told:
        return False
    draft.put(replace(announcement, withdrawn=True, recovered_at=draft.now))
    text = f"{announcement.id} withdrawn: over before anybody was told"
    draft.note(announcement.incident, "announcement", text)
    return True
