"""Notices of planned work: customers read of a window ahead of it, at its start, and that it is done.

They follow the announcement policy of the services, as words about outages do; colleagues hear at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.desk import outward
from alerting.desk.publishing import tell_what_is_due
from alerting.draft import Draft
from alerting.incidents.maintenance import Window
from alerting.plan import Audience, ServicePlan

IMPACT = "maintenance"


def prepare(draft: Draft, window: Window) -> Window:
    """Prepare the notice of a window, where it is any business of customers."""
    services = _public(draft, window)
    if not services:
        return window
    page = [service.announce.page for service in services]
    push = [service.announce.push for service in services]
    notice = Announcement(
        id=draft.number("A"),
        incident="",
        maintenance=window.id,
        services=tuple(service.id for service in services),
        state=AnnouncementState.SCHEDULED,
        impact=IMPACT,
        began_at=window.starts_at,
        created_at=draft.now,
        updates=(),
        expected_recovery_at=window.ends_at,
        estimated=False,
        page_at=_due(draft, page),
        push_at=_due(draft, push),
    )
    notice = outward.updated(draft, notice, notice.state, _words(draft, notice, window, "scheduled"))
    outward.push(draft, notice, Audience.INTERNAL)
    tell_what_is_due(draft, notice.id)
    return draft.put(replace(window, announcement=notice.id))


def _public(draft: Draft, window: Window) -> list[ServicePlan]:
    named = dict.fromkeys(window.services)
    for check in window.checks:
        known = draft.plan.checks.get(check)
        named |= dict.fromkeys(known.services if known else ())
    found = (draft.plan.services.get(name) for name in sorted(named))
    return [service for service in found if service is not None and service.public]


def _due(draft: Draft, waits: list[timedelta | None]) -> datetime | None:
    known = [wait for wait in waits if wait is not None]
    return draft.now + max(known) if len(known) == len(waits) else None


def _words(draft: Draft, notice: Announcement, window: Window, key: str) -> Mapping[str, str]:
    words = outward.words(draft, notice, key)
    if key == "completed":
        return words
    return {language: f"{text}\n{window.reason}" for language, text in words.items()}


def begun(draft: Draft, window: Window) -> None:
    """Tell that the work goes on now."""
    _say(draft, window, AnnouncementState.IN_PROGRESS, "in_progress")


def extended(draft: Draft, window: Window) -> None:
    """Tell when it ends now, or takes place."""
    notice = _open(draft, window)
    if notice is not None:
        moved = draft.put(replace(notice, expected_recovery_at=window.ends_at))
        key = "prolonged" if moved.state is AnnouncementState.IN_PROGRESS else "scheduled"
        _say(draft, window, moved.state, key)


def over(draft: Draft, window: Window) -> None:
    """Tell that it is done, or called off; a notice nobody has read is withdrawn."""
    notice = _open(draft, window)
    if notice is None:
        return
    if notice.published_at is None and notice.pushed_at is None and not notice.told:
        draft.put(replace(notice, withdrawn=True, recovered_at=draft.now))
        return
    done = window.began_at is not None
    fresh = replace(notice, recovered_at=window.ended_at or draft.now, resolved_at=draft.now)
    words = _words(draft, fresh, window, "completed" if done else "called_off")
    fresh = outward.updated(draft, fresh, AnnouncementState.RESOLVED, words)
    outward.push_to_the_told(draft, fresh, "title_maintenance_over" if done else "title_called_off")


def _say(draft: Draft, window: Window, state: AnnouncementState, key: str) -> None:
    notice = _open(draft, window)
    if notice is not None:
        outward.push_to_the_told(
            draft, outward.updated(draft, notice, state, _words(draft, notice, window, key))
        )


def _open(draft: Draft, window: Window) -> Announcement | None:
    notice = draft.get(Announcement, window.announcement)
    if notice is None or notice.withdrawn or notice.state is AnnouncementState.RESOLVED:
        return None
    return notice
