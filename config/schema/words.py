"""Kinds of words that sections are made of: names, addresses, times of day, zones, URLs, bounded times."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from alerting.oncall.rota import Day
from config.complaint import did_you_mean
from config.model import Address, Rate
from config.source.scalars import number_hint
from probes.units import Duration, Seconds, show_seconds

NAME: Final = re.compile(r"\w[\w.-]{0,99}")
NAME_RULE: Final = "a name is made of letters, digits, `-`, `_` and `.`, at most 100 characters"
URL_CHARACTERS: Final = 4000


class Refused(ValueError):  # noqa: N818 - the word is refused
    """A word is not what is due; `hint` says what would be."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the hint apart from the message."""
        super().__init__(message)
        self.hint = hint


def word(value: object, due: str) -> str:
    """Return `value` when it is a text; raise Refused, saying what is due, when it is not."""
    if isinstance(value, str):
        return value
    quotes = isinstance(value, bool | int | float)
    raise Refused(f"must be {due}", "write it in quotes" if quotes else "")


def _parsed(read: Callable[[str], Any], due: str) -> BeforeValidator:
    return BeforeValidator(lambda value: read(word(value, due)))


def _text_schema(**more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


def _between(low: float, high: float) -> AfterValidator:
    bounds = f"must be between {show_seconds(low)} and {show_seconds(high)}"

    def check(value: float | timedelta) -> float | timedelta:
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if not low <= seconds <= high:
            raise Refused(bounds)
        return value

    return AfterValidator(check)


DAY: Final = 86400.0
Every = Annotated[Seconds, _between(1, DAY)]
"""Between two runs."""
Retry = Annotated[Seconds, _between(0.1, DAY)]
Timeout = Annotated[Seconds, _between(0.05, 3600)]
Span = Annotated[Duration, _between(0, 366 * DAY)]
"""Any length of time, none included."""
Term = Annotated[Duration, _between(1, 366 * DAY)]
"""A length of time that cannot be nothing."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


def _count(value: int) -> int:
    if not 1 <= value <= 1000:
        raise Refused("must be between 1 and 1000")
    return value


Count = Annotated[int, AfterValidator(_count)]

MOST_FAILURES: Final = 60
"""Runs that are remembered to count the failures among them."""


def _failures(value: object) -> tuple[int, int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return _count(value), 1
    form = re.fullmatch(r"(\d{1,4}) of (\d{1,4})", value) if isinstance(value, str) else None
    if form is None:
        hint = number_hint(value)
        raise Refused("must be a number of failures", hint or "write 3 for three in a row, or 3 of 5")
    few, many = int(form[1]), int(form[2])
    if not 1 <= few <= many:
        raise Refused(
            f"{value} can never be", "the first number is the failures, the second the runs they are among"
        )
    if many > MOST_FAILURES:
        raise Refused(f"looks back further than {MOST_FAILURES} runs")
    return few, many


Failures = Annotated[
    tuple[int, int],
    BeforeValidator(_failures),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1000},
                {"type": "string", "pattern": r"^\d+ of \d+$"},
            ],
            "examples": [3, "3 of 5"],
        }
    ),
]
"""So many failures in a row, or among so many runs; the second number is 1 for those in a row."""


def _patterns(value: object) -> tuple[str, ...]:
    items = list(value) if isinstance(value, list) else [value]
    if not items:
        raise Refused("names nothing", "leave the key out for all of them")
    return tuple(
        _pattern(word(item, "a name in which * stands for anything, or a list of them")) for item in items
    )


def _pattern(value: str) -> str:
    if not 1 <= len(value) <= 500:
        raise Refused("must have between 1 and 500 characters")
    return value


Patterns = Annotated[
    tuple[str, ...],
    BeforeValidator(_patterns),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name or several, in which `*` stands for anything."""


def _workers(value: object) -> int | None:
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise Refused(f"must be auto or a number between 1 and {MOST_WORKERS}")
    return value


MOST_WORKERS: Final = 64
WORKERS_SCHEMA: Final = {
    "anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": MOST_WORKERS}]
}
Workers = Annotated[int | None, BeforeValidator(_workers), WithJsonSchema(WORKERS_SCHEMA)]
"""How many processes probe; None is one for each core."""


