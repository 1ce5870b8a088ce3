"""A rota: people in turn, by wall clock and zone."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo


class Turn(enum.Enum):
    """How people of one shift relieve each other. `ALL`: everybody is on."""

    ALL = "all"
    DAILY = "daily"
    WEEKLY = "weekly"


class Day(enum.Enum):
    """A day of the week as written in `days:`; the value is its English abbreviation."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


EVERY_DAY = tuple(Day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One interval of the day. `begins` equal to `ends` is 24 h; `ends` before `begins` is a night shift,
    which belongs to the day it begins. `start` anchors the turn: the first person's first day or week.
    """

    id: str
    begins: time
    ends: time
    people: tuple[str, ...]
    turn: Turn = Turn.ALL
    start: date | None = None
    days: tuple[Day, ...] = EVERY_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Shifts of one team, and who steps in."""

    id: str
    zone: ZoneInfo
    shifts: tuple[Shift, ...]
    backup: tuple[str, ...] = ()

    def __hash__(self) -> int:
        """Go by the id: each decision asks what is remembered of a rota, and its shifts are many."""
        return hash(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """Who is on at one instant. `shift` and `people` are empty in a gap; `until` is when it next changes (UTC)."""

    rota: str
    at: datetime
    shift: str | None
    people: tuple[str, ...]
    backup: tuple[str, ...]
    until: datetime
