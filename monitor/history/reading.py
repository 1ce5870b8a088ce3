"""Reading: points of one check, and all samples in the order in which they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from monitor.history.block import CODES, RAW, VALUES, Section, unpack
from monitor.history.file import HistoryFile
from monitor.history.intake import GROUP
from monitor.history.words import DURATION, MEANT, PHASE, HistoryError, Level, Point, Series
from probes.sample import NO_PARTS, NOTHING, Outcome, Sample

POINTS: Final = 10_000
"""Points of one answer at most."""
LATEST: Final = 3_700_000
"""Milliseconds after its beginning within which a run has ended and is written."""

_OF: Final = {Outcome.UP: 0, Outcome.DOWN: 1, Outcome.UNKNOWN: 2}


def read(
    file: HistoryFile,
    waiting: Callable[[int], Iterable[Section]],
    *,
    check: str,
    metric: str,
    part: str,
    since: datetime,
    until: datetime,
    step: int,
    breathe: Callable[[], None] = lambda: None,
) -> Series:
    """Return what is known of a metric from `since` until before `until`, in steps of so many seconds.

    `waiting` gives the sections of a group that are not in the file yet; `breathe` is called between two blocks.
    Where the time lies too far back for that step, the step is longer. Raises HistoryError where it is too much.
    """
    start, end = int(since.timestamp() * 1000), int(until.timestamp() * 1000)
    level = _level(file, start, step)
    step = -(-step // max(1, level.seconds)) * max(1, level.seconds)
    if (end - start) / (step * 1000) > POINTS:
        raise HistoryError(f"cannot read the history of {check}: that is more than {POINTS} points")
    empty = Series(check=check, metric=metric, part=part, step=step, points=())
    whole, subject = file.subject(check, ""), file.subject(check, part)
    if whole is None or subject is None:
        return empty
    group = whole // GROUP
    gathered = _Points(file, subject, metric, start=start - start % (step * 1000), end=end, step=step * 1000)
    for finer in range(level, -1, -1):
        after = 0 if finer == level else file.upto(Level(finer + 1), group)
        for data in file.between(Level(finer), group, after, gathered.start, end):
            for section in unpack(data):
                gathered.add(section)
            breathe()
    for section in waiting(group):
        gathered.add(section)
    return replace(empty, points=tuple(gathered.points()))


def _level(file: HistoryFile, start: int, step: int) -> Level:
    """Return the coarsest level that has the step and reaches back far enough, else the finest that does."""
    reaching = [level for level in Level if file.pruned(level) <= start]
    if fine := [level for level in reaching if level.seconds <= step]:
        return max(fine)
    return min(reaching, default=max(Level, key=lambda level: (-file.pruned(level), level)))


class _Points:
    """Rows of one subject gathered into steps."""

    def __init__(
        self, file: HistoryFile, subject: int, metric: str, *, start: int, end: int, step: int
    ) -> None:
        self.start = start
        self._file = file
        self._subject = subject
        self._metric = metric
        self._end = end
        self._step = step
        self._counts: dict[int, list[Any]] = {}
        """By step: up, down, unknown, and how many of each error class."""
        self._values: dict[int, list[float]] = {}
        """By step: how many, least, sum, most."""

    def add(self, section: Section) -> None:
        begun = section.columns[1]
        subject, start, end, step = self._subject, self.start, self._end, self._step
        places = [
            (place, at - at % step)
            for place, (one, at) in enumerate(zip(section.columns[0], begun, strict=True))
            if one == subject and start <= at < end
        ]
        if not places:
            return
        if section.kind in (RAW, CODES):
            codes = section.columns[2]
            numbers = section.columns[3] if section.kind == CODES else None
            for place, at in places:
                self._count(at, codes[place], 1 if numbers is None else numbers[place])
        if section.kind == CODES:
            return
        names = self._file.columns(section.shape)
        if self._metric not in names:
            return
        at_column = names.index(self._metric)
        if section.kind == RAW:
            values = section.columns[3 + at_column]
            for place, at in places:
                self._value(at, 1, values[place], values[place], values[place])
        elif section.kind == VALUES:
            counts = section.columns[2]
            low, mean, high = section.columns[3 + 3 * at_column : 6 + 3 * at_column]
            for place, at in places:
                self._value(at, counts[place], low[place], mean[place], high[place])

    def _count(self, at: int, code: int, number: int) -> None:
        counts = self._counts.setdefault(at, [0, 0, 0, {}])
        outcome, error = MEANT.get(code, (Outcome.UNKNOWN, None))
        counts[_OF[outcome]] += number
        if error is not None:
            counts[3][error.value] = counts[3].get(error.value, 0) + number

    def _value(self, at: int, number: int, low: float, mean: float, high: float) -> None:
        held = self._values.setdefault(at, [0, low, 0.0, high])
        held[0] += number
        held[1] = min(held[1], low)
        held[2] += mean * number
        held[3] = max(held[3], high)

    def points(self) -> Iterator[Point]:
        for at in sorted(self._counts.keys() | self._values.keys()):
            up, down, unknown, errors = self._counts.get(at, (0, 0, 0, {}))
            values = self._values.get(at)
            yield Point(
                at=_instant(at),
                up=up,
                down=down,
                unknown=unknown,
                errors=errors,
                low=values[1] if values else None,
                mean=values[2] / values[0] if values else None,
                high=values[3] if values else None,
            )


def samples(path: Path, since: datetime, until: datetime) -> Iterator[Sample]:
    """Give all samples that came in that time, as they came; held are those of some ten seconds at once.

    They have no message and no log: those are not kept. Raises HistoryError where there is no history.
    """
    start, end = int(since.timestamp() * 1000), int(until.timestamp() * 1000)
    with closing(HistoryFile.open_to_read(path)) as file:
        for blocks in file.ticks(start, end + LATEST):
            found = [one for data in blocks for one in _samples(file, unpack(data))]
            found.sort(key=itemgetter(0))
            yield from (sample for ended, sample in found if start <= ended < end)


def samples_of(path: Path, check: str, since: datetime, until: datetime) -> Iterator[Sample]:
    """Give the samples of one check that began in that time, as they came. Raises HistoryError without a history."""
    start, end = int(since.timestamp() * 1000), int(until.timestamp() * 1000)
    with closing(HistoryFile.open_to_read(path)) as file:
        subject = file.subject(check, "")
        for data in () if subject is None else file.between(Level.RAW, subject // GROUP, 0, start, end):
            found = [sample for _, sample in _samples(file, unpack(data)) if sample.check == check]
            yield from (sample for sample in sorted(found, key=_begun) if since <= sample.at < until)


def _begun(sample: Sample) -> datetime:
    return sample.at


def _samples(file: HistoryFile, sections: Iterable[Section]) -> Iterator[tuple[float, Sample]]:
    """Give the samples of a block, each with when it ended (ms)."""
    parts: dict[tuple[str, int], dict[str, dict[str, float]]] = {}
    whole: list[tuple[Section, tuple[str, ...]]] = []
    for section in sections:
        names = file.columns(section.shape)
        if names[:1] == (DURATION,):
            whole.append((section, names))
            continue
        for subject, at, _, *numbers in zip(*section.columns, strict=True):
            check, part = file.named(subject)
            parts.setdefault((check, at), {})[part] = dict(zip(names, numbers, strict=True))
    for section, names in whole:
        phase = next((place for place, name in enumerate(names) if name.startswith(PHASE)), len(names))
        values_named, phases_named = names[1:phase], [name.removeprefix(PHASE) for name in names[phase:]]
        for subject, at, code, duration, *numbers in zip(*section.columns, strict=True):
            outcome, error = MEANT.get(code, (Outcome.UNKNOWN, None))
            check, _ = file.named(subject)
            sample = Sample(
                check=check,
                at=_instant(at),
                duration=duration,
                outcome=outcome,
                error=error,
                values=dict(zip(values_named, numbers, strict=False)) if values_named else NOTHING,
                phases=dict(zip(phases_named, numbers[phase - 1 :], strict=True))
                if phases_named
                else NOTHING,
                parts=parts.get((check, at), NO_PARTS),
            )
            yield at + duration * 1000, sample


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


class Deadline:
    """Ends a read that takes too long, and lets others have the interpreter between two blocks."""

    def __init__(self, seconds: float, check: str) -> None:
        """Count from now."""
        self._until = time.monotonic() + seconds
        self._check = check

    def __call__(self) -> None:
        """Give way. Raises HistoryError once the time is up."""
        time.sleep(0)
        if time.monotonic() > self._until:
            raise HistoryError(f"cannot read the history of {self._check}: it takes too long; ask for less")
