"""Words on their way out: what an announcement says, and the rows that carry it to its channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.desk.facts import dedup_key
from alerting.draft import Draft
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.plan import Audience
from alerting.wording.customers import Outage, texts, title

LIVES: Final = timedelta(hours=6)
"""How long words to customers are worth delivering."""


def words(draft: Draft, announcement: Announcement, key: str) -> dict[str, str]:
    """Return the words of `key` in every language of the site."""
    return texts(key, outage_of(draft, announcement), draft.plan.site.languages)


def outage_of(draft: Draft, announcement: Announcement) -> Outage:
    """Gather what the wording needs."""
    known = draft.plan.services
    return Outage(
        titles=[known[name].title if name in known else {} for name in announcement.services],
        zone=draft.plan.site.zone,
        impact=announcement.impact,
        began_at=announcement.began_at,
        expected_recovery_at=announcement.expected_recovery_at,
        estimated=announcement.estimated,
        next_update_at=announcement.next_update_at,
        recovered_at=announcement.recovered_at,
    )


def push(draft: Draft, announcement: Announcement, audience: Audience) -> None:
    """Queue the newest words to every channel of an audience."""
    wanted = (
        name
        for name in draft.plan.announce_on
        if name in draft.plan.channels and draft.plan.channels[name].audience is audience
    )
    told = tuple(wanted)
    for channel in told:
        _queue(draft, announcement, channel, internal=audience is Audience.INTERNAL)
    if told:
        draft.put(replace(announcement, told=tuple(dict.fromkeys((*announcement.told, *told)))))


def push_to_the_told(draft: Draft, announcement: Announcement) -> None:
    """Queue the newest words to the channels that were told before."""
    for channel in announcement.told:
        known = draft.plan.channels.get(channel)
        if known is not None:
            _queue(draft, announcement, channel, internal=known.audience is Audience.INTERNAL)


def _queue(draft: Draft, announcement: Announcement, channel: str, *, internal: bool) -> None:
    over = announcement.state is AnnouncementState.RESOLVED
    outage = outage_of(draft, announcement)
    languages = draft.plan.site.languages
    words = dict(announcement.updates[-1].text)
    if internal and not over:
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
            title=" / ".join(title(outage, language, over=over) for language in languages),
            text="\n\n".join(words[language] for language in languages if words.get(language)),
            texts=words,
            created_at=draft.now,
            not_before=draft.now,
            not_after=draft.now + LIVES,
            incident=announcement.incident,
            announcement=announcement.id,
            services=announcement.services,
            expected_recovery_at=announcement.expected_recovery_at,
            about=announcement.state.value,
        )
    )


def delivered(draft: Draft, row: Notification) -> None:
    """Hold words whose fate is unknown for a person: customers must not read the same twice."""
    if row.state is NotificationState.AMBIGUOUS:
        draft.note(
            row.incident,
            "held",
            f"{row.id} by {row.channel} may or may not have arrived; it is not repeated",
            data={"notification": row.id, "reason": (row.reason or Reason.INTERNAL).value},
        )
