"""Rotas for tests, written the way one says them."""

from __future__ import annotations

from datetime import date, time
from zoneinfo import ZoneInfo

from alerting.oncall.rota import EVERY_DAY, Day, Rota, Shift, Turn


def shift(
    name: str,
    begins: str,
    ends: str,
    *people: str,
    turn: Turn = Turn.ALL,
    start: date | None = None,
    days: tuple[Day, ...] = EVERY_DAY,
) -> Shift:
    """Return a shift with times like "08:00"."""
    return Shift(
        id=name,
        begins=time.fromisoformat(begins),
        ends=time.fromisoformat(ends),
        people=people,
        turn=turn,
        start=start,
        days=days,
    )


def rota(zone: str, *shifts: Shift, backup: tuple[str, ...] = ()) -> Rota:
    """Return the rota "ops" in a zone given by name."""
    return Rota(id="ops", zone=ZoneInfo(zone), shifts=shifts, backup=backup)


def round_the_clock(zone: str) -> Rota:
    """Return three shifts of eight hours: early (li), mid (han), night (wu)."""
    return rota(
        zone,
        shift("early", "08:00", "16:00", "li"),
        shift("mid", "16:00", "00:00", "han"),
        shift("night", "00:00", "08:00", "wu"),
    )
