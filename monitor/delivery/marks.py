"""Marks: which sends may have reached a provider, kept where our own death does not erase them.

A fixed file in the state directory with one slot for each message under way. The slot is written before the first
byte leaves that a provider could take, and emptied once what came of it is on the disk. So at the next start a row
`sending` without a mark has certainly not left. Nothing is synced: a file written survives the death of whoever
wrote it, and the boot id in the head tells when the machine went down as well. The file has its full size from the
beginning and is written in place, so that marks can be made on a full disk; by a thread of its own, so that a disk
that hangs keeps no page.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

from alerting.notification import Kind, Notification, NotificationState
from monitor.delivery.pen import Pen

log = logging.getLogger("nightbell.delivery")

NAME: Final = "sends"
SLOT: Final = 64
SLOTS: Final = 2047
SIZE: Final = SLOT * (SLOTS + 1)
NAME_BYTES: Final = 40
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_MAGIC: Final = b"nbmarks3"
_HEAD: Final = struct.Struct("<8s40sB")  # magic, boot id, whether marks are missing
_BODY: Final = struct.Struct("<IB40s")  # attempt, whether it was only remembered, name
_SUM: Final = struct.Struct("<I")
_EMPTY: Final = bytes(SLOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Attempt `attempt` may have reached the provider. `remembered`: it was sent from memory."""

    attempt: int
    remembered: bool

    def and_also(self, other: Mark | None) -> Mark:
        """Return what both tell."""
        if other is None:
            return self
        return Mark(attempt=max(self.attempt, other.attempt), remembered=self.remembered or other.remembered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a former process left. `whole` means that what has no mark was certainly not sent."""

    whole: bool = False
    full: bool = False
    marks: Mapping[str, Mark] = field(default_factory=dict)

    def may_have_left(self, row: Notification) -> bool:
        """Tell of a row in the store whether a provider may have taken it, other than the store has it."""
        own, bundle = self._of(row)
        if row.state in _CLAIMED:
            return not self.whole or bundle is not None or (own is not None and own.attempt >= row.attempts)
        if row.state is not NotificationState.PENDING or row.kind is not Kind.PAGE:
            return False
        return (self.full and not row.repeated) or self.tried(row) > row.attempts

    def tried(self, row: Notification) -> int:
        """Return the number of the latest attempt known of: counted in the row, a mark says nothing new of it."""
        own, bundle = self._of(row)
        of_bundle = bundle.attempt if bundle is not None and bundle.remembered else 0
        return max(row.attempts, own.attempt if own is not None else 0, of_bundle)

    def told_of(self, row: Notification) -> bool:
        """Tell of a message decided since whether the same one may have left from memory, unrecorded, before."""
        return any(mark is not None and mark.remembered for mark in self._of(row))

    def _of(self, row: Notification) -> tuple[Mark | None, Mark | None]:
        bundle = self.marks.get(name_of(row, bundled=True)) if row.bundle else None
        return self.marks.get(name_of(row)), bundle


_CLAIMED: Final = (NotificationState.SENDING, NotificationState.CANCELLED)
"""States of what was claimed: it may have been called off since."""


def name_of(row: Notification, *, bundled: bool = False) -> str:
    """Return what the message of a row goes by when it leaves alone, or (`bundled`) with others: see `together`.

    Alone it is its key and not its number: what was never recorded may be decided anew under another.
    """
    alike = (row.bundle, row.channel, row.to or "", row.kind.value, str(row.repeated), row.left_as)
    plain = ("\n".join(alike) if bundled else row.dedup_key).encode("utf-8", "replace")
    if len(plain) <= NAME_BYTES and not bundled:
        return row.dedup_key
    return hashlib.sha256(plain).hexdigest()[:NAME_BYTES]


@dataclass(slots=True)
class _Slot:
    """Where a mark is (0: there was no place left), how many attempts need it, and what it tells."""

    place: int
    needed: int
    mark: Mark


class Marks:
    """The file. No method raises: where it cannot be written it is taken away, and all that is unsure stays unsure."""

    def __init__(self, folder: Path, pen: Pen | None = None) -> None:
        """Read what a former process left in `folder`; it stays until `begin`."""
        self._path = folder / NAME
        self._pen = pen or Pen()
        self._file: int | None = None
        self._boot = _boot()
        self._slots: dict[str, _Slot] = {}
        self._free: list[int] = []
        self._full = False
        self._stuck = False
        self.found = Found()
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            content = os.pread(self._file, SIZE, 0)
        except OSError as problem:
            self._give_up(problem)
            return
        self.found = self._read(content)
        self._free = [
            place for place in range(SLOTS, 0, -1) if not content[place * SLOT :][:SLOT].strip(b"\0")
        ]

    @property
    def stuck(self) -> bool:
        """True where the file can neither be written in time nor taken away: what it tells is wrong for now."""
        return self._stuck or self._pen.behind

    @property
    def live(self) -> Found:
        """What we know of our own sends."""
        return Found(whole=True, marks={name: slot.mark for name, slot in self._slots.items()})

    def begin(self) -> None:
        """Forget what was found, once what follows from it is on the disk."""
        taken = {slot.place for slot in self._slots.values()}
        empty = [place for place in range(SLOTS, 0, -1) if place not in taken]
        self._free = list(empty)

        def forget() -> None:
            for place in reversed(empty):
                self._write(place, _EMPTY)
            self._write_head()

        self._do(forget)

    def mark(self, name: str, attempt: int, *, remembered: bool = False) -> None:
        """Note that this attempt may reach the provider from now on. Each is to be cleared."""
        mark, slot = Mark(attempt=attempt, remembered=remembered), self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = _Slot(self._free.pop() if self._free else 0, 0, mark)
        slot.needed += 1
        slot.mark = mark.and_also(slot.mark)
        self._full = self._full or not slot.place
        self._do(partial(self._note, name, slot.place, slot.mark))

    def _note(self, name: str, place: int, mark: Mark) -> None:
        if self._stuck:
            self._take_away()
        if place:
            self._write(place, _slot(name, mark))
        else:
            self._write_head()

    def clear(self, name: str) -> None:
        """Empty the slot when no other attempt needs it: what came of this one is on the disk."""
        slot = self._slots.get(name)
        if slot is None:
            return
        slot.needed -= 1
        if slot.needed:
            return
        del self._slots[name]
        if slot.place:
            self._free.append(slot.place)
            self._pen.later(partial(self._empty, slot.place))

    def _empty(self, place: int) -> None:
        with suppress(OSError):  # one mark too many only has a message called a repeat
            self._write(place, _EMPTY)

    def give_up(self, problem: Exception) -> None:
        """Take the file away: from now on what is under way when we die counts as unsure."""
        self._pen.do(partial(self._give_up, problem))

    def close(self) -> None:
        """Let the file go; what is in it stays."""
        self._pen.do(self._close)
        self._pen.close()

    def _do(self, work: Callable[[], None]) -> None:
        """Have the file written. What was late is written when the disk answers, in its order."""

        def writing() -> None:
            try:
                work()
            except OSError as problem:
                self._give_up(problem)

        was_behind = self._pen.behind
        if not self._pen.do(writing) and not was_behind:
            log.error("cannot note which messages may have left: the disk does not answer")

    def _give_up(self, problem: Exception) -> None:
        log.error("cannot note which messages may have left, all will count as unsure: %s", problem)
        self._close()
        self._take_away()

    def _take_away(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            self._stuck = True
        else:
            self._stuck = False

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _write(self, place: int, content: bytes) -> None:
        if self._file is not None and os.pwrite(self._file, content, place * SLOT) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _write_head(self) -> None:
        self._write(0, _summed(_HEAD.pack(_MAGIC, self._boot, self._full)))

    def _read(self, content: bytes) -> Found:
        head = _checked(content[:SLOT])
        if head is None or len(content) < SIZE:
            return Found()
        magic, boot, full = _HEAD.unpack_from(head)
        marks: dict[str, Mark] = {}
        damaged = magic != _MAGIC
        for start in range(SLOT, SIZE, SLOT):
            slot = content[start : start + SLOT]
            if slot == _EMPTY:
                continue
            body = _checked(slot)
            if body is None:
                damaged = True
                continue
            attempt, remembered, name = _BODY.unpack_from(body)
            mark, known = Mark(attempt=attempt, remembered=bool(remembered)), _name(name)
            marks[known] = mark.and_also(marks.get(known))
        same = bool(self._boot.strip(b"\0")) and boot == self._boot
        return Found(whole=same and not damaged and not full, full=bool(full), marks=marks)


def _boot() -> bytes:
    try:
        return BOOT.read_bytes().strip()[:NAME_BYTES].ljust(NAME_BYTES, b"\0")
    except OSError:
        return bytes(NAME_BYTES)


def _slot(name: str, mark: Mark) -> bytes:
    return _summed(_BODY.pack(mark.attempt, mark.remembered, name.encode("utf-8", "replace")[:NAME_BYTES]))


def _name(packed: bytes) -> str:
    return packed.rstrip(b"\0").decode("utf-8", "replace")


def _summed(body: bytes) -> bytes:
    padded = body.ljust(SLOT - _SUM.size, b"\0")
    return _SUM.pack(crc32(padded)) + padded


def _checked(slot: bytes) -> bytes | None:
    """Return what a slot holds; None where it is damaged."""
    (told,) = _SUM.unpack_from(slot.ljust(SLOT, b"\0"))
    body = slot[_SUM.size :]
    return body if crc32(body) == told else None
