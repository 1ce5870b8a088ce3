"""A storm: many targets go down and come up, three people are paged by three providers, and the daemon is ended again
and again while their messages are under way.

The weather is a closed loop: who is down stays so until everybody was paged for it (or `PATIENCE` has passed: that is
a loss), and stays up until everybody has heard of it. Blips come between that must not page at all.

Limits are seconds of the daemon's life: while it is dead nobody can expect anything of it, and how long it is dead
depends on the machine.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from lab.checker import Message, Rules, Verdict, check, messages
from lab.daemon import Nightbell
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import until
from lab.world import Outage, World

CONFIG: Final = """
host: off
site: {{name: Lab, timezone: UTC, languages: [en]}}
defaults:
  {{every: 1s, timeout: 1s, failures: 2, retry_every: 200ms, recover: 2, group_by: check,
    flapping: {{changes: 100, within: 1s}}}}      # outages follow one another as fast as they are told
{checks}
people:
  li:   {{name: Li, channels: {{pager: li}}, language: en}}
  han:  {{name: Han, channels: {{chat: han}}, language: en}}
  wang: {{name: Wang, channels: {{mail: wang@example.com}}, language: en}}
escalations: {{urgent: [{{page: [li, han, wang]}}, {{repeat: 12h}}]}}
paging: {{bundle: {bundle}}}
channels:
  pager: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: 3s, parallel: 4}}
  chat: {{notifier: webhook, url: "http://127.0.0.1:{chat}/room", timeout: 3s, parallel: 4}}
  mail: {{notifier: smtp, host: 127.0.0.1, port: {mail}, security: none, from: nb@example.com, timeout: 3s}}
"""
WAYS: Final = (("pager", "li"), ("chat", "han"), ("mail", "wang@example.com"))
PARALLEL: Final = 12
"""How many messages may be under way at once: the sum of `parallel`."""

TARGETS, AT_ONCE = (30, 20) if NIGHTLY else (12, 8)
"""How many there are, and how many are down together."""

MUST: Final = 10.0
DEADLINE: Final = 30.0
PATIENCE: Final = 60.0
STALE: Final = 15.0
"""Seconds of the daemon's life."""
BLIP: Final = 0.1
MAY: Final = 0.15

GOOD: Final[Mapping[str, float]] = {"ok": 1}
ROUGH: Final[Mapping[str, float]] = {
    "ok": 40,
    "500": 2,
    "503": 1,
    "429:1": 1,
    "swallow": 0.5,
    "rst": 0.5,
    "answer-rst": 1,
    "cut:10": 0.5,
    "garbage": 0.5,
}
ROUGH_MAIL: Final[Mapping[str, float]] = {"ok": 40, "451": 2, "rcpt=450": 1, "rst": 0.5, "swallow": 0.5}


@dataclass(slots=True)
class End:
    """The daemon was ended once: when it was told to, when it had gone, and how many rows it was sending then."""

    at: float
    gone: float
    sending: int
    starting: bool = False


@dataclass(slots=True)
class Target:
    """Where a target is in its round: what to wait for, since when."""

    phase: str = "idle"
    since: float = 0.0
    lived: float = 0.0
    not_before: float = 0.0
    waits: set[tuple[str, str]] = field(default_factory=set)


