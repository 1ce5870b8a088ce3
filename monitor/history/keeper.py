"""The keeper: writes what was taken in, rolls it up, lets go of what is old. All in short slices, in one thread.

Whatever goes wrong here costs history and nothing else: it is said, and tried again with what comes after.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from config.model import History as Limits
from monitor.clock import Clock
from monitor.history.block import Section, pack, unpack
from monitor.history.file import HistoryFile, Stamped
from monitor.history.intake import Intake
from monitor.history.rollup import RollUp
from monitor.history.words import Figures, HistoryError, Level
from monitor.store.aside import keep_aside
from monitor.store.dialect import fault_of
from monitor.store.errors import Fault, StoreError
from probes.sample import Sample

log = logging.getLogger("nightbell.history")

FLUSH: Final = 10
"""Seconds between two writes, by the wall: what a crash may cost."""
TAKEN: Final = 200
"""Samples taken in before others get their turn."""
SCARCE: Final = 12 * 1024 * 1024
ROOMY: Final = 64 * 1024 * 1024
"""Bytes left on the volume below which nothing is written, for the store needs them more: a tenth of a volume, but no
less than SCARCE, where the store itself begins to warn, and no more than ROOMY."""
PRUNED: Final = 100
"""Blocks let go at once."""
TOGETHER: Final = 40
"""Blocks of a group rolled up at once."""
VACUUMED: Final = 64
"""Pages given back at once."""

_EVERY: Final = {Level.MINUTES: 300, Level.HOURS: 3600, Level.DAYS: 86400}
_AFTER: Final = {Level.MINUTES: 20, Level.HOURS: 600, Level.DAYS: 1800}
"""Seconds after the end of a period when it is rolled up: what it is made of is there then."""

_GOES: Final = (
    (Level.RAW, timedelta(hours=24)),
    (Level.MINUTES, timedelta(days=3)),
    (Level.RAW, timedelta(hours=6)),
    (Level.MINUTES, timedelta(days=1)),
    (Level.RAW, timedelta(hours=1)),
    (Level.HOURS, timedelta(days=30)),
    (Level.MINUTES, timedelta(hours=1)),
    (Level.RAW, timedelta(minutes=1)),
    (Level.HOURS, timedelta(days=1)),
    (Level.DAYS, timedelta(days=1)),
)
"""What goes first where all of it is too much: of each level what is older than that, before anything of the next."""

Errors: Final = (sqlite3.Error, OSError, StoreError, HistoryError, ValueError, OverflowError)


class Keeper:
    """One history, used by one thread at a time."""

    def __init__(
        self,
        path: Path,
        limits: Limits,
        clock: Clock,
        figures: Figures,
        said: Callable[[str | None], None],
    ) -> None:
        """Nothing is opened yet. `said` is told what is wrong, and None once it is over."""
        self.path = path
        self.figures = figures
        self._limits = limits
        self._clock = clock
        self._said = said
        self._problem: str | None = None
        self._file: HistoryFile | None = None
        self._intake: Intake | None = None
        self._retry = 0.0
        self._flushed = self._now() // FLUSH
        self._rolled = dict.fromkeys(_EVERY, 0.0)
        self._rolls: deque[tuple[Level, int, int]] = deque()
        self._tended = 0.0
        self._tidy = True

    def file(self) -> HistoryFile:
        """Return the open file. Raises HistoryError where it cannot be opened."""
        if self._file is None and self._now() >= self._retry:
            self.open()
        if self._file is None:
            raise HistoryError(self._problem or f"cannot open {self.path}")
        return self._file

    def open(self) -> None:
        """Open the file; what is damaged is set aside. Where it cannot be, that is said and tried again later."""
        for _ in range(2):
            try:
                self._file = HistoryFile.open(self.path)
                self._intake = Intake(self._file.intern, self._file.shaped)
                self._measure()
            except Errors as error:
                self._failed(error, 0)
                if self._file is None and self._retry > self._now():
                    return
            else:
                return
        self._retry = self._now() + FLUSH

    def waiting(self, group: int) -> list[Section]:
        """Return the sections of a group that are not in the file yet."""
        return self._intake.sections(group) if self._intake is not None else []

    def take(self, samples: Sequence[Sample]) -> None:
        """Take samples in; where there is no file they are lost."""
        if self._file is None and self._now() >= self._retry:
            self.open()
        if self._intake is None:  # said already, and tried again when it is time
            self.figures.lost += len(samples)
            return
        try:
            self._intake.take(samples)
            self.figures.pending = self._intake.samples
        except Errors as error:
            self._failed(error, len(samples))

    def due(self) -> bool:
        """Tell whether it is time to write."""
        return self._now() // FLUSH != self._flushed

    def flush(self) -> None:
        """Write what was taken in, all groups in one transaction."""
        self._flushed = self._now() // FLUSH
        self._tidy = False
        intake, waiting = self._intake, self._intake.samples if self._intake else 0
        if intake is None or not waiting:
            return
        try:
            file = self.file()
            if file.replaced():
                raise HistoryError(f"cannot write to {self.path}: the file was removed or replaced")
            if _scarce(self.path):
                raise HistoryError(f"cannot write to {self.path}: the volume is nearly full")
            tick = int(self._now() * 1000)
            blocks: list[Stamped] = []
            for group, first, last, data in intake.blocks():
                blocks.append((Level.RAW, group, tick, first, last, data))
            file.write(blocks)
            self._measure()
        except Errors as error:
            self._failed(error, waiting)
        else:
            self.figures.written += waiting
            self.figures.pending = 0
            if self._problem is not None:
                log.warning("the history is written again")
                self._problem = None
                self._said(None)

    def tend(self) -> bool:
        """Do one slice of rolling up or letting go; return whether there is more to do."""
        if self._file is None:
            return False
        try:
            return self._tend(self._file)
        except Errors as error:
            self._failed(error, 0)
            return False

    def close(self) -> None:
        """Write what is left, close the file."""
        self.flush()
        self._drop()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _tend(self, file: HistoryFile) -> bool:
        now = self._now()
        if not self._rolls:
            for level, every in _EVERY.items():
                end = (now - _AFTER[level]) // every * every
                if end != self._rolled[level]:
                    self._rolled[level] = end
                    self._rolls += [(level, group, int(end * 1000)) for group in range(file.groups())]
        if self._rolls:
            level, group, end = self._rolls.popleft()
            if self._roll_up(file, level, group, end):
                self._rolls.appendleft((level, group, end))
            return True
        if self._tidy:
            return False
        self._tidy = not self._let_go(file, now)
        return not self._tidy

    def _roll_up(self, file: HistoryFile, level: Level, group: int, end: int) -> bool:
        """Take a group's fresh blocks of the finer level into a level; return whether there may be more."""
        upto = file.upto(level, group)
        fresh = file.fresh(Level(level - 1), group, upto, end, TOGETHER)
        if not fresh:
            return False
        whole = RollUp(level.seconds)
        for number, data in fresh:
            upto = number
            try:
                sections = unpack(data)
            except ValueError as error:
                self.figures.errors += 1
                log.warning("%s: block %d is left out", error, number)
                continue
            for section in sections:
                whole.add(section)
        sections = list(whole.sections())
        blocks: list[Stamped] = []
        if sections:
            first = min(min(one.columns[1]) for one in sections)
            last = max(max(one.columns[1]) for one in sections)
            blocks.append((level, group, last, first, last, pack(sections)))
        file.write(blocks, rolled=(level, group, upto))
        return len(fresh) == TOGETHER

    def _let_go(self, file: HistoryFile, now: float) -> bool:
        """Let go of a few blocks that are too old or too many; return whether there are more."""
        limits = self._limits
        keep = (limits.raw, limits.minutes, limits.hours, limits.days)
        for level, time in zip(Level, keep, strict=True):
            if file.prune(level, _before(now, time + timedelta(seconds=level.seconds)), PRUNED) == PRUNED:
                return True
        used = file.used()
        if used > limits.size:
            for level, spared in _GOES:
                if gone := file.prune(level, _before(now, spared), PRUNED):
                    if not self.figures.pruned_for_size:
                        log.warning(
                            "the history has reached %.0f MB: the oldest of it goes first", used / 1e6
                        )
                    self.figures.pruned_for_size += gone
                    self._measure()
                    return True
        return file.shrink(VACUUMED)

    def _measure(self) -> None:
        assert self._file is not None  # noqa: S101 - asked only where it is open
        self.figures.bytes = self._file.used()
        oldest = self._file.oldest(Level.RAW)
        self.figures.oldest_raw = None if oldest is None else oldest / 1000

    def _failed(self, error: Exception, lost: int) -> None:
        """Say what went wrong, once; begin with a file of its own next time."""
        if isinstance(error, sqlite3.Error):
            fault, words = fault_of(error)
        else:
            fault, words = Fault.OTHER, str(error)
        self.figures.errors += 1
        self.figures.lost += lost
        self.figures.pending = 0
        self._drop()
        self._retry = self._now() + FLUSH
        problem = words if words.startswith("cannot") else f"cannot use {self.path}: {words}"
        if fault is Fault.CORRUPT:
            with suppress(OSError):
                aside = keep_aside(self.path, self._clock.now())
                problem = f"{problem}; the file is set aside as {aside.name}, a new one is begun"
                self._retry = 0.0
        if self._problem is None:
            log.error("the history suffers, nothing else does: %s", problem)
        if problem != self._problem:
            self._problem = problem
            self._said(problem)

    def _drop(self) -> None:
        if self._intake is not None:
            self._intake.clear()
        self._intake = None
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()
        self._file = None
        self._rolls.clear()


def _scarce(path: Path) -> bool:
    volume = os.statvfs(path.parent)
    tenth = volume.f_blocks * volume.f_frsize // 10
    return volume.f_bavail * volume.f_frsize < min(ROOMY, max(SCARCE, tenth))


def _before(now: float, time: timedelta) -> int:
    return int((now - time.total_seconds()) * 1000)
