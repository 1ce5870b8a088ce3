"""Records for tests of the store: plain ones by number, and every shape hypothesis can think of."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from alerting.incidents.incident import Cause, Entry, Incident, IncidentState
from alerting.incidents.silence import Silence
from alerting.notification import Kind, Notification, NotificationState, Receipt
from alerting.severity import Severity

NOON = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)


def incident(number: int, **changed: Any) -> Incident:
    """An open, critical incident of service `shop`."""
    plain: dict[str, Any] = {
        "id": f"INC-{number}",
        "group": f"group-{number}",
        "title": "shop is down",
        "state": IncidentState.OPEN,
        "severity": Severity.CRITICAL,
        "cause": Cause(service="shop", check="home", alert="home/outcome"),
        "since": NOON,
        "opened_at": NOON,
        "changed_at": NOON,
        "services": ("shop",),
    }
    return Incident(**plain | changed)


def notification(number: int, **changed: Any) -> Notification:
    """A critical page to Li about INC-1, due since noon."""
    plain: dict[str, Any] = {
        "id": f"N-{number}",
        "kind": Kind.PAGE,
        "dedup_key": f"key-{number}",
        "channel": "sms",
        "to": "li",
        "title": "shop is down",
        "text": "HTTP 500",
        "created_at": NOON,
        "not_before": NOON,
        "not_after": NOON + timedelta(hours=1),
        "incident": "INC-1",
    }
    return Notification(**plain | changed)


def receipt(number: int, attempt: int, state: NotificationState, **changed: Any) -> Receipt:
    """What came of one attempt at N-`number`."""
    plain: dict[str, Any] = {
        "notification": f"N-{number}",
        "attempt": attempt,
        "state": state,
        "at": NOON + timedelta(seconds=attempt),
    }
    return Receipt(**plain | changed)


def entry(number: int, about: str = "INC-1") -> Entry:
    """A line on a timeline."""
    return Entry(id=f"E-{number}", incident=about, at=NOON, event="note", text=f"line {number}")


def silence(number: int, ends_at: datetime) -> Silence:
    """Keeps the check `home` quiet."""
    return Silence(
        id=f"S-{number}",
        matchers={"check": "home"},
        author="li",
        reason="known",
        starts_at=NOON,
        ends_at=ends_at,
        created_at=NOON,
    )


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Every value a type annotation allows, as far as records use annotations."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*map(anything, inner))
    if origin is tuple:
        return st.lists(anything(inner[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(anything(inner[0]), anything(inner[1]), max_size=3)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{field.name: anything(hints[field.name]) for field in dataclasses.fields(kind)}
        )
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return _PLAIN[kind]


_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))])

_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    bool: st.booleans(),
    int: st.integers(min_value=-(2**31), max_value=2**31 - 1),
    float: st.floats(allow_nan=False),
    datetime: st.datetimes(datetime(1970, 1, 2), datetime(2106, 1, 1), timezones=_ZONES),  # noqa: DTZ001
    timedelta: st.timedeltas(timedelta(days=-400), timedelta(days=40000)),
    type(None): st.none(),
}
