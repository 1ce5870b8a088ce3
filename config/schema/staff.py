"""People, rotas and escalations as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field

from alerting.oncall.rota import EVERY_DAY, Turn
from config.schema.words import Clock, Date, Days, Language, Name, Names, Refused, Span, Term, Text, Zone


def _somebody(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise Refused("names nobody")
    return names


Somebody = Annotated[Names, AfterValidator(_somebody)]
Addresses = dict[str, Annotated[str, Field(min_length=1, max_length=500)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKeys:
    """Somebody on the staff.

    name: as colleagues call them.
    channels: their address on each channel, in the order in which they want to be reached.
    language: what they read; the site's first when left out.
    skills: what they are asked for.
    """

    name: Text | None = None
    channels: Addresses = field(default_factory=dict)
    language: Language | None = None
    skills: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftKeys:
    """One interval of the day by wall clock; `from` equal to `to` is 24 h, a night shift belongs to the day it begins.

    from: when it begins.
    to: when it ends.
    people: who is on it.
    turn: all of them together, or one at a time by day or week.
    start: the first person's first day or week.
    days: days of the week on which it begins.
    """

    from_: Annotated[Clock, Field(alias="from")] = time(0, 0)
    to: Clock = time(0, 0)
    people: Somebody
    turn: Turn = Turn.ALL
    start: Date | None = None
    days: Days = EVERY_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaKeys:
    """Shifts of one team, and who steps in.

    timezone: where the shifts' wall clock is; the site's when left out.
    shifts: by name. Without it, the keys of a shift may stand here: one shift of 24 h.
    backup: who steps in.
    """

    timezone: Zone | None = None
    shifts: dict[str, ShiftKeys]
    backup: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Whom a step pages: those on shift of a rota, a rota's backups, people by name."""

    rota: Name | None = None
    backup: Name | None = None
    people: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKeys:
    """One step of an escalation, or its last line, which says when the whole begins again.

    after: counted from the incident's opening.
    page: whom.
    by: an order of channels, the next when one fails; each person's own order when left out.
    repeat: how long after the last step the first comes again.
    """

    after: Span | None = None
    page: Recipients | None = None
    by: Names = ()
    repeat: Term | None = None
