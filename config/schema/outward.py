"""Channels, announcements, tickets and paging as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from alerting.plan import Audience
from alerting.tickets.terms import TicketClass
from config.schema.words import Clock, Every, HttpUrl, Names, Often, Span, Term, Text, Timeout
from probes.units import Unit, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKeys:
    """The keys of a channel that are not its notifier's.

    notifier: the kind of notifier.
    audience: who reads it, when it is not addressed to one person.
    timeout: deadline of one send.
    parallel: how many sends run at once.
    rate: how many messages may leave in a time, like `30/m` (per `s`, `m`, `h` or `d`): so many at once, then evenly.
        The most urgent go first, the others wait.
    self_test: time of day, by the site's clock, at which a test page is sent over this channel every day; when it
        is not taken, a ticket is opened. Nothing is sent when left out.
    """

    notifier: Text
    audience: Audience | None = None
    timeout: Timeout = 15.0
    parallel: Annotated[int, Field(ge=1, le=100)] = 4
    rate: Often | None = None
    self_test: Clock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcements:
    """What customers hear, and where.

    channels: channels with an audience; all of them when left out. Colleagues are always told first.
    hold_recovery: how long recovery must hold before the all-clear.
    next_update: how soon the next update is promised.
    """

    channels: Names | None = None
    hold_recovery: Span = timedelta(minutes=5)
    next_update: Term = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsKeys:
    """Clocks of one class of tickets, from its opening.

    respond: first response due.
    remind: when to remind before that; half of `respond` when left out.
    resolve: resolution target.
    """

    respond: Term | None = None
    remind: Term | None = None
    resolve: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """Classes of tickets, and outside trackers they are mirrored to."""

    classes: dict[TicketClass, TermsKeys] = field(default_factory=dict)
    mirror: list[dict[str, Any]] = field(default_factory=list)


def _bundle(value: object) -> object:
    return "off" if value in ("off", False) else timedelta(seconds=parse(value, Unit.SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How pages go out.

    bundle: the first page to a person leaves at once; pages of further incidents within this time after it are
        collected into one. `off` sends each on its own.
    warn_silence: how long before a silence ends its author, else who is on shift, hears that what it mutes is still
        bad; `0s` for never.
    """

    bundle: Annotated[
        timedelta | Literal["off"],
        BeforeValidator(_bundle),
        WithJsonSchema({"type": "string", "examples": ["1m", "off"]}),
    ] = timedelta(minutes=1)
    warn_silence: Span = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A URL outside that is asked for as long as all is well: when that stops, somebody else wakes you.

    Each beat takes the way of a page: scheduler, decision, store, outbox, sender. Where one of them is stuck, none
    leaves.

    url: asked for by GET; any 2xx is an answer.
    every: how often.
    """

    url: HttpUrl
    every: Every = 60.0
