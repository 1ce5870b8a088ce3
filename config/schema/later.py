"""Sections whose shape is fixed but which nothing acts on yet: written today, they keep their meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from config.schema.words import Labels, Moment, Names, Refused, Term, Text, Zone

NOT_ACTED_ON: Final[tuple[tuple[str, ...], ...]] = (
    ("canaries",),
    ("people", "*", "skills"),
    ("tickets", "mirror"),
    ("silences",),
    ("maintenance",),
)
"""Keys that are accepted and checked, and earn one warning each as long as nothing acts on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A standing silence.

    checks, services, labels: what is silenced; all that fit everything given.
    author: who ordered it.
    reason: why.
    until: when it ends.
    """

    checks: Names = ()
    services: Names = ()
    labels: Labels = field(default_factory=dict)
    author: Text
    reason: Text
    until: Moment

    def __post_init__(self) -> None:
        """Refuse a silence over everything."""
        if not (self.checks or self.services or self.labels):
            raise Refused("must say what is silenced: checks, services or labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A planned window, once (`start`, `end`) or recurring (`every`, `start`, `length`).

    services, checks: what is worked on.
    reason: why, for staff and customers.
    start: its (first) beginning.
    end: its end.
    length: how long each recurrence lasts.
    every: time between two beginnings, by wall clock.
    timezone: where that wall clock is.
    dependents: whether services that depend on these are covered too.
    """

    services: Names = ()
    checks: Names = ()
    reason: Text
    start: Moment
    end: Moment | None = None
    length: Term | None = None
    every: Annotated[Term | None, Field(description="like 1d or 1w")] = None
    timezone: Zone | None = None
    dependents: bool = False

    def __post_init__(self) -> None:
        """Refuse a window over nothing, without an end, or with an end before its beginning."""
        if not (self.services or self.checks):
            raise Refused("must say what is worked on: services or checks")
        if (self.end is None) == (self.length is None):
            raise Refused("needs either `end` or `length`")
        if self.end is not None and self.end <= self.start:
            raise Refused("ends before it begins")
        if self.every is not None and self.length is None:
            raise Refused("recurs, so it needs `length`, not `end`")
