"""What goes over the line between the daemon and a worker process: frames, each its length and as many bytes.

Orders are pickled: the daemon makes them itself, and a worker reads them from a socket it was born with, which nobody
else has. What comes back is JSON: a worker talks to strangers, and its words stay data whatever becomes of it.
"""

from __future__ import annotations

import asyncio
import copyreg
import io
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from struct import Struct
from sys import intern
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from pydantic_core import PydanticSerializationError, from_json, to_json

from monitor.engine.counts import LATE, Counts
from probes.api import Probe
from probes.sample import ErrorClass, Outcome, Sample

T = TypeVar("T")

ORDERS_BYTES: Final = 256 * 1024 * 1024
"""Of one frame of orders: ORDERS checks, whose bodies and patterns the configuration bounds."""
ORDERS: Final = 200
"""Checks handed over in one frame."""
UNREADABLE: Final = 65
"""Exit code of a worker that cannot read its orders; why stands on standard error."""
REPORT_BYTES: Final = 4 * 1024 * 1024
ROW_BYTES: Final = 1024 * 1024
"""Of one sample: a log has at most a hundred lines of three hundred characters."""

_LENGTH: Final = Struct("<I")
_OUTCOMES: Final = {one.value: one for one in Outcome}
_ERRORS: Final = {one.value: one for one in ErrorClass}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A check as a worker needs it. `number` tells it from an earlier one of the name; `wait` is until its first turn.

    Times in seconds.
    """

    number: int
    name: str
    probe: Probe
    every: float
    timeout: float
    retry_every: float
    fingerprint: str
    wait: float

    @property
    def host(self) -> str | None:
        """Whom it asks."""
        return self.probe.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What changes in the checks of a worker. `more` follow in further frames, and nothing changes before the last."""

    gone: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Checks to be looked at again soon, and those to be looked at now."""

    names: tuple[str, ...] = ()
    at_once: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the daemon's log."""

    level: int
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker has to tell: samples by the numbers of their orders, and what it counted since the last report."""

    samples: tuple[tuple[int, Sample], ...] = ()
    counts: Counts = field(default_factory=Counts)
    lag: float = 0.0
    notes: tuple[Note, ...] = ()


class Line(asyncio.Protocol):
    """One end of the line. `taken` gets each frame, `ended` is called once when nothing more will come."""

    def __init__(self, taken: Callable[[bytes], None], ended: Callable[[], None], limit: int) -> None:
        """`limit` is the size in bytes beyond which a frame ends the line."""
        self._taken = taken
        self._ended = ended
        self._limit = limit
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is one by its ways, not by its class

    def data_received(self, data: bytes) -> None:
        """Take what has come; hand on the frames that are whole."""
        received = self._received
        received += data
        while len(received) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(received)
            if size > self._limit:
                self.cut()
                return
            end = _LENGTH.size + size
            if len(received) < end:
                return
            frame = bytes(memoryview(received)[_LENGTH.size : end])
            del received[:end]
            self._taken(frame)

    def connection_lost(self, _problem: Exception | None) -> None:
        """End."""
        self._transport = None
        self._ended()

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, frame: bytes) -> None:
        """Send a frame; it is dropped where the line has ended."""
        if self._transport is not None:
            self._transport.write(_LENGTH.pack(len(frame)) + frame)

    def cut(self) -> None:
        """End the line at once."""
        if self._transport is not None:
            self._transport.abort()


class _Pickler(pickle.Pickler):
    """Knows mappings that cannot be changed, of which options are made and which pickle does not take.

    Names the fields it writes, where pickle has their order alone: a worker that starts after an upgrade runs the new
    version, and shall not take one option of ours for another.
    """

    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[MappingProxyType] = lambda mapping: (_unchangeable, (dict(mapping),))

    def reducer_override(self, given: Any) -> Any:
        """Return how to make a dataclass's instance again; all else goes the usual way."""
        cls = type(given)
        if (names := _names(cls)) is None:
            return NotImplemented
        return _restore, (cls, {name: getattr(given, name) for name in names})


