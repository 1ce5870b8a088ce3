"""One outage from its page to its all-clear, with a fault laid at one landmark on the way, and what came of it.

A case names the stage in which the fault is armed:

    page        a target goes down and one person is paged
    step        nobody acknowledged, the second step is due
    ack         a person acknowledges
    silence     a person mutes something
    reload      the configuration is read again
    announce    customers are told
    recovery    it works again and who was paged is told
    start       a start after a kill that left a message half sent
    fresh       the very first start
    taken       no landmark: killed when the provider has taken the page and not answered
    answered    no landmark: killed around the moment at which the provider answers
    plain       no fault but the provider's: it treats page and all-clear by `words` and `end_words`
    escalate    no fault: the second step is due
    late_ack    no fault: a person acknowledges between a refused attempt and the next
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

from lab.checker import Acknowledged, Message, Rules, check, messages
from lab.daemon import Nightbell
from lab.providers import Providers
from lab.storm import waiting
from lab.wait import until
from lab.world import World

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, recover: 1, retry_every: 200ms}}
{checks}
services: {{shop: {{checks: [target-000], announce: {announce}}}, other: {{checks: [target-001], public: false}}}}
people:
  li:  {{name: Li, channels: {{{first}: {li}}}, language: en}}
  han: {{name: Han, channels: {{{second}: {han}}}, language: en}}
escalations: {{urgent: [{{page: [li]}}{then}, {{repeat: 12h}}]}}
paging: {{bundle: off}}
announcements: {{channels: [customers], hold_recovery: 1s}}
channels:
  pager: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: 5s}}
  chat: {{notifier: webhook, url: "http://127.0.0.1:{chat}/room?{{address}}", timeout: 5s}}
  mail: {{notifier: smtp, host: 127.0.0.1, port: {mail}, security: none, from: nb@example.com, timeout: 5s}}
  customers: {{notifier: webhook, url: "http://127.0.0.1:{chat}/customers", audience: everyone}}
"""
SUBJECT: Final = "target-000"
PAUSE: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault. `repeats`: how many messages may be taken twice, each marked."""

    stage: str
    landmark: str
    action: str
    repeats: int = 0
    nth: int = 1
    words: tuple[str, ...] = ()
    end_words: tuple[str, ...] = ()
    patience: float = 30.0
    """Seconds after which a message counts as lost."""
    plans: str = ""
    """A plan of its own, in place of landmark, action and nth."""

    def __str__(self) -> str:
        return f"{self.stage}: {self.landmark} {self.action}".replace(":  ", ": ")

    @property
    def plan(self) -> str:
        if self.plans:
            return self.plans
        action = f"pause={PAUSE}" if self.action == "pause" else self.action
        return f"{self.landmark}:{action}:{self.nth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case: what is wrong, one line each, and how many messages were taken twice."""

    case: Case
    wrong: tuple[str, ...]
    lost: int = 0
    false: int = 0
    repeats: int = 0


