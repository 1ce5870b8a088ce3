"""Thresholds on metrics as they are written: everything optional, for a shipped one may fill the gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from alerting.severity import Impact
from config.schema.words import Labels, Name, Names, Refused, Span, Text


def _mark(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused("must be a quantity like 90%, 500MB or 10s")
    return str(value)


MarkText = Annotated[str, BeforeValidator(_mark), WithJsonSchema({"type": ["string", "number"]})]
"""A quantity whose unit only the metric tells; read when the metric is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelKeys:
    """One level of a threshold: `above` or `below`, and where it ends.

    above: trouble beyond this mark.
    below: trouble under this mark.
    clear_below: where trouble that began `above` ends; the mark itself when left out.
    clear_above: where trouble that began `below` ends.
    for: how long it must be so.
    """

    above: MarkText | None = None
    below: MarkText | None = None
    clear_above: MarkText | None = None
    clear_below: MarkText | None = None
    for_: Annotated[Span | None, Field(alias="for")] = None
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Which checks: all that fit everything given."""

    probe: Text | None = None
    checks: Names = ()
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdKeys:
    """When a metric means trouble.

    select: which checks it judges.
    metric: the value it judges.
    warning: the mild level; `off` takes a shipped one away.
    critical: the severe level; `off` takes a shipped one away.
    keep: how long it must be good before the trouble is over.
    impact: what it does to the public state of the services.
    """

    select: Select | None = None
    metric: Name | None = None
    warning: LevelKeys | None = None
    critical: LevelKeys | None = None
    keep: Span | None = None
    impact: Impact | None = None
    off: bool = False


NO_TIME = timedelta(0)
