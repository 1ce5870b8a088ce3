"""Words on their way out: what an announcement says, and the rows that carry it to its channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.desk.facts import dedup_key
from alerting.draft import Draft
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.plan import Audience
from alerting.wording.customers import Outage, headline, texts

LIVES: Final = timedelta(hours=6)
"""How long words to customers are worth delivering."""


def words(draft: Draft, announcement: Announcement, key: str) -> dict[str, str]:
    """Return the words of `key` in every language of the site."""
    return texts(key, outage_of(draft, announcement), draft.plan.site.languages)


def outage_of(draft: Draft, announcement: Announcement) -> Outage:
    """Gather what the wording needs. A time that has passed is no promise and is left out."""
    known = draft.plan.services
    return Outage(
        titles=[
            known[name].title if name in known else dict.fromkeys(draft.plan.site.languages, name)
            for name in announcement.services
        ],
        zone=draft.plan.site.zone,
        impact=announcement.impact,
        began_at=announcement.began_at,
        expected_recovery_at=_to_come(announcement.expected_recovery_at, draft.now),
        estimated=announcement.estimated,
        next_update_at=_to_come(announcement.next_update_at, draft.now),
        recovered_at=announcement.recovered_at,
    )


def _to_come(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def updated(
    draft: Draft,
    announcement: Announcement,
    state: AnnouncementState,
    text: Mapping[str, str],
    *,
    by: str = "",
) -> Announcement:
    """Write one more word; `by` names the person whose words these are, empty where they are ours."""
    update = Update(at=draft.now, state=state, text=dict(text), by=by)
    return draft.put(replace(announcement, state=state, updates=(*announcement.updates, update)))


def push(draft: Draft, announcement: Announcement, audience: Audience) -> Announcement:
    """Queue the newest words to every channel of an audience."""
    told = tuple(
        name
        for name in draft.plan.announce_on
        if name in draft.plan.channels and draft.plan.channels[name].audience is audience
    )
    for channel in told:
        _queue(draft, announcement, channel, internal=audience is Audience.INTERNAL)
    if not told:
        return announcement
    return draft.put(replace(announcement, told=tuple(dict.fromkeys((*announcement.told, *told)))))


def push_to_the_told(draft: Draft, announcement: Announcement, title: str = "") -> None:
    """Queue the newest words to the channels that were told before, colleagues first.

    `title` names the headline's words where it is not the state that says them.
    """
    known = draft.plan.channels
    told = [(name, known[name].audience is Audience.INTERNAL) for name in announcement.told if name in known]
    for channel, internal in sorted(told, key=lambda pair: not pair[1]):
        _queue(draft, announcement, channel, internal=internal, title=title)


def _queue(
    draft: Draft, announcement: Announcement, channel: str, *, internal: bool, title: str = ""
) -> None:
    _call_off_older(draft, announcement, channel)
    over = announcement.state is AnnouncementState.RESOLVED
    outage = outage_of(draft, announcement)
    languages = draft.plan.site.languages
    words_of_title = title or ("title_over" if over else f"title_{announcement.impact}")
    words = dict(announcement.updates[-1].text)
    if internal and announcement.recovered_at is None and not over and not announcement.maintenance:
        hints = texts("internal", outage, languages)
        words = {language: f"{words.get(language, '')}\n{hints[language]}" for language in languages}
    draft.put(
        Notification(
            id=draft.number("N"),
            kind=Kind.ANNOUNCEMENT,
            dedup_key=dedup_key(
                announcement.created_at, announcement.id, str(len(announcement.updates)), channel
            ),
            channel=channel,
            to=None,
            title=" / ".join(headline(words_of_title, outage, language) for language in languages),
            text="\n\n".join(words[language] for language in languages if words.get(language)),
            texts=words,
            created_at=draft.now,
            not_before=draft.now,
            not_after=draft.now + LIVES,
            incident=announcement.incident or None,
            announcement=announcement.id,
            services=announcement.services,
            expected_recovery_at=outage.expected_recovery_at,
            about=announcement.state.value,
        )
    )


def _call_off_older(draft: Draft, announcement: Announcement, channel: str) -> None:
    """Older words that have not left yet never will: nobody should read of the outage after its end."""
    waiting = draft.about(
        Notification,
        announcement.incident or announcement.id,
        lambda row: (
            row.announcement == announcement.id
            and row.channel == channel
            and row.state is NotificationState.PENDING
        ),
    )
    for row in list(waiting):
        draft.put(replace(row, state=NotificationState.CANCELLED, reason=Reason.REPLACED))


def delivered(draft: Draft, row: Notification) -> None:
    """Hold words whose fate is unknown for a person: customers must not read the same twice."""
    if row.state is NotificationState.AMBIGUOUS:
        draft.note(
            row.incident,
            "held",
            f"{row.id} by {row.channel} may or may not have arrived; it is not repeated",
            data={"notification": row.id, "reason": (row.reason or Reason.INTERNAL).value},
        )
