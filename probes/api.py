"""What a probe is: one frozen class per kind whose fields are its options, and one method that looks once.

A probe tries once and reports what it saw. It has no deadline, retry, threshold or schedule of its own:
the caller owns those. To fail means to raise:

    ProbeFailed     the target is bad: the sample is `down` with the error class given
    (the deadline)  the caller cancelled us: `down`, class `timeout`
    anything else   we are bad: `unknown`, never a word about the target
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable

from probes.sample import NO_PARTS, NOTHING, ErrorClass
from probes.units import Unit

T = TypeVar("T")

LOG_LINES: Final = 100
LOG_CHARACTERS: Final = 300
DETAIL_CHARACTERS: Final = 2000

OUR_FAULT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Numbers of OSError that mean that we have run out of something: they say nothing about any target."""


class ProbeFailed(Exception):  # noqa: N818 - the field says "the probe failed"
    """The target is bad. `message` is one line for people; `detail` more evidence, cut to a bound.

    `reading` is what was measured all the same (the status code of a bad answer, the days a certificate has
    left); None when nothing was.
    """

    def __init__(
        self, error: ErrorClass, message: str, *, detail: str = "", reading: Reading | None = None
    ) -> None:
        """Keep why, and the evidence in bounded length."""
        super().__init__(message)
        self.error = error
        self.message = message
        self.detail = detail[:DETAIL_CHARACTERS]
        self.reading = reading


class OwnTrouble(OSError):  # noqa: N818 - as above
    """What a probe needs of this machine is not as it should be, such as a file: `unknown`, class `self`.

    The message says so to people; it holds no secret.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A value a kind can report: its unit decides how thresholds are written, `help` what it means.

    `exposed` is the Prometheus name where it differs from the kind's own (node_exporter's or
    blackbox_exporter's where the meaning is the same).
    """

    unit: Unit
    help: str
    exposed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a run that did not fail measured. Every name in it is one of the kind's `METRICS`."""

    values: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: NO_PARTS)
    phases: Mapping[str, float] = field(default_factory=lambda: NOTHING)


class Offload(Protocol):
    """Runs a blocking call on an executor kept for this use and awaits its answer."""

    def __call__(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Await `function(*args)` off the event loop."""
        ...


@dataclass(slots=True, kw_only=True)
class Run:
    """The surroundings of one run: its log, the check's memory, and a way off the event loop.

    `memory` is the check's own between runs (the counters a rate is computed from); it is empty on the
    first run and after a restart. `offload` runs host calls, `resolve` name look-ups: one executor per use.
    """

    offload: Offload
    resolve: Offload
    memory: dict[str, Any] = field(default_factory=dict)
    _lines: list[tuple[float, str, tuple[object, ...]]] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=perf_counter)
    way: str = ""
    """Which of several ways is being tried, like "over IPv6": said where the deadline comes meanwhile."""
    _phase: str | None = None
    _since: float = 0.0

    def phase(self, name: str | None) -> None:
        """Enter a phase, or none: the time since the last one was entered is that one's."""
        now = perf_counter()
        if self._phase is not None:
            self.phases[self._phase] = self.phases.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = name, now

    def log(self, line: str, *filling: object) -> None:
        """Add a line to the run's own account, stamped with the time since its start; bounded.

        `filling` is what its `{}` stand for: put in only when somebody reads it, as most accounts are never read.
        """
        if len(self._lines) < LOG_LINES:
            self._lines.append((perf_counter() - self.started, line, filling))

    @property
    def lines(self) -> tuple[str, ...]:
        """The account as people read it."""
        return tuple(
            f"{at:8.4f}s {(line.format(*filling) if filling else line)[:LOG_CHARACTERS]}"
            for at, line, filling in self._lines
        )


@runtime_checkable
class Probe(Protocol):
    """A kind of probe. Fields are options: their annotations and defaults are the schema, the docstring the manual."""

    KIND: ClassVar[str]
    """The word in `probe:`."""
    HOST: ClassVar[bool]
    """True for what is measured on the daemon's own machine."""
    SCHEMES: ClassVar[tuple[str, ...]]
    """URL schemes whose short form (`home: https://…`) means this kind."""
    PART: ClassVar[str | None]
    """Label under which `parts` are told apart (`mountpoint`, `device`); None for kinds without parts."""
    METRICS: ClassVar[Mapping[str, Metric]]
    """Every value the kind can report."""
    EXAMPLE: ClassVar[Mapping[str, object]]
    """Options of a working example, as they would stand in YAML."""

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which a short form URL stands for. Only called for a scheme in `SCHEMES`."""
        ...

    @property
    def target(self) -> str | None:
        """Host name or address that is observed, for grouping; None for this machine."""
        ...

    async def probe(self, run: Run) -> Reading:
        """Look once. Raise ProbeFailed when the target is bad."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """An option that the deadline of a check makes useless, in words; `fatal` where the check could never be up.

    A kind with times among its options returns it from a method `misfit(timeout)`, None where all is well.
    """

    option: str
    words: str
    fatal: bool = False


def no_url(kind: str, _url: str) -> dict[str, object]:
    """Refuse: the answer of `from_url` in a kind without schemes."""
    raise ValueError(f"no URL stands for probe {kind}")


async def in_task(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` in a task of its own: for what wants one around itself. It is cancelled with whoever awaits it."""
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    try:
        return await task
    except asyncio.CancelledError:
        task.cancel()
        raise


_tasks: Final[set[asyncio.Task[Any]]] = set()
"""Kept until they end: a loop alone does not hold its tasks."""