class Weather(threading.Thread):
    """Flips the targets by dice, `at_once` of them down together, until told to end."""

    def __init__(
        self,
        world: World,
        providers: Providers,
        dice: Random,
        lived: Callable[[float], float],
        *,
        at_once: int,
    ) -> None:
        """`lived` tells how long the daemon has lived by a time."""
        super().__init__(name="weather", daemon=True)
        self._lived = lived
        self._world = world
        self._providers = providers
        self._dice = dice
        self._at_once = at_once
        self._targets = {name: Target() for name in world.names}
        self._read = 0
        self._ending = threading.Event()
        self.failed: BaseException | None = None
        self.gave_up: list[str] = []

    def run(self) -> None:
        try:
            while not (self._ending.is_set() and all(one.phase == "idle" for one in self._targets.values())):
                self._listen()
                self._turn()
                time.sleep(0.05)
        except BaseException as problem:  # told to the test by `end`
            self.failed = problem

    def end(self) -> None:
        """Begin nothing new, wait until all that began has come to its end."""
        self._ending.set()
        self.join(3 * PATIENCE)
        if self.failed is not None:
            raise self.failed
        assert not self.is_alive(), "the weather does not end"

    def _listen(self) -> None:
        """Tick off what providers have taken since the last look."""
        lines = self._providers.receipts_from(self._read)
        self._read += len(lines)
        for message in messages(lines):
            for name in message.targets:
                target = self._targets[name]
                wanted = {"down": "page", "up": "recovery"}.get(target.phase)
                if message.kind == wanted and message.at >= target.since:
                    target.waits.discard((message.service, message.to))

    def _turn(self) -> None:
        now = time.time()
        for name, target in self._targets.items():
            over = not target.waits or self._lived(now) - target.lived > PATIENCE
            if target.phase == "idle":
                continue
            if over and target.waits:
                self.gave_up.append(f"{name} {target.phase}: {sorted(target.waits)}")
            if over and target.phase == "down":
                self._set(target, "up", now)
                self._world.up(name)
            elif over:
                target.phase, target.not_before = "idle", now + self._dice.uniform(0.5, 3)
        if self._ending.is_set():
            return
        idle = [name for name, one in self._targets.items() if one.phase == "idle" and one.not_before < now]
        busy = sum(one.phase != "idle" for one in self._targets.values())
        for name in self._dice.sample(idle, min(len(idle), max(0, self._at_once - busy))):
            if self._dice.random() < 0.1:
                self._blip(name)
            else:
                self._set(self._targets[name], "down", time.time())
                self._world.down(name)

    def _blip(self, name: str) -> None:
        self._world.down(name)
        time.sleep(BLIP)
        self._world.up(name)
        self._targets[name].not_before = time.time() + 5

    def _set(self, target: Target, phase: str, now: float) -> None:
        target.phase, target.since, target.lived, target.waits = phase, now, self._lived(now), set(WAYS)


