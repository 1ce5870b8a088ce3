"""Quantities with units: how people write them, and the base unit they become.

A bare number where a unit is due is refused, because `timeout: 5` has meant seconds to one reader and
milliseconds to the next. Base units: seconds, bytes, bits per second, ratio 0 to 1, plain counts.
"""

from __future__ import annotations

import enum
import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema


class Unit(enum.Enum):
    """The dimension of a value."""

    SECONDS = "seconds"
    RATIO = "ratio"
    BYTES = "bytes"
    BITS_PER_SECOND = "bits per second"
    BYTES_PER_SECOND = "bytes per second"
    COUNT = "count"


_TIME: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_CENTURY: Final = 100 * 365.25 * 86400
_SIZE: Final = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_BITS: Final = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9, "Tbit/s": 10**12}

_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)"
_TIME_PART: Final = re.compile(_NUMBER + r"(ms|s|m|h|d|w)")
_QUANTITY: Final = re.compile(_NUMBER + r" ?([A-Za-z%/]+)")
_FORMS: Final = {
    Unit.SECONDS: "a time like 10s, 5m or 1h30m",
    Unit.RATIO: "a share like 90% or 0.9",
    Unit.BYTES: "a size like 500MB or 2GiB",
    Unit.BITS_PER_SECOND: "a rate like 100Mbit/s or 1Gbit/s",
    Unit.BYTES_PER_SECOND: "a rate like 20MB/s",
    Unit.COUNT: "a number",
}


def parse(text: object, unit: Unit) -> float:
    """Return `text` in the base unit of `unit`; raise ValueError that says which form is expected."""
    expected = _FORMS[unit]
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"must be {expected}")  # noqa: TRY004 - pydantic collects ValueErrors
    if unit is Unit.COUNT or unit is Unit.RATIO:
        return _number(text, unit, expected)
    if not isinstance(text, str):
        raise ValueError(f"needs a unit: write {expected}")  # noqa: TRY004
    word = text.strip()
    if unit is Unit.SECONDS:
        return _seconds(word, expected)
    match = _QUANTITY.fullmatch(word)
    if match is None:
        bare = re.fullmatch(_NUMBER, word) is not None
        raise ValueError(
            f"needs a unit: write {expected}" if bare else f"must be {expected}, not {word[:40]!r}"
        )
    tables: dict[Unit, dict[str, float]] = {
        Unit.BYTES: {**_SIZE},
        Unit.BITS_PER_SECOND: {**_BITS, **{f"{name}/s": 8 * factor for name, factor in _SIZE.items()}},
        Unit.BYTES_PER_SECOND: {
            **{f"{name}/s": factor for name, factor in _SIZE.items()},
            **{name: factor / 8 for name, factor in _BITS.items()},
        },
    }
    factor = tables[unit].get(match[2])
    if factor is None:
        raise ValueError(f"must be {expected}, not {word[:40]!r}")
    return float(match[1]) * factor


def _number(text: str | float, unit: Unit, expected: str) -> float:
    if isinstance(text, int | float):
        value = float(text)
    else:
        match = re.fullmatch(_NUMBER + "(%?)", text.strip())
        if match is None or (match[2] and unit is Unit.COUNT):
            raise ValueError(f"must be {expected}, not {text[:40]!r}")
        value = float(match[1]) / (100 if match[2] else 1)
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is not itself
        raise ValueError(f"must be {expected}")
    return value


def _seconds(word: str, expected: str) -> float:
    total, end = 0.0, 0
    for part in _TIME_PART.finditer(word):
        if part.start() != end:
            break
        total += float(part[1]) * _TIME[part[2]]
        end = part.end()
    if end == len(word) and end > 0:
        return total
    if re.fullmatch(_NUMBER, word):
        raise ValueError(f"needs a unit: write {expected}")
    raise ValueError(f"must be {expected}, not {word[:40]!r}")


def show(value: float, unit: Unit) -> str:
    """Write `value` the way a person would say it: `12.3 %`, `1.5 GB`, `250 ms`, `2 min`."""
    if unit is Unit.RATIO:
        return f"{value * 100:.4g} %"
    if unit is Unit.SECONDS:
        return show_seconds(value)
    scale = {Unit.BYTES: "B", Unit.BITS_PER_SECOND: "bit/s", Unit.BYTES_PER_SECOND: "B/s"}.get(unit)
    if scale is None:
        return f"{value:.4g}"
    for prefix in ("", "k", "M", "G"):
        if abs(value) < 1000:
            return f"{value:.4g} {prefix}{scale}"
        value /= 1000
    return f"{value:.4g} T{scale}"


def show_seconds(value: float) -> str:
    """Write a length of time in its two largest units: `250 ms`, `42 s`, `3 min 5 s`, `1 h 30 min`, `2 d`."""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < 60:
        return f"{value:.3g} s"
    left, words = round(value), []
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {name}")
    return " ".join(words[:2])


def _as(unit: Unit) -> BeforeValidator:
    return BeforeValidator(lambda text: parse(text, unit))


def _duration(text: Any) -> timedelta:
    if isinstance(text, timedelta):
        return text
    seconds = parse(text, Unit.SECONDS)
    if seconds > _CENTURY:
        raise ValueError("must not be longer than 100 years")
    return timedelta(seconds=seconds)


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Seconds = Annotated[float, _as(Unit.SECONDS), _schema(r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$", "10s")]
Duration = Annotated[timedelta, BeforeValidator(_duration), _schema(r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$", "5m")]
Bytes = Annotated[float, _as(Unit.BYTES), _schema(r"^\d+(\.\d+)? ?([kKMGT]i?)?B$", "500MB")]
BitsPerSecond = Annotated[
    float, _as(Unit.BITS_PER_SECOND), _schema(r"^\d+(\.\d+)? ?([kMGT]?bit|([kKMGT]i?)?B)/s$", "1Gbit/s")
]
Ratio = Annotated[
    float,
    _as(Unit.RATIO),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?%?$"}, {"type": "number"}]}),
]
