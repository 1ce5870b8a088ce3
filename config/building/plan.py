"""The plan put together from what the rooms beside this one built."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from alerting.announcements.policy import AnnouncePolicy
from alerting.notifiers.heartbeat import Heartbeat
from alerting.plan import Audience, ChannelPlan, CheckPlan, Flapping, Plan, ServicePlan, Site
from config.building.quiet import build_inhibitions, build_maintenance, build_silences
from config.building.staff import Answering, build_people, build_policies, build_rotas, build_terms
from config.document import Document
from config.model import HEARTBEAT, Channel

HEARTBEAT_TIMEOUT: Final = 10.0


def build_plan(
    document: Document, checks: Mapping[str, CheckPlan], answering: Answering, runbooks: Mapping[str, str]
) -> Plan:
    """Return all that deciding needs to know."""
    announcements = document.announcements
    return Plan(
        site=_site(document),
        checks=checks,
        services={id_: _service(id_, document, answering, runbooks) for id_ in document.services},
        people=build_people(document),
        rotas=build_rotas(document),
        policies=build_policies(document),
        fallback=document.fallback,
        channels=_channel_plans(document),
        terms=build_terms(document),
        announce_on=_announce_on(document),
        hold_recovery=announcements.hold_recovery,
        next_update=announcements.next_update,
        silences=build_silences(document),
        maintenance=build_maintenance(document),
        inhibitions=build_inhibitions(document),
        warn_silence=document.paging.warn_silence,
        flapping=Flapping(
            changes=document.defaults.flapping.changes, within=document.defaults.flapping.within
        ),
        bundle=None if document.paging.bundle == "off" else document.paging.bundle,
        heartbeat=timedelta(seconds=document.heartbeat.every) if document.heartbeat else None,
    )


def _channel_plans(document: Document) -> dict[str, ChannelPlan]:
    plans = {
        id_: ChannelPlan(
            id=id_,
            notifier=entry.keys.notifier,
            needs_address=entry.notifier.needs_address,
            audience=entry.keys.audience,
            self_test=entry.keys.self_test,
        )
        for id_, entry in document.channels.items()
    }
    if document.heartbeat is not None:
        plans[HEARTBEAT] = ChannelPlan(id=HEARTBEAT, notifier=Heartbeat.KIND, needs_address=False)
    return plans


def build_channels(document: Document) -> dict[str, Channel]:
    """Return the channels as delivery needs them."""
    channels = {
        id_: Channel(
            id=id_,
            notifier=entry.notifier,
            rate=entry.keys.rate,
            timeout=entry.keys.timeout,
            # A kind that limits itself knows best: a send that queued inside it would run into its deadline.
            parallel=int(getattr(entry.notifier, "parallel", entry.keys.parallel)),
        )
        for id_, entry in document.channels.items()
    }
    beat = document.heartbeat
    if beat is not None:
        patience = min(beat.every, HEARTBEAT_TIMEOUT)
        channels[HEARTBEAT] = Channel(
            id=HEARTBEAT, notifier=Heartbeat(url=beat.url), timeout=patience, parallel=1
        )
    return channels


def _site(document: Document) -> Site:
    site, listen = document.site, document.listen
    return Site(
        name=site.name,
        zone=site.timezone,
        languages=site.languages,
        public_url=listen.public_url or _own_url(document),
    )


def _own_url(document: Document) -> str:
    public = document.listen.public
    host = socket.gethostname() if public.host in {"0.0.0.0", "::"} else public.host  # noqa: S104 - only compared
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if document.listen.tls else 'http'}://{host}:{public.port}"


def _service(id_: str, document: Document, answering: Answering, runbooks: Mapping[str, str]) -> ServicePlan:
    keys = document.services[id_]
    given = keys.title or {document.site.languages[0]: id_}
    fallback = next(iter(given.values()))
    return ServicePlan(
        id=id_,
        title={**{language: given.get(language, fallback) for language in document.site.languages}, **given},
        checks=keys.checks,
        depends_on=keys.depends_on,
        owner=answering.owner(keys.owner),
        escalation=answering.escalation(keys.escalation, keys.owner),
        public=keys.public,
        announce=AnnouncePolicy(page=keys.announce.page, push=keys.announce.push),
        expected_recovery=keys.expected_recovery,
        runbook=runbooks.get(f"services.{id_}", ""),
    )


def _announce_on(document: Document) -> tuple[str, ...]:
    """Return the channels of announcements, colleagues' first: they are asked as soon as customers read."""
    listed = document.announcements.channels
    audiences = {
        id_: document.channels[id_].keys.audience
        for id_ in (document.channels if listed is None else listed)
        if document.channels[id_].keys.audience is not None
    }
    return tuple(sorted(audiences, key=lambda id_: audiences[id_] is not Audience.INTERNAL))
