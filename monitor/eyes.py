"""Our eyes: what canaries last said, and what remote checks have seen since we doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from alerting.sight import Sight, all_fail, ended, sight, tally
from alerting.state import State
from config.model import Check, Config
from monitor.clock import Clock
from monitor.engine.history import Track
from probes.sample import Outcome, Sample

SLACK: Final = 2.0
"""Seconds by which a canary may be late and still tell of the present."""

_NONE_ANSWERS: Final = {"canaries": Outcome.DOWN}


class World(Protocol):
    """What is seen of the daemon."""

    config: Config
    state: State
    samples: Mapping[str, Sample]
    history: Mapping[str, Track]
    clock: Clock


class Eyes:
    """Belongs to the running loop."""

    def __init__(self, world: World) -> None:
        """Nothing has been seen yet."""
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._seen: dict[str, tuple[float, Sample]] = {}
        """By canary, its last sample and when it came."""
        self._doubts_since: datetime | None = None
        self.good_at = float("-inf")
        """When a canary last answered, on the loop's clock."""
        self.most_failed = False
        """Since we doubt there was a moment in which most of what was heard of had failed."""

    @property
    def reasons(self) -> dict[str, str]:
        """Return what each canary last said of itself."""
        return {name: sample.message for name, (_, sample) in self._seen.items()}

    def watch(self) -> None:
        """Forget canaries that the configuration in force has not."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in self._world.config.canaries}

    def take(self, sample: Sample) -> None:
        """Take what a canary's run saw."""
        now = self._loop.time()
        self._seen[sample.check] = now, sample
        if sample.outcome is Outcome.UP:
            self.good_at, self._doubts_since = now, None

    def doubt(self, check: str | None = None) -> bool:
        """Begin to count what remote checks see, from a failure of `check` or from now; False: we do already."""
        now = self._world.clock.now()
        if self._doubts_since is not None and self._doubts_since <= now:  # else the clock was set back
            return False
        sample = self._world.samples.get(check) if check is not None else None
        self._doubts_since, self.most_failed = min(ended(sample), now) if sample else now, False
        return True

    def dark(self, since: float) -> bool | None:
        """Tell whether every canary fails, by what they have said since then; None where that is not known yet."""
        now = self._loop.time()
        outcomes: dict[str, Outcome | None] = {}
        for name, canary in self._world.config.canaries.items():
            came, sample = self._seen.get(name, (float("-inf"), None))
            if sample is None or came < since:
                outcomes[name] = None
            else:
                fresh = now - came <= canary.every + 2 * canary.timeout + SLACK
                outcomes[name] = sample.outcome if fresh else Outcome.UNKNOWN
        return all_fail(outcomes)

    def sight(self) -> Sight:
        """Return what is to be thought where no canary answers, and remember the worst of it."""
        samples, now = self._world.samples, self._world.clock.now()
        known = ((samples.get(one.name), one.every + one.timeout) for one in self.remote())
        seen = sight(_NONE_ANSWERS, tally(known, since=self._doubts_since or now, now=now))
        self.most_failed |= seen is Sight.BLIND
        return seen

    def remote(self) -> list[Check]:
        """Return the checks that say nothing while we are blind."""
        config = self._world.config
        plans = config.plan.checks
        return [check for name, check in config.checks.items() if name in plans and plans[name].remote]