def _unchangeable(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(mapping)


def _names(cls: type) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields; None for any other class."""
    if cls not in _known:
        _known[cls] = tuple(one.name for one in fields(cls)) if is_dataclass(cls) else None
    return _known[cls]


_known: Final[dict[type, tuple[str, ...] | None]] = {}


def _restore(cls: type[T], given: dict[str, Any]) -> T:
    """Make the instance whose fields were `given`, finished as they are. Raises ValueError where it has others."""
    names = _names(cls) or ()
    if len(names) != len(given) or not all(name in given for name in names):
        differ = ", ".join(sorted(given.keys() ^ set(names)))
        raise ValueError(f"{cls.__name__} is another version's ({differ}): restart the daemon")
    made = object.__new__(cls)
    for name, value in given.items():
        object.__setattr__(made, name, value)
    return made


def pack_order(given: Watch | Again) -> bytes:
    """Write what a worker is to do."""
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(given)
    return written.getvalue()


def read_order(frame: bytes) -> Watch | Again:
    """Read what is to be done; only ever what the daemon has written.

    Raises ValueError for another version's, and whatever pickle does for what cannot be read at all.
    """
    given: Watch | Again = pickle.loads(frame)  # noqa: S301 - see above
    return given


def pack_sample(number: int, sample: Sample) -> bytes:
    """Write a sample as a row of a report."""
    row: list[Any] = [
        number,
        sample.at.timestamp(),
        sample.duration,
        sample.outcome.value,
        dict(sample.values),
        {part: dict(values) for part, values in sample.parts.items()},
        dict(sample.phases),
        sample.error.value if sample.error is not None else None,
        sample.message,
        sample.log,
    ]
    written = _json(row)
    if len(written) > ROW_BYTES:  # no probe says as much; what counts is handed on all the same
        row[8:] = [sample.message[:1000], []]
        written = _json(row)
    return written


def _json(row: list[Any]) -> bytes:
    """Write by what is ten times as fast as the standard library, where it can: halves of characters it refuses."""
    try:
        return to_json(row)
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def pack_report(rows: list[bytes], counts: Counts, lag: float, notes: list[Note]) -> bytes:
    """Write a report of rows that are written already."""
    rest = [asdict(counts), lag, [(note.level, note.name, note.text) for note in notes]]
    return b"[[%s],%s]" % (b",".join(rows), _json(rest))


def read_report(frame: bytes, name_of: Callable[[int], str | None]) -> Report:
    """Read a report. Samples of numbers that have no name any more are left out. Raises ValueError."""
    try:
        rows, (counts, lag, notes) = from_json(frame)
        return Report(
            samples=tuple(
                (number, _sample(name, row)) for number, *row in rows if (name := name_of(number)) is not None
            ),
            counts=_counts(**counts),
            lag=float(lag),
            notes=tuple(
                Note(level=int(level), name=str(name), text=str(text)) for level, name, text in notes
            ),
        )
    except (TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError) as problem:
        raise ValueError("it is not in the form of a report") from problem


def _sample(name: str, row: list[Any]) -> Sample:
    at, duration, outcome, values, parts, phases, error, message, log = row
    return Sample(
        check=name,
        at=datetime.fromtimestamp(at, UTC),
        duration=float(duration),
        outcome=_OUTCOMES[outcome],
        values=_values(values),
        parts={part: _values(inner) for part, inner in parts.items()},
        phases=_values(phases),
        error=_ERRORS[error] if error is not None else None,
        message=str(message),
        log=tuple(map(str, log)),
    )


def _values(read: dict[str, float]) -> dict[str, float]:
    """Return values under names that all samples share: the last of each of thousands of checks is kept."""
    return {intern(name): +value for name, value in read.items()}


def _counts(late: list[int], **others: Any) -> Counts:
    if len(late) != len(LATE) + 1:
        raise ValueError("it counts by other bounds")
    return Counts(late=[int(count) for count in late], **others)
