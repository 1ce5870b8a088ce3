"""How the channels are doing: what their last attempts came to, and whether any of them still reaches staff."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from alerting.desk.wanted import unwanted
from alerting.notification import Kind, Notification, NotificationState
from alerting.plan import Plan
from alerting.state import State
from monitor.daemon import ChannelHealth, Vitals

log = logging.getLogger("nightbell.delivery")

TROUBLE: Final = "delivery"
ALERT: Final = 60
"""Above critical: the journal's priority 1, what a person must act upon at once."""

_UNDELIVERED: Final = (
    NotificationState.PENDING,
    NotificationState.SENDING,
    NotificationState.FAILED,
    NotificationState.AMBIGUOUS,
)


def took(vitals: Vitals, channel: str, plan: Plan, now: datetime) -> None:
    """Book that a channel's provider took a message."""
    health = vitals.channels.setdefault(channel, ChannelHealth())
    health.last_accepted_at, health.failing_since, health.failures = now, None, 0
    health.last_error = ""
    if channel in staff_channels(plan) and vitals.troubles.pop(TROUBLE, None) is not None:
        log.warning("%s reaches staff again", channel)


def failed(vitals: Vitals, channel: str, error: str, now: datetime) -> None:
    """Book that a channel's provider did not take a message, or did not say so."""
    health = vitals.channels.setdefault(channel, ChannelHealth())
    health.failing_since = health.failing_since or now
    health.failures += 1
    health.last_error = error


def shout(vitals: Vitals, plan: Plan, state: State, now: datetime) -> None:
    """Say so, once, when no channel reaches staff any more and a page waits for one."""
    if TROUBLE in vitals.troubles:
        return
    reaching = staff_channels(plan)
    failing = {name: vitals.channels[name] for name in reaching if name in vitals.channels}
    if not reaching or len(failing) < len(reaching):
        return
    if any(health.failing_since is None for health in failing.values()) or not _waits(state, now):
        return
    words = "; ".join(f"{name}: {health.last_error}" for name, health in sorted(failing.items()))
    vitals.troubles[TROUBLE] = f"no channel reaches staff: {words}"[:1000]
    log.log(ALERT, "no channel reaches staff, pages are not delivered: %s", words)


def staff_channels(plan: Plan) -> frozenset[str]:
    """Return the channels by which people are paged: those they have an address on, and those steps name."""
    by_people = {name for person in plan.people.values() for name in person.channels}
    by_steps = {name for policy in plan.policies.values() for step in policy.steps for name in step.by}
    return frozenset(
        name
        for name in by_people | by_steps
        if name in plan.channels and plan.channels[name].audience is None
    )


def _waits(state: State, now: datetime) -> bool:
    return any(
        isinstance(row, Notification)
        and row.kind is Kind.PAGE
        and row.state in _UNDELIVERED
        and not row.moved_on  # the page on the next channel speaks for it
        and unwanted(state, row, now) is None
        for row in state.records[Notification].values()
    )
