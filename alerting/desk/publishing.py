"""Publishing: when customers hear what was prepared, what people say instead, and which promises come due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.desk import acknowledgement, blindness, duty, messages, outward
from alerting.desk.facts import felt, grave, language_of, name_of, speaks_for_itself
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.inputs import Publish, Refusal, Refused, Say
from alerting.plan import Audience
from alerting.wording.staff import reminder

TEXT: Final = 10_000


def publish(draft: Draft, given: Publish) -> str:
    """Carry out a person's approval: the page and the customers' channels are told now."""
    announcement = _open(draft, given.announcement, "publish")
    if announcement.recovered_at is not None:
        raise Refused(Refusal.CONFLICT, f"cannot publish {announcement.id}: the outage is over")
    by = name_of(draft, given.by) or "api"
    draft.note(announcement.incident, "approved", f"{announcement.id} approved", who=by)
    approved = draft.put(
        replace(
            announcement,
            services=(*announcement.services, *announcement.waiting),
            waiting=(),
            page_at=announcement.page_at or draft.now,
            push_at=announcement.push_at or draft.now,
            by=announcement.by or by,
        )
    )
    if announcement.waiting:
        words = outward.words(draft, approved, approved.impact)
        outward.push_to_the_told(draft, outward.updated(draft, approved, approved.state, words))
    tell_what_is_due(draft, announcement.id, at_once=True)
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
    _befits(announcement, given)
    fresh = replace(
        announcement,
        expected_recovery_at=given.expected_recovery_at or announcement.expected_recovery_at,
        estimated=announcement.estimated and given.expected_recovery_at is None,
        lapsed=announcement.lapsed and given.expected_recovery_at is None,
        next_update_at=given.next_update_at
        or (None if announcement.maintenance else draft.now + draft.plan.next_update),
    )
    by = name_of(draft, given.by) or "api"
    own = {name: text for name, text in given.text.items() if text.strip()}
    if state is AnnouncementState.RESOLVED:
        over = replace(fresh, recovered_at=fresh.recovered_at or draft.now, next_update_at=None)
        all_clear(draft, over, text=_everywhere(draft, own), by=by)
    else:
        text = _everywhere(draft, own) or _template(draft, fresh, state)
        fresh = outward.updated(draft, fresh, state, text, by=by if own else "")
        outward.push_to_the_told(draft, fresh)
    draft.note(announcement.incident, "announcement", f"{announcement.id}: {state.value}", who=by)
    acknowledgement.renew(draft, announcement.incident)
    return announcement.id


def _befits(announcement: Announcement, given: Say) -> None:
    """Refuse words of an outage about a maintenance, whose times are the window's, and the other way round."""
    state = given.state or announcement.state
    if not announcement.maintenance and state.planned:
        raise Refused(Refusal.INVALID, f"cannot update {announcement.id}: it is about no maintenance")
    if announcement.maintenance and (state is not announcement.state or given.expected_recovery_at):
        raise Refused(
            Refusal.INVALID,
            f"cannot update {announcement.id}: its state and times are those of {announcement.maintenance}; "
            "extend or end the maintenance",
        )


def _everywhere(draft: Draft, own: Mapping[str, str]) -> dict[str, str]:
    spare = next(iter(own.values()), "")
    return {language: own.get(language, spare) for language in draft.plan.site.languages} if own else {}


def _template(draft: Draft, announcement: Announcement, state: AnnouncementState) -> dict[str, str]:
    match state:
        case AnnouncementState.MONITORING:
            now = replace(announcement, recovered_at=announcement.recovered_at or draft.now)
            return outward.words(draft, now, "monitoring")
        case AnnouncementState.IDENTIFIED:
            return outward.words(draft, announcement, "identified")
        case AnnouncementState.SCHEDULED | AnnouncementState.IN_PROGRESS:
            return outward.words(draft, announcement, state.value)
        case _:
            return outward.words(draft, announcement, announcement.impact)


def clock(draft: Draft) -> None:
    """Do what is due for every announcement that is not over; nothing while the monitor is blind."""
    if blindness.blind(draft):
        return
    for announcement in list(draft.all(Announcement)):
        if announcement.withdrawn or announcement.state is AnnouncementState.RESOLVED:
            continue
        if announcement.maintenance:
            tell_what_is_due(draft, announcement.id)  # the rest follows its window
            continue
        incident = draft.get(Incident, announcement.incident)
        if announcement.recovered_at is None:
            if incident is None or not incident.quiet:
                tell_what_is_due(draft, announcement.id)
                _lapse(draft, announcement.id)
        elif announcement.all_clear_at is not None:
            due = announcement.all_clear_at <= draft.now
            if incident is not None and incident.state.active and _is_back(draft, incident, due=due):
                # It came back muted: no word of that, and none of its end before that has held in its turn.
                draft.put(replace(announcement, recovered_at=None, all_clear_at=None))
            elif due:
                all_clear(draft, announcement)


def _is_back(draft: Draft, incident: Incident, *, due: bool) -> bool:
    """Tell whether customers feel it again: an outage at once, a mere warning where they are to hear of its end."""
    return any(grave(draft, incident)) or (due and any(felt(draft, incident)))


