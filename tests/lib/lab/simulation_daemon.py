"""A simulated process: pipeline, recorder and delivery round the real desk, on a simulated disk.

It decides with the real desk, judges as the real pipeline does, asks the real `unwanted` before each send, and weighs
what a former process left with the real `left_by`. Only doing is simulated: time, disk, providers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from alerting.inputs import Input, Received, Refused, Reloaded, Tick
from alerting.judge import Judge, Listening
from alerting.state import Changes, State
from lab.simulation_delivery import Delivery
from lab.simulation_script import Point
from lab.simulation_stage import Stage
from monitor.delivery.marks import Found
from monitor.delivery.takeover import left_by
from probes.sample import Sample

COMMIT: Final = 2
"""Milliseconds in which decisions gather before they are on the disk."""
RETRY: Final = 1000
"""Milliseconds between two tries of a disk that fails."""


@dataclass(slots=True)
class Waiting:
    """A decision that is not on the disk yet. `place` is its place among all inputs; `answer` tells whoever asked.

    `after` is done once it is on the disk.
    """

    place: int
    changes: Changes
    answer: Callable[[bool], None] | None
    after: Callable[[], None]


@dataclass(slots=True, eq=False)
class Process:
    """One life of the daemon."""

    stage: Stage
    state: State = field(default_factory=State)
    waiting: list[Waiting] = field(default_factory=list)
    holding: bool = False
    delivery: Delivery = field(init=False)
    _judge: Listening = field(default_factory=lambda: Listening(Judge()))
    _writes: bool = False
    _found: Found | None = None

    def __post_init__(self) -> None:
        self.delivery = Delivery(self.stage, self)

    # --- pipeline

    def observe(self, sample: Sample) -> None:
        """Judge a sample as the pipeline does, and decide."""
        judged = self._judge(sample, self.state, self.stage.plan)
        if judged is None:
            self.stage.heard(sample, None)
        else:
            self._decide(judged, sample)

    def submit(
        self,
        given: Input,
        answer: Callable[[bool], None] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Decide; `answer` is told True once it is durable, False where it is refused or cannot be recorded now."""
        self._decide(given, given, answer, after)

    def _decide(
        self,
        given: Input,
        told: Input | Sample,
        answer: Callable[[bool], None] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        stage = self.stage
        try:
            decision = stage.core.decide(self.state, given, stage.now(), stage.plan)
        except Refused:
            stage.refused(given)
            if answer is not None:
                answer(False)
            return
        self.state.apply(decision.changes)
        place = stage.heard(told, decision.changes)
        if answer is not None and (self.holding or stage.core.answers_early):
            answer(not self.holding)
            answer = None
        if not decision.changes and answer is None:
            return
        self.waiting.append(Waiting(place, decision.changes, answer, after))
        if decision.changes:
            stage.passing(Point.ANSWERED if isinstance(given, Received) else Point.DECIDED)
        if not self._writes:
            self._writes = True
            stage.later(RETRY if self.holding else COMMIT, self._write)

    def _write(self) -> None:
        self._writes = False
        stage = self.stage
        if stage.disk_fails():
            self.holding = True
            for one in self.waiting:
                if one.answer is not None:
                    one.answer(False)
                    one.answer = None
            self._writes = True
            stage.later(RETRY, self._write)
            self.delivery.look()
            return
        done, self.waiting = self.waiting, []
        self.holding = False
        stage.disk.record([one.changes for one in done])
        stage.passing(Point.RECORDED)
        for one in done:
            one.after()
            if one.answer is not None:
                one.answer(True)
        self.delivery.look()

    # --- a new life

    def left(self, *, power: bool) -> Found:
        """Return what our marks tell whoever comes after us. They do not survive that the power fails.

        What whoever came before us had left stays until what follows from it is recorded.
        """
        before = self._found or Found(whole=True)
        marks = {} if power else {**before.marks, **self.delivery.marks}
        return Found(whole=before.whole and not power, marks=marks)

    def take_over(self, found: Found, known: Callable[[State], None]) -> None:
        """Begin from what is on the disk. `known` is shown the state before anything is decided."""
        stage = self.stage
        self.state = stage.core.load(stage.disk, stage.now(), Random(f"{stage.seed}/{stage.ms}"))
        self._found = self.delivery.found = found
        interrupted = left_by(stage.disk.sending(), self.state, found)
        known(self.state)
        if interrupted.notifications or interrupted.unsent:
            self.submit(interrupted, after=self._begin)
        else:
            self._begin()
        self.submit(Reloaded())
        self.submit(Tick())
        self.delivery.look()

    def _begin(self) -> None:
        self._found = None

    def reload(self) -> None:
        """Another plan is in force."""
        self.submit(Reloaded())
