"""Scrapes in tests: parsed strictly, every series once."""

from __future__ import annotations

from typing import Any

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from monitor.metrics.exposition import Format

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(body: bytes, form: Format) -> Series:
    """Parse strictly; every series once."""
    parser: Any = openmetrics_parser if form is Format.OPENMETRICS else text_parser
    found: Series = {}
    names = []
    for family in parser.text_string_to_metric_families(body.decode()):
        names.append(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    assert len(names) == len(set(names)), "a family is torn apart"
    return found


def of(series: Series, name: str, **wanted: str) -> list[float]:
    return [value for (key, found), value in series.items() if key == name and set(wanted.items()) <= found]
