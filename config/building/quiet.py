"""Standing silences, planned work and inhibitions, as deciding knows them."""

from __future__ import annotations

from itertools import product

from alerting.incidents.inhibition import Inhibition
from alerting.incidents.maintenance import PlannedWork
from alerting.plan import StandingSilence
from config.document import Document

AUTHOR = "configuration"


def build_silences(document: Document) -> tuple[StandingSilence, ...]:
    """Return a silence for each check with each service that one names together."""
    found: list[StandingSilence] = []
    for written in document.silences:
        for check, service in product(written.checks or (None,), written.services or (None,)):
            matchers = dict(written.labels)
            if check is not None:
                matchers["check"] = check
            if service is not None:
                matchers["service"] = service
            found.append(
                StandingSilence(
                    matchers=matchers, author=written.author, reason=written.reason, until=written.until
                )
            )
    return tuple(found)


def build_maintenance(document: Document) -> tuple[PlannedWork, ...]:
    """Return the planned work."""
    return tuple(
        PlannedWork(
            services=written.services,
            checks=written.checks,
            reason=written.reason,
            author=AUTHOR,
            starts_at=written.start,
            length=written.length or (written.end or written.start) - written.start,
            every=written.every,
            zone=(written.timezone or document.site.timezone).key,
            dependents=written.dependents,
            announce=written.announce,
        )
        for written in document.maintenance
    )


def build_inhibitions(document: Document) -> tuple[Inhibition, ...]:
    """Return the rules by which alerts mute others."""
    return tuple(
        Inhibition(source=written.source, target=written.target, equal=written.equal)
        for written in document.inhibitions
    )
