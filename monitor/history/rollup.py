"""Rolling up: many rows become one for each subject and period. What is rolled up can be rolled up again."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter, mul
from typing import Any

from monitor.history.block import CODES, RAW, VALUES, Column, Section

Span = tuple[int, int]
"""From which row to before which one."""


class RollUp:
    """Rows gathered into periods of `seconds`."""

    def __init__(self, seconds: int) -> None:
        """Begin with nothing."""
        self._period = seconds * 1000
        self._rows: dict[tuple[int, int], list[Column[Any]]] = {}
        """By kind and shape."""

    def add(self, section: Section) -> None:
        """Take a section in, of samples or of shorter periods."""
        rows = self._rows.get((section.kind, section.shape))
        if (
            rows is None
        ):  # values as doubles: of the same column some blocks have narrow numbers, some have not
            rows = [array("d" if one.typecode == "f" else one.typecode) for one in section.columns]
            self._rows[section.kind, section.shape] = rows
        for row, column in zip(rows, section.columns, strict=True):
            row.extend(column if column.typecode == row.typecode else array(row.typecode, column))

    def sections(self) -> Iterator[Section]:
        """Give what was gathered. Numbers are kept to seven digits."""
        codes: Counter[tuple[int, int, int]] = Counter()
        for (kind, shape), columns in self._rows.items():
            period = self._period
            periods = [at - at % period for at in columns[1]]
            if kind == RAW:
                codes.update(zip(columns[0], periods, columns[2], strict=True))
                yield from _values(shape, columns[0], periods, None, [(one, one, one) for one in columns[3:]])
            elif kind == CODES:
                for subject, at, code, number in zip(columns[0], periods, *columns[2:], strict=True):
                    codes[subject, at, code] += number
            elif kind == VALUES:
                triples = [
                    (columns[at], columns[at + 1], columns[at + 2]) for at in range(3, len(columns), 3)
                ]
                yield from _values(shape, columns[0], periods, columns[2], triples)
        if codes:
            keys = [array(type_, one) for type_, one in zip("IqB", zip(*codes, strict=True), strict=True)]
            yield Section(kind=CODES, shape=0, columns=(*keys, array("I", codes.values())))


def _values(
    shape: int,
    subjects: Sequence[int],
    periods: Sequence[int],
    counts: Sequence[int] | None,
    columns: Sequence[tuple[Column[float], Column[float], Column[float]]],
) -> Iterator[Section]:
    """Give one section of the rows of a shape. Column by column: whole ones are gone through faster than rows are."""
    if not columns:
        return
    keys = list(zip(subjects, periods, strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    spans: list[Span] = []
    for _, run in groupby(order, key=keys.__getitem__):
        begin = spans[-1][1] if spans else 0
        spans.append((begin, begin + sum(1 for _ in run)))
    ordered = itemgetter(*order) if len(order) > 1 else tuple
    numbers = (1,) * len(order) if counts is None else ordered(counts)
    totals = [sum(numbers[begin:end]) for begin, end in spans]
    made: list[Column[Any]] = [
        array("I", [keys[order[begin]][0] for begin, _ in spans]),
        array("q", [keys[order[begin]][1] for begin, _ in spans]),
        array("I", totals),
    ]
    for low, mean, high in columns:
        lows = ordered(low)
        means = lows if mean is low else ordered(mean)
        highs = lows if high is low else ordered(high)
        weighted = means if counts is None else list(map(mul, means, numbers))
        sums = (sum(weighted[begin:end]) for begin, end in spans)
        made += (
            _narrow(min(lows[begin:end]) for begin, end in spans),
            _narrow(one / total for one, total in zip(sums, totals, strict=True)),
            _narrow(max(highs[begin:end]) for begin, end in spans),
        )
    yield Section(kind=VALUES, shape=shape, columns=tuple(made))


def _narrow(numbers: Iterable[float]) -> Column[float]:
    return array("f", list(numbers))
