"""Thresholds on metrics as they are written: everything optional, for a shipped one may fill the gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from alerting.severity import Impact, Severity
from alerting.thresholds.window import Function
from config.schema.words import (
    Count,
    Failures,
    Labels,
    Name,
    Names,
    Patterns,
    Refused,
    Span,
    Term,
    Text,
    word,
)
from probes.units import Unit, parse


def _mark(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused("must be a quantity like 90%, 500MB or 10s")
    return str(value)


def _factor(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1.1 <= value <= 1000:
        raise Refused("must be a number between 1.1 and 1000")
    return float(value)


def _keys(value: object) -> tuple[str, ...]:
    items = list(value) if isinstance(value, list) else [value]
    if not items:
        raise Refused("names no threshold")
    return tuple(word(item, "a threshold, or a list of them") for item in items)


Keys = Annotated[
    tuple[str, ...],
    BeforeValidator(_keys),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
MarkText = Annotated[str, BeforeValidator(_mark), WithJsonSchema({"type": ["string", "number"]})]
"""A quantity whose unit only the metric tells; read when the metric is known."""


def _range(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("must be two marks", "write the lower and the upper one, like [10%, 90%]")
    return tuple(_mark(item) for item in value)


RangeText = Annotated[
    tuple[str, str],
    BeforeValidator(_range),
    WithJsonSchema({"type": "array", "items": {"type": ["string", "number"]}, "minItems": 2, "maxItems": 2}),
]


NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelKeys:
    """One level of a threshold: one mark, and where the trouble ends.

    above: trouble beyond this mark.
    below: trouble under this mark.
    equals: trouble at this very value.
    outside: trouble under the first and beyond the second of two marks.
    full_within: trouble where a share would reach 100 % within this time at its present pace.
    clear_below: where trouble that began `above` ends; the mark itself when left out.
    clear_above: where trouble that began `below` ends.
    clear_inside: the two marks between which trouble that began `outside` ends.
    for: how long it must be so.
    """

    above: MarkText | None = None
    below: MarkText | None = None
    equals: MarkText | None = None
    outside: RangeText | None = None
    full_within: Term | None = None
    clear_above: MarkText | None = None
    clear_below: MarkText | None = None
    clear_inside: RangeText | None = None
    for_: Annotated[Span | None, Field(alias="for")] = None
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SparedKeys:
    """Which checks not: all that fit everything given.

    probe: the kind of probe.
    checks: their names.
    name: patterns of names, in which `*` stands for anything.
    labels: their labels; the values are patterns.
    part: patterns of parts, such as mount points or interfaces.
    """

    probe: Text | None = None
    checks: Names = ()
    name: Patterns = ()
    labels: Labels = field(default_factory=dict)
    part: Patterns = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Which checks: all that fit everything given.

    probe: the kind of probe.
    checks: their names.
    name: patterns of names, in which `*` stands for anything.
    labels: their labels; the values are patterns.
    part: patterns of parts, such as mount points or interfaces.
    except: which of them not, written the same way.
    """

    probe: Text | None = None
    checks: Names = ()
    name: Patterns = ()
    labels: Labels = field(default_factory=dict)
    part: Patterns = ()
    except_: Annotated[SparedKeys | None, Field(alias="except")] = None


def _compared(value: object) -> timedelta | None:
    if value == "same_hour":
        return None
    seconds = parse(word(value, "same_hour, or a time like 1h"), Unit.SECONDS)
    if not 600 <= seconds <= 86400:
        raise Refused("must be same_hour, or between 10 min and 1 d")
    return timedelta(seconds=seconds)


Compared = Annotated[
    timedelta | None,
    BeforeValidator(_compared),
    WithJsonSchema({"type": "string", "examples": ["same_hour", "1h"]}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualKeys:
    """A metric that is a multiple, or a fraction, of what is usual. It makes a ticket and never pages by itself.

    factor: how many times the usual (for a dip: the how manieth part of it).
    over: what is usual: the `same_hour` of the last seven days, or the time just before, like 1h.
    floor: less than this is no surge, whatever is usual.
    min_volume: where less than this is usual, a share of it means nothing.
    for: how long it must be so.
    """

    factor: Annotated[float, BeforeValidator(_factor)]
    over: Compared = None
    floor: MarkText | None = None
    min_volume: MarkText | None = None
    for_: Annotated[Span | None, Field(alias="for")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdKeys:
    """When a metric means trouble.

    select: which checks it judges.
    metric: the value it judges.
    function: what is made of the values of a while: avg, min, max, p95, rate (of a counter, per second) or delta.
    over: how long that while is.
    floor: with `full_within`: a share under this is never called near its end.
    failures: values beyond the mark that mean trouble: 3 in a row, or `3 of 5`.
    recover: good values in a row that end it.
    no_data_for: how long there may be no value before that is trouble itself.
    surge: the metric is many times what is usual.
    dip: the metric is a fraction of what is usual.
    all: other thresholds that must all be in trouble: `threshold`, `check/threshold` or `check/threshold/part`.
    any: other thresholds, of which one must be in trouble.
    severity: of a threshold made of others.
    for: how long it must be so, for a threshold made of others.
    info: the level that is only noted; `off` takes a shipped one away.
    warning: the mild level; `off` takes a shipped one away.
    critical: the severe level; `off` takes a shipped one away.
    keep: how long it must be good before the trouble is over.
    impact: what it does to the public state of the services.
    """

    select: Select | None = None
    metric: Name | None = None
    function: Function | None = None
    over: Term | None = None
    floor: MarkText | None = None
    failures: Failures | None = None
    recover: Count | None = None
    no_data_for: Term | None = None
    surge: UsualKeys | None = None
    dip: UsualKeys | None = None
    all_: Annotated[Keys, Field(alias="all")] = ()
    any_: Annotated[Keys, Field(alias="any")] = ()
    severity: Severity | None = None
    for_: Annotated[Span | None, Field(alias="for")] = None
    info: LevelKeys | None = None
    warning: LevelKeys | None = None
    critical: LevelKeys | None = None
    keep: Span | None = None
    impact: Impact | None = None
    off: bool = False