class Trial:
    """A daemon, two targets and three providers, once through an outage."""

    def __init__(self, home: Path, case: Case, dice: Random, tree: Path | None = None) -> None:
        self.home = home
        self.case = case
        self.first, self.second = dice.sample(["pager", "chat", "mail"], 2)
        self.kind: Literal["http", "tcp"] = dice.choice(["http", "tcp"])
        self.armed, self.hits = home / "armed", home / "hits"
        self.dice = dice
        self._tree = tree
        self.acks: list[Acknowledged] = []

    def run(self) -> Outcome:
        """Go through it; whatever goes wrong is in the outcome."""
        with ExitStack() as stack:
            self.world = stack.enter_context(World(self.home / "world", targets=2, kind=self.kind))
            self.providers = stack.enter_context(Providers(self.home / "providers"))
            env = {"NIGHTBELL_FAULT_ARMED": str(self.armed), "NIGHTBELL_FAULT_HITS": str(self.hits)}
            self.daemon = Nightbell(self.home / "daemon", self._config(), env=env, tree=self._tree)
            stack.callback(self.daemon.close)
            try:
                self._go()
            except AssertionError as problem:
                return self._outcome(str(problem).split("\n")[0][:300])
            return self._outcome()

    def _config(self) -> str:
        after = {"step": 2, "escalate": 2, "ack": 5}.get(self.case.stage)
        addresses = {"mail": "{}@example.com"}
        return CONFIG.format(
            checks=self.world.checks(),
            first=self.first,
            second=self.second,
            li=addresses.get(self.first, "{}").format("li"),
            han=addresses.get(self.second, "{}").format("han"),
            announce="auto" if self.case.stage == "announce" else "approve",
            then=f", {{after: {after}s, page: [han]}}" if after else "",
            **self.providers.ports,
        )

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        def way(service: str, person: str) -> tuple[str, str]:
            return service, f"{person}@example.com" if service == "mail" else person

        ways = (way(self.first, "li"), way(self.second, "han"))
        if self.case.stage == "late_ack":
            return ()
        return ways if self.case.stage in ("step", "escalate") else ways[:1]

    def _go(self) -> None:
        stage = self.case.stage
        if stage == "fresh":
            self.armed.touch()
            self._spawn_into_fault()
        self._start("" if stage in ("start", "fresh") or not self.case.landmark else self.case.plan)
        self._green()
        stages: dict[str, Callable[[], None]] = {
            "page": lambda: self._with_fault(lambda: self.world.down(SUBJECT)),
            "announce": lambda: self._with_fault(lambda: self.world.down(SUBJECT)),
            "start": self._half_sent,
            "fresh": lambda: self.world.down(SUBJECT),
            "taken": lambda: self._killed_beside_the_provider(answered=False),
            "answered": lambda: self._killed_beside_the_provider(answered=True),
            "plain": lambda: self.world.down(SUBJECT),
            "escalate": lambda: self.world.down(SUBJECT),
            "late_ack": self._late_ack,
        }
        self._script(self.case.words)
        if stage in stages:
            stages[stage]()
        else:
            self.world.down(SUBJECT)
        self._taken("page", self.ways[:1])
        if stage not in stages:
            self._booked()
            later = {
                "step": lambda: None,
                "ack": self._acknowledge,
                "silence": self._silence,
                "reload": self.daemon.hup,
                "recovery": lambda: self.world.up(SUBJECT),
            }
            self._with_fault(later[stage])
            if stage == "ack":
                until(self._acknowledged, within=15, why="cannot acknowledge after the fault", look_every=0.2)
        self._taken("page", self.ways)
        if stage == "ack":
            time.sleep(max(0.0, self.acks[0].at + 6 - time.time()))  # beyond the second step
        if self.case.end_words:
            self._booked()
            self._script(self.case.end_words)
        self.world.up(SUBJECT)
        self._taken("recovery", self.ways)
        self._all_clear()
        until(
            lambda: not waiting(self.daemon.state),
            within=max(20, self.case.patience),
            why="the outbox is not empty",
            look_every=0.1,
        )
        if self.acks:
            said = self.daemon.api("incidents/INC-1")
            assert said["acknowledged_by"], "an acknowledgement that was answered with 200 is gone"

    def _with_fault(self, trigger: Callable[[], None]) -> None:
        """Arm, pull the trigger, and bring the daemon back where it died."""
        self.armed.touch()
        trigger()
        until(self._hit, within=15, why=f"the landmark is never reached: {self.case.plan}", look_every=0.02)
        self.recover()

    def _hit(self) -> bool:
        return self.hits.exists()

    def recover(self) -> None:
        """Start anew where the fault has ended the daemon; it must have where it kills."""
        if self.case.action == "kill":
            until(lambda: not self.daemon.running, within=10, why="it was to die", look_every=0.02)
        elif self.case.action == "raise":
            time.sleep(0.5)
        self.armed.unlink(missing_ok=True)
        if not self.daemon.running:
            self.daemon.start()

    def _spawn_into_fault(self) -> None:
        """Start into the fault; a daemon that dies of it is started again without."""
        self.daemon.spawn(fault=self.case.plan)
        until(
            lambda: self._hit() and (self.case.action == "pause" or not self.daemon.running or self._ready()),
            within=20,
            why=f"the landmark is never reached: {self.case.plan}",
            look_every=0.02,
        )
        if self.case.action == "kill":
            until(lambda: not self.daemon.running, within=10, why="it was to die", look_every=0.02)
        self.armed.unlink(missing_ok=True)

    def _ready(self) -> bool:
        return self.daemon.get("/readyz")[0] == 200

    def _half_sent(self) -> None:
        """Kill it while the provider holds the page, then start it into the fault."""
        self.providers.script(self.first, "hold")
        self.world.down(SUBJECT)
        self.providers.held(self.first)
        self.daemon.kill()
        self.providers.release()
        self.armed.touch()
        self._spawn_into_fault()
        self._start("")

    def _killed_beside_the_provider(self, *, answered: bool) -> None:
        self.providers.script(self.first, "hold")
        self.world.down(SUBJECT)
        self.providers.held(self.first)
        if answered:
            self.providers.release()
            time.sleep(self.dice.uniform(0, 0.01))
        self.daemon.kill()
        self.providers.release()
        self.daemon.start()
        self._booked()  # what is repeated is repeated before it is over

    def _start(self, plan: str) -> None:
        if not self.daemon.running:
            self.daemon.start(fault=plan)
        else:
            until(self._ready, within=20, why="not ready")

    def _green(self) -> None:
        # Later than ready, where the store fails at the first start.
        token = self.daemon.state / "admin.token"
        until(token.exists, within=10, why="the first token")
        until(
            lambda: all(one["outcome"] == "up" for one in self.daemon.items("checks")),
            within=15,
            why="the first samples",
        )

    def _acknowledge(self) -> None:
        status, _ = self.daemon.post("/api/v1/incidents/INC-1/ack", {"by": "li"})
        if status == 200:
            self.acks.append(Acknowledged(incident="INC-1", at=time.time(), grace=0.3))

    def _script(self, words: tuple[str, ...]) -> None:
        """Tell the provider; what is 500 over HTTP is 451 for mail: come back later."""
        said = ["451" if self.first == "mail" and word == "500" else word for word in words]
        self.providers.script(self.first, *said)

    def _late_ack(self) -> None:
        """Acknowledge when the first attempt was refused; the next one must not come."""
        self.world.down(SUBJECT)
        until(self.providers.receipts, within=15, why="no attempt was made", look_every=0.02)
        self._acknowledge()
        assert self.acks, "cannot acknowledge"
        time.sleep(4)

    def _acknowledged(self) -> bool:
        """Ask again as a person would whose word was not taken."""
        if not self.acks:
            self._acknowledge()
        return bool(self.acks)

    def _silence(self) -> None:
        wish = {"matchers": {"check": "target-001"}, "author": "li", "reason": "works", "lasting": "1h"}
        if self.daemon.post("/api/v1/silences", wish)[0] == 201:
            self.acks = []
            self._must_have_silence = True

    _must_have_silence = False

    def _messages(self, kind: str) -> Iterator[Message]:
        return (one for one in messages(self.providers.receipts()) if one.kind == kind)

    def _taken(self, kind: str, ways: tuple[tuple[str, str], ...]) -> None:
        until(
            lambda: {(one.service, one.to) for one in self._messages(kind)} >= set(ways),
            within=self.case.patience,
            why=f"lost: no {kind} by all of {ways}",
            look_every=0.05,
        )

    def _booked(self) -> None:
        """Wait until what was sent is booked: the fault must not meet it."""
        until(lambda: not waiting(self.daemon.state), within=30, why="nothing is booked", look_every=0.05)

    def _all_clear(self) -> None:
        """Wait until customers' announcement has come to its end; where one was held for a person, at least so far."""
        if self.case.stage == "announce":
            until(
                lambda: all(one["state"] == "resolved" for one in self.daemon.items("announcements")),
                within=20,
                why="the announcement does not end",
            )
        if self._must_have_silence:
            assert self.daemon.items("silences"), "a silence that was answered with 201 is gone"

    def _outcome(self, problem: str = "") -> Outcome:
        staff = [one for one in messages(self.providers.receipts()) if one.kind != "announcement"]
        rules = Rules(
            now=time.time(), ways=self.ways, must=5, deadline=self.case.patience + 10, told=not problem
        )
        verdict = check(self.world.outages(), staff, rules, self.acks)
        wrong = [f"{name}: {line}" for name, lines in verdict.wrong().items() for line in lines]
        if problem:
            wrong.append(problem)
        if self.case.landmark and not self._hit():
            wrong.append("the fault was never met")
        if len(verdict.duplicates) > self.case.repeats:
            wrong.append(f"{len(verdict.duplicates)} repeats: {verdict.duplicates}")
        words = [one.key for one in self._messages("announcement")]
        if len(words) != len(set(words)):
            wrong.append(f"customers read something twice: {words}")
        lost = len(verdict.lost) + len(verdict.untold) + problem.startswith("lost")
        return Outcome(
            case=self.case,
            wrong=tuple(wrong),
            lost=lost,
            false=len(verdict.false),
            repeats=len(verdict.duplicates),
        )


def trial(home: Path, case: Case, seed: str, tree: Path | None = None) -> Outcome:
    """Go through one case."""
    home.mkdir(parents=True)
    return Trial(home, case, Random(seed), tree).run()


def keep(outcome: Outcome, home: Path) -> Any:
    """Return the words for a failure, with where its traces are."""
    return f"{outcome.case} ({os.fspath(home)}): " + "; ".join(outcome.wrong)
