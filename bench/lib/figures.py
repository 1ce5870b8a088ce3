"""Figures: what was measured, and beside it what was to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. Less is better: the goal is reached where `value` is not above it.

    `value` is None where it could not be measured; `note` then says why.
    """

    what: str
    unit: str
    value: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is no goal or no figure."""
        return None if self.value is None or self.goal is None else self.value <= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Figures of one subject. `text` says how they came about; `columns` and `rows` are what lies behind them."""

    key: str
    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    failure: str = ""
    """Why nothing could be measured."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return it as it was written down."""
        return cls(**{**given, "figures": [Figure(**figure) for figure in given["figures"]]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of the benchmarks. `at` is a date and time as people write it."""

    at: str
    command: str
    seconds: float
    machine: Mapping[str, str]
    load_before: float
    sections: Sequence[Section]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return it as it was written down."""
        return cls(**{**given, "sections": [Section.of(section) for section in given["sections"]]})


def number(value: float) -> str:
    """Write three digits that count, and every digit before the point."""
    if value == 0:
        return "0"
    size = abs(value)
    for least, places in ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.01, 4)):
        if size >= least:
            return f"{value:,.{places}f}"
    return f"{value:.3g}"
