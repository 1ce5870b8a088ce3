"""What keeps quiet as it is written: standing silences, planned work, and alerts that mute others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from alerting.incidents.maintenance import AHEAD
from config.schema.words import Labels, Moment, Names, Refused, Term, Text, Zone
from probes.units import Unit, parse

DAY: Final = timedelta(days=1)


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


def _announce(value: object) -> timedelta | None:
    if value in (False, "off"):
        return None
    ahead = timedelta(seconds=parse(value, Unit.SECONDS))
    if not timedelta(0) <= ahead <= 60 * DAY:
        raise Refused("must be false, or between 0s and 60d")
    return ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A planned window, once (`start`, `end`) or recurring (`every`, `start`, `length`).

    services, checks: what is worked on.
    reason: why, for staff and customers.
    start: its (first) beginning.
    end: its end.
    length: how long each recurrence lasts.
    every: whole days between two beginnings, by wall clock.
    timezone: where that wall clock is; the site's when left out.
    dependents: whether services that depend on these are covered too.
    announce: how long ahead customers hear of it; `false` for never.
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
    announce: Annotated[
        timedelta | None,
        BeforeValidator(_announce),
        WithJsonSchema({"anyOf": [{"const": False}, {"type": "string", "examples": ["24h"]}]}),
    ] = AHEAD

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
        if self.every is not None and self.every % DAY:
            raise Refused("recurs by wall clock, so `every` must be whole days, like 1d or 1w")
        if self.every is not None and self.length is not None and self.every <= self.length:
            raise Refused("begins again before it is over: `length` must be less than `every`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an alert that fits `source` fires, those that fit `target` are quiet.

    source, target: matchers as those of a silence (check, service, threshold, severity, host, probe, part, or a
        label); `*` stands for anything.
    equal: labels, or other words a matcher may name, in which both must be the same.
    """

    source: Labels
    target: Labels
    equal: Names = ()

    def __post_init__(self) -> None:
        """Refuse a rule for everything."""
        for side, matchers in (("source", self.source), ("target", self.target)):
            if not matchers:
                raise Refused(f"`{side}` must name at least one matcher, such as check: uplink")