def tell_what_is_due(draft: Draft, number: str, *, at_once: bool = False) -> None:
    """Tell the page and the customers' channels where their time has come."""
    announcement = draft.get(Announcement, number)
    if announcement is None or announcement.recovered_at is not None:
        return
    if not at_once and blindness.blind(draft):
        return
    page = announcement.published_at is None and _due(announcement.page_at, draft.now, at_once)
    push = announcement.pushed_at is None and _due(announcement.push_at, draft.now, at_once)
    if not (page or push):
        return
    incident = draft.get(Incident, announcement.incident)
    if not at_once and incident is not None and not speaks_for_itself(draft, incident):
        return  # it recovers, or has eased, before anybody was told
    announcement = _promised_anew(draft, announcement)
    if page:
        announcement = draft.put(replace(announcement, published_at=draft.now))
        draft.note(announcement.incident, "published", f"{number} is on the status page")
    if push:
        announcement = draft.put(replace(announcement, pushed_at=draft.now))
        told = outward.push(draft, announcement, Audience.EVERYONE).told != announcement.told
        words = (
            "goes to the customers' channels"
            if told
            else "goes to no channel: none has customers as audience"
        )
        draft.note(announcement.incident, "pushed", f"{number} {words}")


def _due(at: datetime | None, now: datetime, at_once: bool) -> bool:
    return at is not None and (at_once or at <= now)


def _promised_anew(draft: Draft, announcement: Announcement) -> Announcement:
    """Return it with times still to come: what waited for its leave must not begin with a broken promise."""
    if (
        announcement.published_at is not None
        or announcement.pushed_at is not None
        or announcement.maintenance
    ):
        return announcement
    eta, word = announcement.expected_recovery_at, announcement.next_update_at
    late = eta is not None and eta <= draft.now
    if not late and word is not None and word > draft.now:
        return announcement
    fresh = replace(
        announcement,
        expected_recovery_at=draft.now + announcement.expected_within if late else eta,
        lapsed=announcement.lapsed and not late,
        next_update_at=draft.now + draft.plan.next_update,
    )
    own = next((update for update in reversed(announcement.updates) if update.by), None)
    if own is not None and own is announcement.updates[-1]:
        return draft.put(fresh)
    text, by = (own.text, own.by) if own else (_template(draft, fresh, fresh.state), "")
    fresh = outward.updated(draft, fresh, fresh.state, text, by=by)  # a person's own words stay
    outward.push_to_the_told(draft, fresh)
    return fresh


def _lapse(draft: Draft, number: str) -> None:
    """A promise was not kept: say so once to everybody who has it, and to staff where customers do."""
    announcement = draft.get(Announcement, number)
    if announcement is None:
        return
    public = announcement.published_at is not None or announcement.pushed_at is not None
    if not public and not announcement.told:
        return
    late = announcement.expected_recovery_at is not None and announcement.expected_recovery_at <= draft.now
    silent = announcement.next_update_at is not None and announcement.next_update_at <= draft.now
    if late and not announcement.lapsed:
        fresh = replace(announcement, lapsed=True, next_update_at=draft.now + draft.plan.next_update)
        fresh = outward.updated(draft, fresh, fresh.state, outward.words(draft, fresh, "longer"))
        outward.push_to_the_told(draft, fresh)
    elif silent:
        draft.put(replace(announcement, next_update_at=None))
    else:
        return
    if public:
        _remind_staff(draft, announcement, "eta_lapsed" if late and not announcement.lapsed else "update_due")


def _remind_staff(draft: Draft, announcement: Announcement, key: str) -> None:
    incident = draft.get(Incident, announcement.incident)
    if incident is None:
        return
    draft.note(incident.id, key, "a promise to customers has come due")
    said = incident.acknowledgement.by if incident.acknowledgement else ""
    people = (said,) if said in draft.plan.people else duty.on_duty(draft, incident.owner)
    for person in people:
        text = reminder(key, language_of(draft, person), id=incident.id, title=incident.title)
        messages.remind(draft, incident, person, f"{key}.{draft.now.isoformat()}", text)


def all_clear(
    draft: Draft, announcement: Announcement, *, text: Mapping[str, str] | None = None, by: str = ""
) -> None:
    """Tell everybody who was told that it is over, in a person's words or in ours."""
    words = text or outward.words(draft, announcement, "resolved")
    fresh = replace(announcement, resolved_at=draft.now)
    fresh = outward.updated(draft, fresh, AnnouncementState.RESOLVED, words, by=by if text else "")
    draft.note(announcement.incident, "all_clear", f"{announcement.id}: customers are told that it is over")
    outward.push_to_the_told(draft, fresh)


def _open(draft: Draft, number: str, verb: str) -> Announcement:
    announcement = draft.get(Announcement, number)
    if announcement is None:
        raise Refused(Refusal.UNKNOWN, f"cannot {verb} {number}: there is no such open announcement")
    if announcement.withdrawn or announcement.state is AnnouncementState.RESOLVED:
        raise Refused(Refusal.CONFLICT, f"cannot {verb} {number}: it is over")
    return announcement
