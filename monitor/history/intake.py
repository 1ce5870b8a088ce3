"""The intake: samples on their way into blocks, held as arrays, for a sample as an object takes ten times the room."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from monitor.history.block import RAW, Column, Section, narrowed, pack
from monitor.history.words import CODES, DURATION, PHASE
from probes.sample import Sample

GROUP: Final = 64
"""Subjects that share a block: more write less often, fewer read less that nobody asked for."""

Intern = Callable[[str, str], int]
"""Gives the number of a check's part; of the check as a whole where the part is empty."""
Shaped = Callable[[tuple[str, ...]], int]
"""Gives the number of a shape: the names of its columns."""

Row = tuple[Any, ...]
Key = tuple[int, tuple[str, ...], tuple[str, ...]]


class Intake:
    """What is not in the file yet, by group and shape."""

    def __init__(self, intern: Intern, shaped: Shaped) -> None:
        """Begin with nothing."""
        self._intern = intern
        self._shaped = shaped
        self._columns: dict[tuple[int, int], list[Column[Any]]] = {}
        self._narrow: dict[int, list[bool]] = {}
        self.samples = 0

    def take(self, samples: Iterable[Sample]) -> None:
        """Take samples in. What is no finite number is left out."""
        rows: dict[Key, list[Row]] = {}
        for sample in samples:
            self.samples += 1
            at = int(sample.at.timestamp() * 1000)
            code = CODES[sample.outcome, sample.error]
            subject = self._intern(sample.check, "")
            group = subject // GROUP
            values, phases = sample.values, sample.phases
            row = (subject, at, code, sample.duration, *values.values(), *phases.values())
            if not _sound(row):
                values, phases = _finite(values), _finite(phases)
                length = sample.duration if math.isfinite(sample.duration) else 0.0
                row = (subject, at, code, length, *values.values(), *phases.values())
            rows.setdefault((group, (DURATION, *values), tuple(phases)), []).append(row)
            for part, inner in sample.parts.items():
                if not inner:
                    continue
                subject = self._intern(sample.check, part)
                row = (subject, at, code, *inner.values())
                if not _sound(row):
                    inner = _finite(inner)  # noqa: PLW2901 - the sound ones of them
                    row = (subject, at, code, *inner.values())
                rows.setdefault((group, tuple(inner), ()), []).append(row)
        for (group, values_named, phases_named), found in rows.items():
            self._add(group, (*values_named, *(PHASE + name for name in phases_named)), found)

    def _add(self, group: int, names: tuple[str, ...], rows: list[Row]) -> None:
        shape = self._shaped(names)
        columns = self._columns.get((group, shape))
        if columns is None:
            columns = [array("I"), array("q"), array("B"), *(array("d") for _ in names)]
            self._columns[group, shape] = columns
        if shape not in self._narrow:  # what was measured by a clock is no truer with sixteen digits
            self._narrow[shape] = [name == DURATION or name.startswith(PHASE) for name in names]
        for column, numbers in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(array(column.typecode, numbers))

    def blocks(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Give each group with when the first and the last of its rows began (ms) and its block; then forget them."""
        groups: dict[int, list[int]] = {}
        for group, shape in self._columns:
            groups.setdefault(group, []).append(shape)
        for group, shapes in groups.items():
            begun = [self._columns[group, shape][1] for shape in shapes]
            first, last = min(map(min, begun)), max(map(max, begun))
            yield group, first, last, pack([self._section(group, shape) for shape in shapes])
        self.clear()

    def _section(self, group: int, shape: int) -> Section:
        subjects, begun, codes, *columns = self._columns[group, shape]
        held = (
            array("f", column) if narrow else narrowed(column)
            for column, narrow in zip(columns, self._narrow[shape], strict=True)
        )
        return Section(kind=RAW, shape=shape, columns=(subjects, begun, codes, *held))

    def sections(self, group: int) -> list[Section]:
        """Return what waits for a group's next block: readers want it too."""
        return [self._section(*key) for key in self._columns if key[0] == group]

    def clear(self) -> None:
        """Forget everything."""
        self._columns.clear()
        self._narrow.clear()
        self.samples = 0


def _sound(row: Row) -> bool:
    try:
        return math.isfinite(sum(row))
    except TypeError:
        return False


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
