"""The simulation: a day of the daemon in virtual time, drawn from a seed, judged against the reference model.

    script  what breaks, what people do, how providers, disk, process and clock behave     simulation_script
    stage   time, targets, providers and people round one process                          here
    process the real desk with simulated doing                                             simulation_daemon
    judge   the same input to the reference model, and both accounts compared              simulation_judge, model
    rules   what must hold of the letters that arrived, whatever the model says            simulation_rules

The clock strikes in the second after each change, when the model says that something is due, a second before that,
and now and then between: what the desk does too late is seen when it is due, what it does too early is seen before.
Idle time costs nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final

from alerting.alert import Alert
from alerting.desk import decide
from alerting.desk.audit import Hole, audit
from alerting.desk.passing import busy
from alerting.desk.wanted import unwanted
from alerting.inputs import Audit, Input, Tick
from alerting.notification import Notification
from alerting.state import Changes, Proof
from lab.simulation_daemon import Process
from lab.simulation_disk import Disk
from lab.simulation_judge import Divergence, Judge
from lab.simulation_people import finished, said
from lab.simulation_rules import Rules
from lab.simulation_script import HOUR, SECOND, Condition, Event, Manner, Point, Script
from lab.simulation_stage import Core
from lab.simulation_targets import look
from probes.sample import Sample

REAL: Final = Core(decide=decide, unwanted=unwanted)
AFTER: Final = 80 * HOUR
"""So long the world is left alone after the last event: by then a ticket has closed itself."""
RETRY: Final = 5 * SECOND
AFTERMATH: Final = HOUR
"""So long after such an event pages may still wait, or have reached nobody."""
PATIENCE: Final = 600 * SECOND
"""A death that waits for a moment that does not come happens all the same after this."""


class Death(Exception):
    """The process dies here and now."""


@dataclass(slots=True)
class Outcome:
    """How a day went. `problem` is empty where all promises were kept."""

    seed: str
    problem: str = ""
    at: str = ""
    trace: list[str] = field(default_factory=list)
    inputs: int = 0
    letters: int = 0
    incidents: int = 0
    deaths: int = 0


class Stage:
    """The world round the process."""

    def __init__(
        self, script: Script, core: Core = REAL, *, traced: bool = False, disk: Disk | None = None
    ) -> None:
        """`disk` is where it is recorded; a simulated one, unless another is given."""
        self.script = script
        self.core = core
        self.seed = script.seed
        self.ms = 0
        self.jumped = timedelta(0)
        self.dice = Random(f"{script.seed}/stage")
        self.plan = script.plans[0]
        self.disk = disk or Disk()
        self.rules = Rules(self)
        self.judge = Judge(self.plan, self.now())
        self.process: Process | None = None
        self.outcome = Outcome(seed=script.seed)
        self._traced = traced
        self._heap: list[tuple[int, int, Process | None, Callable[[], None]]] = []
        self._order = count()
        self._tick_at: int | None = None
        self._dying: list[Event] = []
        self._passed = 0
        self._audited = 0
        self._stirred = False
        self._runs: dict[str, int] = {}

    # --- what the process asks

    def now(self) -> datetime:
        """Return the time on the wall."""
        return (self.script.begins + timedelta(milliseconds=self.ms) + self.jumped).astimezone(UTC)

    def later(self, ms: int, what: Callable[[], None]) -> None:
        """Do something then, where the process that asks for it still lives."""
        heapq.heappush(self._heap, (self.ms + ms, next(self._order), self.process, what))

    def disk_fails(self) -> bool:
        """Tell whether the disk takes nothing now."""
        return any(True for _ in self._going_on("disk fails"))

    def manner(self, channel: str, key: str, attempt: int) -> Manner:
        """Tell how a provider takes a message now."""
        for event in self._going_on("provider"):
            if event.more["channel"] == channel:
                manner: Manner = event.more["manner"]
                if manner is Manner.MIXED:
                    manner = Random(f"{self.seed}/{key}/{attempt}").choice(
                        [one for one in Manner if one is not manner]
                    )
                return manner
        return Manner.WELL

    def _going_on(self, what: str) -> Iterable[Event]:
        if self.ms >= self.script.lasts:
            return
        for event in self.script.events:
            if event.at > self.ms:
                return
            if event.what == what and self.ms < event.at + event.more["lasts"]:
                yield event

    def passing(self, point: Point) -> None:
        """The process passes a moment at which it may die."""
        if not self._dying:
            return
        death = self._dying[0]
        if death.more["point"] is point or (death.more["point"] is Point.ANYWHERE):
            self._passed += 1
            if self._passed >= death.more["nth"]:
                raise Death

    def heard(self, given: Input | Sample, changes: Changes | None) -> int:
        """The desk has decided."""
        assert self.process is not None
        self.outcome.inputs += 1
        self._stirred = self._stirred or bool(changes)
        self._say(given, changes)
        place = self.judge.heard(given, changes, self.process.state, self.now(), self.plan)
        self.rules.decided(given, changes, self.process.state)
        return place

    def refused(self, given: Input) -> None:
        """The desk has refused."""
        self.judge.refused(given, self.now(), self.plan)

    def begun(self, row: Notification) -> None:
        """A message is about to leave."""
        self.rules.begun(row, self.judge.model.mail.get(row.id))

    def taken(self, rows: list[Notification]) -> None:
        """A provider has taken a message."""
        for row in rows:
            self.outcome.letters += 1
            self._note(
                f"arrives: {row.kind.value} {row.id} {row.incident} {row.step} to {row.to or row.channel}"
            )
            self.rules.taken(row)

    # --- the day

    def run(self) -> Outcome:
        """Live through the day; a broken promise ends it."""
        try:
            self._live()
        except Divergence as broken:
            self.outcome.problem = str(broken)
            self.outcome.at = str(Event(self.ms, f"({self.now():%Y-%m-%d %H:%M:%S.%f} UTC)"))
        return self.outcome

    def _live(self) -> None:
        for event in self.script.events:
            heapq.heappush(
                self._heap, (event.at, next(self._order), None, lambda event=event: self._happens(event))
            )
        tidy = self.script.lasts + HOUR
        heapq.heappush(self._heap, (tidy, next(self._order), None, self._tidy))
        self._start(Process(self), None)
        end = self.script.lasts + AFTER
        while True:
            at = self._heap[0][0] if self._heap else end
            if self._tick_at is not None and self._tick_at < at:
                self._step(self._tick_at, self._tick)
            elif at >= end:
                break
            else:
                _, _, process, what = heapq.heappop(self._heap)
                if process is None or process is self.process:
                    self._step(at, what)
        self.ms = end
        assert self.process is not None
        self.outcome.incidents = self.process.state.numbers.get("INC", 0)
        self.judge.compare_all(self.process.state, "at the end")
        self.rules.ended(self.process)

    def _step(self, at: int, what: Callable[[], None]) -> None:
        self.ms = max(self.ms, at)
        try:
            what()
        except Death:
            self._die()
        self._wind()

    def _wind(self) -> None:
        """Set the clock to strike when the next is due, or somewhat earlier."""
        process = self.process
        if process is None or not busy(process.state):
            self._tick_at = None
            return
        idle = self.dice.randrange(20, 90) * SECOND if self.ms < self.script.lasts else 1800 * SECOND
        wanted = self.ms + (1 if self._stirred else idle)
        for due in (self.judge.model.next_due(), self.rules.next_due(process.state)):
            if due is not None:
                ms = -((self.now() - due) // timedelta(milliseconds=1)) + self.ms
                wanted = min(wanted, ms if ms - SECOND <= self.ms else ms - SECOND)
        grid = max(wanted, self.ms + 1)
        self._tick_at = -(-grid // SECOND) * SECOND

    def _tick(self) -> None:
        process = self.process
        if process is None:
            return
        process.submit(Tick())
        self._stirred = False
        if self.ms - self._audited >= 60 * SECOND:
            self._audited = self.ms
            self._audit(process)

    def _audit(self, process: Process) -> None:
        """The auditor has nothing to find, but for what a provider or an operator is to blame for."""
        findings = audit(process.state, self.plan, self.now())
        troubled = any(
            event.what in ("provider", "reload", "death")
            and event.at <= self.ms < event.at + event.more.get("lasts", 0) + AFTERMATH
            for event in self.script.events
        )
        bad = [
            one for one in findings if not troubled or one.hole not in (Hole.STUCK_PAGE, Hole.NOBODY_REACHED)
        ]
        if bad:
            raise Divergence(f"the auditor finds {bad[0].hole.value}: {bad[0].text}")
        if not findings:
            process.submit(Audit())

    # --- targets

    def _watch(self) -> None:
        """Begin, or go on, to look at every check of the plan."""
        for place, name in enumerate(sorted(self.plan.checks)):
            if name not in self._runs:
                self._run_at(name, self.ms + 500 + 137 * place)

    def _run_at(self, check: str, at: int) -> None:
        self._runs[check] = at
        heapq.heappush(self._heap, (at, next(self._order), self.process, lambda: self._look(check, at)))

    def _look(self, check: str, at: int) -> None:
        if self._runs.get(check) != at or self.process is None:
            return
        if check not in self.plan.checks:
            del self._runs[check]
            return
        condition, part = self._condition(check)
        sample = look(
            self.plan.checks[check], self.now(), condition, part, flip=Random(f"{check}{at}").random() < 0.5
        )
        self.process.observe(sample)
        self._run_at(check, self._next_look(check, condition))

    def _condition(self, check: str) -> tuple[Condition, str]:
        for event in self._going_on("trouble"):
            if event.more["check"] == check:
                return event.more["condition"], event.more.get("part", "")
        if self.script.fresh and check == "c0" and self.ms < self.script.lasts // 2:
            return Condition.DOWN, ""  # never worked yet
        return Condition.UP, ""

    def _next_look(self, check: str, condition: Condition) -> int:
        assert self.process is not None
        every = (10 + 5 * (len(check) + ord(check[-1]) % 4)) * SECOND
        state = self.process.state
        alerts = [one for key, one in state.records[Alert].items() if key.startswith(f"{check}/")]
        if any(isinstance(one, Alert) and one.state.value == "pending" for one in alerts):
            return self.ms + min(RETRY, every)
        if alerts or condition is not Condition.UP or check not in state.records[Proof]:
            return self.ms + every
        changes = [
            event.at
            for event in self.script.events
            if event.what == "trouble"
            and event.more["check"] == check
            and event.at + event.more["lasts"] > self.ms
        ]
        soon = min(changes, default=self.script.lasts + 100 * AFTER)
        return self.ms + max(1, -(-(soon - self.ms) // every)) * every

    # --- events

    def _happens(self, event: Event) -> None:
        self._note(str(event))
        match event.what:
            case "trouble" | "provider" | "disk fails":
                pass  # looked up when it matters
            case "death":
                self._dying.append(event)
                heapq.heappush(
                    self._heap, (event.at + PATIENCE, next(self._order), None, lambda: self._at_last(event))
                )
            case "jump":
                self.jumped += timedelta(seconds=event.more["seconds"])
            case "reload":
                self.plan = self.script.plans[event.more["plan"]]
                if self.process is not None:
                    self.process.reload()
                    self._watch()
            case _:
                given = said(event, self.process.state, self.now()) if self.process else None
                if given is not None and self.process is not None:
                    self.process.submit(given, lambda done: self.rules.answered(given, done))

    def _tidy(self) -> None:
        """Let people finish what only people finish."""
        if self.process is None:
            heapq.heappush(self._heap, (self.ms + SECOND, next(self._order), None, self._tidy))
            return
        for given in finished(self.process.state):
            self.process.submit(given)

    def _at_last(self, event: Event) -> None:
        if self._dying and self._dying[0] is event:
            raise Death

    def _die(self) -> None:
        event = self._dying.pop(0)
        self._passed = 0
        process, self.process = self.process, None
        if process is None:
            return
        self.outcome.deaths += 1
        self._note(f"dies: {event}")
        lost = self.judge.lost(process.waiting[0].place) if process.waiting else []
        self.rules.died(lost, power=event.more["power"])
        self._tick_at = None
        self._runs.clear()
        found = process.left(power=event.more["power"])
        heapq.heappush(
            self._heap,
            (self.ms + event.more["down"], next(self._order), None, lambda: self._begin_again(found)),
        )

    def _begin_again(self, found: Any) -> None:
        if self.process is not None:
            return
        if self.disk_fails():
            heapq.heappush(
                self._heap, (self.ms + SECOND, next(self._order), None, lambda: self._begin_again(found))
            )
            return
        self._start(Process(self), found)

    def _start(self, process: Process, found: Any) -> None:
        self.process = process
        self._note("starts")
        if found is not None:
            try:
                process.take_over(found, self.judge.restarted)
            except Death:
                self._die()
                return
        self._watch()

    # --- the trace

    def _say(self, given: Input | Sample, changes: Changes | None) -> None:
        if not self._traced or (isinstance(given, Tick) and not changes):
            return
        self._note(str(given)[:200])
        for entry in changes.entries if changes else ():
            self._note(f"    {entry.incident} {entry.event}: {entry.text}")

    def _note(self, words: str) -> None:
        if self._traced:
            self.outcome.trace.append(f"{Event(self.ms, words)}".rstrip())
