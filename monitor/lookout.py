"""The lookout: asks the canaries, and holds the bad news of remote checks until they have answered.

When a line dies, checks begin to fail before every canary has had its turn. So a failure that would be news makes the
canaries be asked at once, and waits for them: milliseconds where one answers, which is nearly always. Where none does,
it waits until enough remote checks were heard to tell our blindness from their outage, or its patience is at an end.

It never decides: what it thinks of our sight goes to the desk as a verdict, and that decides and records.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from alerting.alert import Alert, AlertState
from alerting.inputs import Judged
from alerting.sight import ALERT, Sight, told
from config.model import Check
from monitor.engine.counts import Counts
from monitor.engine.scheduler import SETTLE, Scheduler, Start
from monitor.eyes import Eyes, World
from probes.sample import Outcome, Sample

PATIENCE: Final = 2.0
"""Seconds for which a failure is held beyond the deadline of the slowest canary, then it counts as ever.

Where canaries hang they have failed by their deadline; what is left is for a handful of remote checks, asked then, to
fail as they do. On a line that is gone that takes milliseconds, on one that swallows everything most have failed
before. A page is the later by no more than this, and only where no canary answers.
"""
LATELY: Final = 30.0
"""Seconds since a canary last answered after which canaries that fail alone count as broken, and nothing waits for
them: three of their rounds."""
ATTENTIVE: Final = 60.0
"""Seconds after a failure in which canaries are asked as often as after a failure of their own: a line that was away
for less than their interval shall be caught when it goes again."""
DARK_GAP: Final = 0.5
"""Seconds between two rounds while no canary answers and something is held."""
DROPS: Final = timedelta(minutes=3)
"""So long failures of one check are dropped in a row because the line came back after they began."""
GAP: Final = 0.1
"""Seconds between two rounds that failures ask for: a thousand of them must not make a thousand questions."""
POLL: Final = 0.1
"""Seconds between two looks at what remote checks have seen meanwhile."""
WITNESSES: Final = 5
"""Remote checks that are asked at once where no canary answers."""


class Lookout:
    """Belongs to the running loop. Without canaries it holds nothing and says nothing."""

    def __init__(
        self,
        world: World,
        *,
        start: Start[Check],
        counts: Counts,
        tell: Callable[[Judged], None],
        ask: Callable[[str], None],
        again: Callable[[str], None],
    ) -> None:
        """`start` begins the run of a canary, whose sample comes to `saw`. `tell` decides on verdicts without asking
        us again, `ask` has a remote check run at once, `again` before long.
        """
        self._world = world
        self._tell = tell
        self._ask = ask
        self._again = again
        self._loop = asyncio.get_running_loop()
        # A schedule of their own: a thousand checks that hang take all the room of the other.
        self.scheduler: Scheduler[Check] = Scheduler(start, counts, first=lambda _: SETTLE)
        self._patience = 0.0
        self._eyes = Eyes(world)
        self._held: deque[tuple[float, Judged]] = deque()
        self._waiting: set[str] = set()
        """Checks of which anything is held; no fewer."""
        self._asked = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._sees_since: tuple[float, datetime] | None = None
        """When we saw again after having been blind."""
        self._witnessed = False
        self._dark = False
        """No canary answers, though one did lately."""
        self._dropped: dict[str, datetime] = {}
        """By check, the first of its failures that were dropped in a row."""
        self._attentive_until = float("-inf")

    def watch(self) -> None:
        """Look after the canaries of the configuration in force."""
        canaries = self._world.config.canaries
        self._patience = max((one.timeout for one in canaries.values()), default=0.0) + PATIENCE
        self._eyes.watch()
        self._dropped.clear()
        self.scheduler.watch(canaries)
        if not canaries:
            self._let_go()

    def holds(self, given: Judged) -> bool:
        """Tell whether a verdict has to wait; then it is told in its turn, or not at all where we could not see."""
        world = self._world
        plan = world.config.plan.checks.get(given.check)
        if not world.config.canaries or plan is None or not plan.remote or self.blind:
            return False
        now = self._loop.time()
        if given.worked:
            behind = given.check in self._waiting  # it must not overtake what is held of its own check
            if behind:
                self._held.append((now, given))
            return behind
        if self._began_in_the_dark(given, now) and self._drop(given):
            return True
        if not self._is_news(given):
            return False
        self._attentive_until = now + ATTENTIVE
        self._doubt(given.check)
        self._held.append((now, given))
        self._waiting.add(given.check)
        self._ask_canaries(now)
        self._arm()
        return True

    def saw(self, canary: Check, sample: Sample) -> None:
        """Take what a canary's run saw."""
        if canary.name not in self._world.config.canaries:
            return
        if sample.outcome is not Outcome.UP:
            self._eyes.take(sample)
            self._consider()
            return
        if self._dark:
            self._dark = False
            self._drop_what_was_dark()
        self._eyes.take(sample)
        self._let_go_after(Sight.SEES)
        if self.blind or self._loop.time() < self._attentive_until:
            self.scheduler.look_again(canary.name)  # whether it goes on answering is worth knowing

    @property
    def blind(self) -> bool:
        """Tell what the desk has decided."""
        return ALERT in self._world.state.records[Alert]

    def _is_news(self, given: Judged) -> bool:
        """Tell whether a failure can open or change anything: one that fires already goes on doing so."""
        alerts = self._world.state.records[Alert]
        for verdict in given.verdicts:
            known = alerts.get(str(verdict.key))
            firing = isinstance(known, Alert) and known.state is AlertState.FIRING
            if verdict.held and not firing:
                return True
        return False

    def _began_in_the_dark(self, given: Judged, now: float) -> bool:
        """Tell whether a run that failed was begun before we saw again: it says as little as those before it."""
        check = self._world.config.checks.get(given.check)
        if self._sees_since is None or check is None:
            return False
        when, at = self._sees_since
        return given.at < at and now - when <= check.timeout + 1  # the second bound: clocks are set back

    def _ask_canaries(self, now: float) -> None:
        """Have all of them run now, or as soon as the last round is long enough ago."""
        wait = self._asked + GAP - now
        if wait > 0:
            return  # the timer comes by before that
        self._asked = now
        for name in self._world.config.canaries:
            self.scheduler.look_again(name, at_once=True)

    def _arm(self) -> None:
        if self._timer is None and self._held:
            self._timer = self._loop.call_later(POLL, self._poll)

    def _poll(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._held and now - self._held[0][0] >= self._patience:
            self._tell(self._held.popleft()[1])
        if self._held:
            if self._asked < self._held[-1][0] or (self._dark and now - self._asked >= DARK_GAP):
                self._ask_canaries(now)  # one has come too soon after a round, or the line may be back
            self._eyes.sight()
            self._consider()
        if not self._held:
            self._let_go()
        self._arm()

    def _consider(self) -> None:
        """Think about our sight, and act on it."""
        dark = self._eyes.dark(self._held[0][0] if self._held else float("-inf"))
        if not dark:
            if dark is False:
                self._let_go_after(Sight.SEES)
            return
        self._doubt()
        seen = self._eyes.sight()
        self._dark = self._loop.time() - self._eyes.good_at < LATELY or self.blind
        if seen is Sight.SEES and self._dark and self._held:
            pass  # the line was away for a moment: what failed then says nothing, if a canary says that it is back
        elif seen is Sight.UNSURE:
            self._call_witnesses()
        else:
            self._let_go_after(seen)
        for name in self._world.config.canaries:
            self.scheduler.look_again(name)  # soon: whether the line is back is worth knowing

    def _drop_what_was_dark(self) -> None:
        """A canary answers again where none did: what failed in between is looked at once more.

        Not where most of the others have worked meanwhile: then it was the canaries that were away, not the line.
        """
        if self._eyes.sight() is Sight.SEES and not self._eyes.most_failed:
            return
        self._sees_since = self._loop.time(), self._world.clock.now()
        self._held = deque(one for one in self._held if one[1].worked or not self._drop(one[1]))

    def _drop(self, given: Judged) -> bool:
        """Drop a failure and have its check run before long; False for one that is too often told to come again.

        Canaries that fail and answer by turns must not hide what fails all the time.
        """
        first = self._dropped.get(given.check)
        track = self._world.history.get(given.check)
        if first is None or any(past.outcome is Outcome.UP and past.at > first for past in track or ()):
            first = self._dropped[given.check] = given.at
        if not timedelta(0) <= given.at - first <= DROPS:
            return False  # from now on, until it works again
        self._again(given.check)
        return True

    def _doubt(self, check: str | None = None) -> None:
        if self._eyes.doubt(check):
            self._witnessed = False

    def _call_witnesses(self) -> None:
        if not self._witnessed:
            self._witnessed = True
            remote = self._eyes.remote()
            for check in remote[:: max(1, len(remote) // WITNESSES)][: WITNESSES + 1]:
                self._ask(check.name)

    def _let_go_after(self, seen: Sight) -> None:
        """Tell the desk where it does not know it yet, then give it what was held."""
        world = self._world
        alert = world.state.records[Alert].get(ALERT)
        known = alert.state if isinstance(alert, Alert) else None
        if known is not None or seen is Sight.BLIND:
            now = world.clock.now()
            if seen is Sight.SEES:
                self._sees_since = self._loop.time(), now
            if seen is Sight.SEES or known is not AlertState.FIRING:
                self._tell(told(seen, now, self._eyes.reasons))
        self._let_go()

    def _let_go(self) -> None:
        while self._held:
            self._tell(self._held.popleft()[1])
        self._waiting.clear()