def _often(value: str) -> Rate:
    found = re.fullmatch(r"([1-9][0-9]{0,5})/(s|m|h|d)", value)
    if found is None:
        raise Refused(f"{value[:60]!r} is no rate", "write it like 30/m")
    return Rate(count=int(found[1]), seconds={"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}[found[2]])


Often = Annotated[Rate, _parsed(_often, "a rate like 30/m"), _text_schema(examples=["30/m"])]
"""So many in a time."""


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise Refused(f"cannot be a name: {NAME_RULE}")
    return value


Name = Annotated[str, _parsed(_name, "a name"), _text_schema(pattern=r"^\w[\w.-]*$", maxLength=100)]


def _names(value: object) -> tuple[str, ...]:
    items = list(value) if isinstance(value, list) else [value]
    names = tuple(_name(word(item, "a name, or a list of names")) for item in items)
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise Refused(f"names `{twice}` twice")
    return names


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name or several."""


@cache
def _zones() -> set[str]:
    return available_timezones()


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        pass
    if re.fullmatch(r"(UTC|GMT)?[+-]\d.*", value):
        raise Refused(f"{value[:60]!r} is no time zone", "write a place like Europe/Berlin, or UTC")
    raise Refused(f"{value[:60]!r} is no time zone", did_you_mean(value, _zones()))


Zone = Annotated[
    ZoneInfo, _parsed(_zone, "a time zone like Europe/Berlin"), _text_schema(examples=["Asia/Shanghai"])
]


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}", value):
        raise Refused("must be a language like en or zh")
    return value


Language = Annotated[str, _parsed(_language, "a language like en or zh"), _text_schema(examples=["en"])]


def _clock(value: str) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value)
    hour, minute = (int(match[1]), int(match[2])) if match else (99, 99)
    if (hour, minute) == (24, 0):
        return time(0, 0)
    if hour > 23 or minute > 59:
        raise Refused(f'must be a time of day like "08:00", not {value[:20]!r}')
    return time(hour, minute)


Clock = Annotated[
    time, _parsed(_clock, 'a time of day like "08:00"'), _text_schema(pattern=r"^\d{1,2}:\d{2}$")
]


def _date(value: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise Refused(f"must be a day like 2027-01-04, not {value[:20]!r}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Refused(f"the calendar has no {value}: {error}") from None


Date = Annotated[date, _parsed(_date, "a day like 2027-01-04"), _text_schema(format="date")]


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(f"must be a moment like 2027-01-04T22:00:00+08:00, not {value[:40]!r}") from None
    if moment.tzinfo is None:
        raise Refused("needs an offset from UTC", "write it like 2027-01-04T22:00:00+08:00, or end it with Z")
    return moment


Moment = Annotated[datetime, _parsed(_moment, "a moment"), _text_schema(format="date-time")]

_DAYS: Final = [day.value for day in Day]


def _days(value: object) -> tuple[Day, ...]:
    chosen: set[Day] = set()
    for item in list(value) if isinstance(value, list) else [value]:
        first, _, last = word(item, "days like [mon, tue] or mon-fri").lower().partition("-")
        for end in filter(None, (first, last)):
            if end not in _DAYS:
                raise Refused(f"{end[:20]!r} is no day of the week", did_you_mean(end[:20], _DAYS))
        begin, end_index = _DAYS.index(first), _DAYS.index(last or first)
        chosen |= {Day(_DAYS[(begin + step) % 7]) for step in range((end_index - begin) % 7 + 1)}
    if not chosen:
        raise Refused("names no day of the week")
    return tuple(day for day in Day if day in chosen)


Days = Annotated[
    tuple[Day, ...],
    BeforeValidator(_days),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "examples": ["mon-fri"],
        }
    ),
]


def _url(value: str) -> str:
    if len(value) > URL_CHARACTERS:
        raise Refused(f"is longer than {URL_CHARACTERS:,} characters")
    if re.search(r"[\s\\]", value):
        raise Refused("holds spaces or backslashes, which no URL may")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise Refused(f"is no URL: {str(error).split(':')[0].lower()}") from None
    if parts.scheme not in {"http", "https"}:
        raise Refused("must be a URL that begins with http:// or https://")
    if not parts.hostname or port == 0:
        raise Refused("is a URL without a host" if not parts.hostname else "is a URL with port 0")
    if parts.fragment:
        raise Refused("is a URL with a fragment (#…), which is never sent")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.query or parts.username is not None:
        raise Refused("must be a plain URL, without user or query")
    return value.rstrip("/")


HttpUrl = Annotated[str, _parsed(_url, "a URL"), _text_schema(format="uri")]
BaseUrl = Annotated[str, _parsed(_base_url, "a URL"), _text_schema(format="uri")]


def _address(value: str) -> Address:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})", value)
    if match is None or int(match[3]) > 65535:
        raise Refused(f"must be an address and port like 127.0.0.1:9890 or [::1]:9890, not {value[:60]!r}")
    return Address(host=match[1] or match[2], port=int(match[3]))


ListenAt = Annotated[
    Address,
    _parsed(_address, "an address and port like 127.0.0.1:9890"),
    _text_schema(examples=["127.0.0.1:9890"]),
]


def _labels(value: object) -> object:
    if not isinstance(value, dict):
        return value
    if len(value) > 32:
        raise Refused(f"holds {len(value)} labels; at most 32 are kept")
    for name, content in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
            raise Refused(f"{name[:70]!r} cannot be a label: letters, digits and `_`, at most 64 characters")
        if name.startswith("__") or name in {"le", "quantile"}:
            raise Refused(f"the label `{name}` belongs to Prometheus")
        if len(word(content, f"a text (label `{name}`)").encode()) > 256:
            raise Refused(f"the label `{name}` is longer than 256 bytes")
    return value


Labels = Annotated[dict[str, str], BeforeValidator(_labels)]