class Storm:
    """A daemon, a world and providers; one storm over them."""

    def __init__(
        self, home: Path, seed: str, *, bundle: str, targets: int = TARGETS, at_once: int = AT_ONCE
    ) -> None:
        self.dice = Random(seed)
        self.world = World(home / "world", targets=targets)
        self.providers = Providers(home / "providers")
        self.seed = seed
        self.ends: list[End] = []
        self.lives: list[tuple[float, float]] = []
        """When the daemon was ready, and when its end came: infinity while it lives."""
        self._home = home
        self._bundle = bundle
        self._at_once = at_once
        self._opened: list[Any] = []

    def __enter__(self) -> Self:
        self.world.__enter__()
        self.providers.__enter__()
        ports = self.providers.ports
        config = CONFIG.format(checks=self.world.checks(), bundle=self._bundle, **ports)
        self.daemon = Nightbell(self._home / "daemon", config)
        self.weather = Weather(self.world, self.providers, self.dice, self.lived, at_once=self._at_once)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.daemon.close()
        self.providers.__exit__(kind, error, trace)
        self.world.__exit__(kind, error, trace)

    def begin(self, *, rough: bool, latency: tuple[float, float] = (0.0, 0.15)) -> None:
        """Start all."""
        for name in ("pager", "chat", "mail"):
            weights = (ROUGH_MAIL if name == "mail" else ROUGH) if rough else GOOD
            self.providers.chances(name, f"{self.seed} {name}", weights, latency=latency)
        self.start()
        until(
            lambda: all(one["outcome"] == "up" for one in self.daemon.items("checks?limit=500")),
            within=30,
            why="what never worked is no outage, and something does not work",
        )
        time.sleep(0.5)  # that it has worked is seen before it is on the disk
        self.weather.start()

    def start(self) -> None:
        """Start the daemon, again; its life begins when it is ready."""
        self.daemon.start(within=120)
        self.lives.append((time.time(), float("inf")))

    def lived(self, at: float) -> float:
        """Return how many seconds the daemon has lived by then."""
        return sum(min(at, end) - began for began, end in list(self.lives) if began < at)

    def _died(self, at: float, *, starting: bool = False) -> None:
        self.ends.append(End(at, time.time(), sending(self.daemon.state), starting))
        began, end = self.lives[-1]
        self.lives[-1] = (began, min(at, end))

    def kill(self, *, starting: bool = False) -> None:
        """Kill the daemon now, and see what it left."""
        at = time.time()
        self.daemon.kill()
        self._died(at, starting=starting)

    def await_sending(self, *, within: float) -> bool:
        """Wait until a provider has taken a message it has not answered yet; False where none has in time."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if self.providers.unanswered():
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> float:
        """End the daemon as an operator does; return the seconds it took."""
        at = time.time()
        code = self.daemon.stop(within=30)
        self._died(at)
        assert code == 0, f"ended with {code}: {self.daemon.text()[-2000:]}"
        return time.time() - at

    def drain(self) -> None:
        """Let everything come to its end: outages, then what is still to be told of them. Providers are well again."""
        for name in ("pager", "chat", "mail"):
            self.providers.chances(name, self.seed, GOOD)
        self.weather.end()
        until(
            lambda: not waiting(self.daemon.state), within=60, why="the outbox is not empty", look_every=0.2
        )

    def verdict(self) -> Verdict:
        """Judge by the daemon's own time."""
        rules = Rules(
            now=self.lived(time.time()), ways=WAYS, must=MUST, may=MAY, deadline=DEADLINE, stale=STALE
        )
        taken = [replace(one, at=self.lived(one.at)) for one in self.taken()]
        return check([self._as_lived(one) for one in self.world.outages()], taken, rules)

    def _as_lived(self, outage: Outage) -> Outage:
        """What was no blip stays none, however little of it the daemon has lived to see."""
        began = self.lived(outage.down_from)
        if outage.down_to is None:
            return replace(outage, down_from=began)
        least = MAY if outage.lasted(outage.down_to) >= 2 * MAY else 0.0
        return replace(outage, down_from=began, down_to=max(self.lived(outage.down_to), began + least))

    def taken(self) -> list[Message]:
        return messages(self.providers.receipts())

    def repeats_by_end(self) -> tuple[list[int], int]:
        """Count what was taken again though the provider was well: by the end that interrupted it, and without one.

        Without one it is a provider so slow that the daemon had given up waiting.
        """
        last: dict[tuple[str, str, str], Message] = {}
        counts, slow = [0] * len(self.ends), 0
        for one in self.taken():
            place = (one.service, one.to, one.key)
            before = last.get(place)
            if before is not None and before.mode == "ok":
                after = [
                    number
                    for number, end in enumerate(self.ends)
                    if before.at <= end.gone and end.at <= one.at
                ]
                if after:
                    counts[after[0]] += 1
                else:
                    slow += 1
            last[place] = one
        return counts, slow

    @property
    def given_up(self) -> int:
        """How often the daemon says that it got no answer in time to what may have been taken."""
        return self.daemon.text().count(": ambiguous (no answer within")


def sending(state: Path) -> int:
    """Return how many rows a dead daemon was sending, from a copy of its store: the next start finds it untouched."""
    with tempfile.TemporaryDirectory() as folder:
        for file in state.glob("nightbell.db*"):
            shutil.copy(file, folder)
        return _count(Path(folder) / "nightbell.db", "state = 'sending'")


def waiting(state: Path) -> int:
    """Return how many messages of a living daemon are not finished."""
    return _count(state / "nightbell.db", "state in ('pending', 'sending')")


def _count(file: Path, where: str) -> int:
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file, timeout=10)) as base:
        try:
            return int(base.execute(f"select count(*) from outbox where {where}").fetchone()[0])
        except sqlite3.OperationalError:  # killed before there were tables
            return 0


def latencies(storm: Storm) -> deque[float]:
    """Return for each outage that was paged how long of the daemon's life the first page took, sorted."""
    first: dict[tuple[str, float], float] = {}
    outages = storm.world.outages()
    pages = [one for one in storm.taken() if one.kind == "page"]
    for outage in outages:
        ends = outage.down_to or float("inf")
        found = [
            page.at for page in pages if outage.target in page.targets and outage.down_from <= page.at <= ends
        ]
        if found:
            first[outage.target, outage.down_from] = storm.lived(min(found)) - storm.lived(outage.down_from)
    return deque(sorted(first.values()))
