"""From records to the public schema. The state of a service is derived each time, never stored:

what published announcements say of it; else unknown while any of its checks is silent, cannot tell, or fails
without ever having worked; else operational. A failing check that did work changes nothing here: customers hear
what people or the policy publish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.plan import Plan, ServicePlan
from alerting.severity import Impact
from alerting.sight import blind_since
from alerting.state import Proof, State
from config.model import Config
from monitor.web.public.schema import (
    PublicAnnouncement,
    PublicService,
    PublicState,
    PublicUpdate,
    StatusPage,
)
from probes.sample import Outcome, Sample

FRESH: Final = timedelta(seconds=60)
"""A sample is believed for three intervals of its check, but at least for so long."""

TEXT_CHARACTERS: Final = 10_000
NAME_CHARACTERS: Final = 200

_IMPACTS: Final = {
    Impact.DOWN.value: PublicState.DOWN,
    Impact.DEGRADED.value: PublicState.DEGRADED,
    "maintenance": PublicState.MAINTENANCE,
}


def page(
    config: Config, state: State, samples: Mapping[str, Sample], past: Iterable[Announcement], now: datetime
) -> StatusPage:
    """Return what customers may read at `now`. `past` are announcements that are over, newest first."""
    plan = config.plan
    found = states(config, state, samples, now)
    current = sorted(_published(plan, state), key=lambda one: one.began_at, reverse=True)
    return StatusPage(
        name=clean(plan.site.name, NAME_CHARACTERS),
        url=plan.site.public_url,
        zone=plan.site.zone,
        languages=plan.site.languages,
        as_of=now,
        services=tuple(
            PublicService(id=name, title=_titles(plan.services[name]), state=service)
            for name, service in found.items()
        ),
        current=tuple(announcement(plan, one) for one in current),
        past=tuple(announcement(plan, one) for one in past if shown(plan, one)),
    )


def states(
    config: Config, state: State, samples: Mapping[str, Sample], now: datetime
) -> dict[str, PublicState]:
    """Return the state of each public service."""
    plan = config.plan
    announced = list(_published(plan, state))
    return {
        name: _state(config, service, state, announced, samples=samples, now=now)
        for name, service in plan.services.items()
        if service.public
    }


def shown(plan: Plan, one: Announcement) -> bool:
    """True where customers may read it: published, not withdrawn, and about a public service or none at all."""
    if one.published_at is None or one.withdrawn:
        return False
    return not one.services or any(_public(plan, service) for service in one.services)


def announcement(plan: Plan, one: Announcement) -> PublicAnnouncement:
    """Return the public side of a published announcement."""
    services = tuple(service for service in one.services if _public(plan, service))
    return PublicAnnouncement(
        id=one.id,
        incident=one.incident or one.id,
        services=services,
        titles=tuple(_titles(plan.services[service]) for service in services),
        state=one.state.value,
        impact=one.impact if one.impact in _IMPACTS else "none",
        began_at=one.began_at,
        published_at=one.published_at or one.created_at,
        expected_recovery_at=one.expected_recovery_at,
        next_update_at=one.next_update_at,
        recovered_at=one.recovered_at,
        resolved_at=one.resolved_at,
        updates=tuple(
            PublicUpdate(
                at=update.at,
                state=update.state.value,
                text={language: clean(text, TEXT_CHARACTERS) for language, text in update.text.items()},
            )
            for update in one.updates
        ),
    )


def clean(text: str, most: int) -> str:
    """Return `text` without control characters, cut to `most`: fit for HTML and XML. Half characters show as such."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = "".join(letter for letter in whole if letter in "\n\t" or _writable(letter))
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def _writable(letter: str) -> bool:
    return letter >= " " and not "\x7f" <= letter <= "\x9f" and letter not in "\ufffe\uffff"


def _published(plan: Plan, state: State) -> Iterable[Announcement]:
    for one in state.records[Announcement].values():
        if isinstance(one, Announcement) and one.state is not AnnouncementState.RESOLVED and shown(plan, one):
            yield one


def _state(
    config: Config,
    service: ServicePlan,
    state: State,
    announced: Iterable[Announcement],
    *,
    samples: Mapping[str, Sample],
    now: datetime,
) -> PublicState:
    said = [_said(one) for one in announced if service.id in one.services]
    if any(_silent(config, state, name, samples.get(name), now) for name in service.checks):
        said.append(PublicState.UNKNOWN)
    return max(said, key=lambda state: state.rank, default=PublicState.OPERATIONAL)


def _said(one: Announcement) -> PublicState:
    if one.state is AnnouncementState.SCHEDULED:
        return PublicState.OPERATIONAL  # the work is still to come
    state = _IMPACTS.get(one.impact, PublicState.OPERATIONAL)
    # While recovery is being watched it works again, but nobody has said yet that it is over.
    milder = one.state is AnnouncementState.MONITORING and state is PublicState.DOWN
    return PublicState.DEGRADED if milder else state


def _silent(config: Config, state: State, name: str, sample: Sample | None, now: datetime) -> bool:
    check = config.checks.get(name)
    if check is None:
        return False
    if sample is None or sample.outcome is Outcome.UNKNOWN:
        return True
    plan = config.plan.checks.get(name)
    if plan is not None and plan.remote and blind_since(state) is not None:
        return True  # whatever the run saw: it was us who could not see
    if sample.outcome is Outcome.DOWN and name not in state.records[Proof]:
        return True  # it never worked: nobody knows whether it could be green
    return now - sample.at > max(3 * timedelta(seconds=check.every), FRESH)


def _public(plan: Plan, service: str) -> bool:
    return service in plan.services and plan.services[service].public


def _titles(service: ServicePlan) -> dict[str, str]:
    return {language: clean(title, NAME_CHARACTERS) for language, title in service.title.items()}
