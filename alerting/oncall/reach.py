"""Whom a step reaches at one instant, and by which channels in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from alerting.oncall.person import Person
from alerting.oncall.policy import Recipients
from alerting.oncall.rota import Rota
from alerting.oncall.shifts import people_on


def people(recipients: Recipients, rotas: Mapping[str, Rota], now: datetime) -> tuple[str, ...]:
    """Return the ids of those a step means now, in order, each once. A rota that is gone means nobody."""
    found: list[str] = []
    if recipients.rota is not None and recipients.rota in rotas:
        found += people_on(rotas[recipients.rota], now)
    if recipients.backup is not None and recipients.backup in rotas:
        found += rotas[recipients.backup].backup
    found += recipients.people
    return tuple(dict.fromkeys(found))


def channels(person: Person, by: Sequence[str], plain: Collection[str]) -> tuple[str, ...]:
    """Return the channels to try for `person`, the first one first, each once.

    `by` is the step's order; empty, or with nothing in it that reaches this person, the person's own order
    holds. `plain` are channels that need no address (a webhook to a desk): they reach anybody named.
    """
    ordered = dict.fromkeys(channel for channel in by if channel in person.channels or channel in plain)
    return tuple(ordered or person.channels)
