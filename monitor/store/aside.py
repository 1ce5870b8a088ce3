"""A damaged file is kept aside, never deleted: with its logs, under a name that says when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from alerting.state import PREFIXES

_ERA: Final = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
_BY_SECONDS: Final = ("N", "E", "R")
"""Given too often for minutes, and read by nobody."""
_EACH: Final = 1000


def keep_aside(path: Path, now: datetime) -> Path:
    """Rename a database file with its logs to `NAME.corrupt-STAMP`; return the new path. Raises OSError.

    The main file goes last: should we die in between, it is still there, and found damaged again.
    """
    stamp = f"{path.name}.corrupt-{now:%Y%m%dT%H%M%SZ}"
    name, again = stamp, 1
    while path.with_name(name).exists():
        again += 1
        name = f"{stamp}-{again}"
    for suffix in ("-shm", "-wal", ""):
        found = path.with_name(path.name + suffix)
        if found.exists():
            found.rename(path.with_name(name + suffix))
    return path.with_name(name)


def kept_aside(path: Path) -> int:
    """Return how many damaged files lie beside `path`: numbers were given that the one in its place does not know."""
    names = (found.name for found in path.parent.glob(f"{path.name}.corrupt-*"))
    return sum(not name.endswith(("-wal", "-shm")) for name in names)


def first_numbers(now: datetime, losses: int = 0) -> dict[str, int]:
    """Return the numbers to count on from where those given before are not known.

    Minutes since 2026, which no daemon outruns, and a thousand more for each loss before, should they come within
    minutes: an old link must never acknowledge a new incident.
    """
    seconds = max(0, int((now - _ERA).total_seconds()))
    plain = {prefix: seconds if prefix in _BY_SECONDS else seconds // 60 for prefix in PREFIXES}
    return {prefix: number + _EACH * losses for prefix, number in plain.items()}
