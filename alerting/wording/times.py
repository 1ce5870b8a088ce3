"""Times and lengths of time as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

FALLBACK: Final = "en"

_UNITS: Final = {
    "en": (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)),
    "zh": (("天", 86400), ("小时", 3600), ("分钟", 60), ("秒", 1)),
}


def pick(languages: Sequence[str], known: Sequence[str]) -> str:
    """Return the first of `languages` that is `known`, matching `zh-CN` to `zh`; English where none is."""
    for language in languages:
        base = language.split("-")[0].lower()
        if base in known:
            return base
    return FALLBACK


def clock_time(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant by the site's wall clock, with the zone's name: `2026-11-22 06:31:20 Asia/Shanghai`."""
    local = at.astimezone(zone).replace(tzinfo=None)
    return f"{local.isoformat(' ', 'seconds')} {zone.key}"


def short_time(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant as customers read it: `2026-11-22 06:31 (UTC+8)`."""
    local = at.astimezone(zone)
    offset = local.utcoffset() or timedelta(0)
    minutes = round(offset.total_seconds() / 60)
    sign = "+" if minutes >= 0 else "-"
    hours, rest = divmod(abs(minutes), 60)
    name = "UTC" if minutes == 0 else f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
    return f"{local:%Y-%m-%d %H:%M} ({name})"


def length(span: timedelta, language: str) -> str:
    """Write a length of time in its largest unit and the next, `1 h 5 min` or `1 小时 5 分钟`; what is less is cut."""
    left = max(0, round(span.total_seconds()))
    units = _UNITS.get(language, _UNITS[FALLBACK])
    largest = next((place for place, (_, size) in enumerate(units) if left >= size), len(units) - 1)
    words = []
    for name, size in units[largest : largest + 2]:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {name}")
    return " ".join(words) or f"0 {units[-1][0]}"
