"""Times as people write and read them: local, and relative to now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

SIZES: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_OFFSET: Final = re.compile(r"([+-])(.+)")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}")
FORMS: Final = "write 2027-01-04 03:00, 03:00 (today), +2h, or RFC 3339 like 2027-01-04T03:00:00Z"


def moment(text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """Read an instant (UTC). Without an offset it is wall time in `zone`; None is the machine's own zone.

    Raise ValueError that says which forms there are.
    """
    word = text.strip()
    if word == "now":
        return now
    if offset := _OFFSET.fullmatch(word):
        ahead = duration(offset[2])
        return now + (ahead if offset[1] == "+" else -ahead)
    try:
        if _CLOCK.fullmatch(word):
            today = now.astimezone(zone).date()
            at = datetime.combine(today, time.fromisoformat(word.zfill(5)))
        else:
            at = datetime.fromisoformat(word)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone) if zone else at.astimezone()
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time: {FORMS}") from error


def duration(text: str) -> timedelta:
    """Read a length of time like 90s, 2h or 1h30m; raise ValueError that says which form is expected."""
    from probes.units import Unit, parse

    try:
        length = timedelta(seconds=parse(text, Unit.SECONDS))
    except OverflowError as error:
        raise ValueError("must be less than a hundred years") from error
    if length > timedelta(days=36500):
        raise ValueError("must be less than a hundred years")
    return length


def written(at: datetime) -> str:
    """Write an instant as the API reads it: RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant(text: object) -> datetime | None:
    """Read an instant as the API writes it; None for what is absent or no instant."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def relative(at: datetime, now: datetime) -> str:
    """Say how far `at` is from `now`, in short: `3 min ago`, `in 2 h`, `just now`."""
    seconds = round((now - at).total_seconds())
    if seconds == 0:
        return "just now"
    words = length(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def length(seconds: float) -> str:
    """Write a length of time as short as it may be: `42 s`, `3 min`, `2 h 30 min`, `1 d 4 h`, `12 d`."""
    for (name, size), (lesser, part) in pairwise(SIZES):
        number, rest = divmod(int(seconds), size)
        if number:
            second = f" {rest // part} {lesser}" if rest >= part and number < 10 and size > 60 else ""
            return f"{number} {name}{second}"
    return f"{int(seconds)} s"


def wall(at: datetime, zone: tzinfo | None, now: datetime) -> str:
    """Write an instant as wall time: `03:12` today, `01-04 03:12` this year, else with the year."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"
