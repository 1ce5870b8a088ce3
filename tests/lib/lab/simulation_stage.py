"""What a simulated process asks of the world round it, and which decisions it carries out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol

from alerting.desk import Decision
from alerting.inputs import Input
from alerting.notification import Notification, Reason
from alerting.plan import Plan
from alerting.state import Changes, State
from lab.simulation_disk import Disk
from lab.simulation_script import Manner, Point
from probes.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The decisions under test. What is not the real one proves that the simulation would notice."""

    decide: Callable[[State, Input, datetime, Plan], Decision]
    unwanted: Callable[[State, Notification, datetime], Reason | None]
    load: Callable[[Disk, datetime, Random], State] = lambda disk, now, dice: disk.load(now, dice)
    answers_early: bool = False
    """True where whoever asks is answered before it is recorded."""


class Stage(Protocol):
    """What is round the process."""

    core: Core
    disk: Disk
    plan: Plan
    seed: str
    ms: int

    def now(self) -> datetime: ...
    def later(self, ms: int, what: Callable[[], None]) -> None: ...
    def disk_fails(self) -> bool: ...
    def manner(self, channel: str, key: str, attempt: int) -> Manner: ...
    def passing(self, point: Point) -> None: ...
    def heard(self, given: Input | Sample, changes: Changes | None) -> int: ...
    def refused(self, given: Input) -> None: ...
    def begun(self, row: Notification) -> None: ...
    def taken(self, rows: list[Notification]) -> None: ...
