"""The daemon put together: what its parts share, and the verbs that the surfaces use."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from random import Random
from secrets import token_hex
from typing import TypeVar

from alerting.desk.passing import busy
from alerting.inputs import Beat, Input, Judged, Refusal, Refused, Reloaded, Tick
from alerting.notification import Kind, Notification, Receipt
from alerting.notifiers.api import DeliveryError, Message, Notifier, Warmable
from alerting.plan import Audience
from alerting.state import State
from config.model import Check, Config
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery.delivery import Delivery
from monitor.delivery.takeover import TakeOver
from monitor.descriptors import ALL, Shares
from monitor.engine.history import Track
from monitor.engine.runner import Executors, Runner
from monitor.engine.scheduler import Cancellable, Memory, Scheduler, in_tasks
from monitor.engine.workers.crew import Crew, how_many
from monitor.giving_way import giving_way
from monitor.history.history import History
from monitor.landmark import Landmark, reached
from monitor.lookout import Lookout
from monitor.memory import give_back
from monitor.pipeline import Pipeline
from monitor.pulse import Pulse
from monitor.recall import recall
from monitor.reload import HANGS, complaint_line, unchangeable
from monitor.rounds import Rounds
from monitor.selfwatch import SelfWatch
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.systemd import notify, reloading
from probes.network.poller import serve
from probes.sample import Sample

log = logging.getLogger("nightbell")
T = TypeVar("T")


class App:
    """The running daemon: what is shared between its parts, and the verbs the surfaces use."""

    def __init__(
        self,
        config: Config,
        state: State,
        store: StoreThread,
        clock: Clock,
        key: bytes,
        *,
        shares: Shares = ALL,
    ) -> None:
        """Wire the parts; nothing runs yet. `shares` bounds what probes may take of the process's descriptors."""
        self.config = config
        self.state = state
        self.store = store
        self.clock = clock
        self.ack_key = key
        self._samples: dict[str, Sample] = {}
        self.samples: Mapping[str, Sample] = self._samples
        self._history: dict[str, Track] = {}
        self.history: Mapping[str, Track] = self._history
        self.vitals = Vitals(started_at=clock.now())
        self.sample_history = History(config.state_dir, config.history, clock, self._history_says)
        self._keep = self.sample_history.add
        self.executors = Executors()
        self.runner = Runner(self.executors, clock)
        self.scheduler = Scheduler(
            self._take_turn, self.vitals, room=shares.runs, per_host=shares.per_host, breathe=serve
        )
        self.crew = Crew(
            how_many(config.workers), take=self._take, vitals=self.vitals, clock=clock, shares=shares
        )
        self.lookout = Lookout(
            self, start=self._ask_canary, counts=self.vitals, tell=self._tell,
            ask=self._look_now, again=self._look_again,
        )  # fmt: skip
        self._beat = in_tasks(self._send_beat)
        self.delivery = Delivery(
            world=self,
            store=store,
            clock=clock,
            vitals=self.vitals,
            submit=self.submit,
            owner=f"{os.uname().nodename}:{os.getpid()}:{token_hex(4)}",
            random=Random(),  # noqa: S311 - jitter, no secret
        )
        self.pipeline = Pipeline(
            state=state,
            plan=config.plan,
            store=store,
            clock=clock,
            vitals=self.vitals,
            wake_delivery=self.delivery.wake,
            look_again=self._look_again,
            look_now=self._look_now,
            stand_by=self._stand_by,
            holds=self.lookout.holds,
            sends=self.delivery,
        )
        self._left = TakeOver(
            store=store,
            state=state,
            marks=self.delivery.marks,
            owner=self.delivery.owner,
            submit=self.submit,
        )
        loop = asyncio.get_running_loop()
        self.selfwatch = SelfWatch(
            clock=clock,
            vitals=self.vitals,
            store=store,
            busy=lambda: busy(state),
            tick=lambda: self.submit(Tick()),
            answered={
                "delivery": lambda: self.delivery.answered,
                "scheduler": lambda: self._checked(loop.time()),
                "workers": lambda: self.crew.answered,
            },
        )
        self.rounds = Rounds(self, self.delivery)
        self._last_run = loop.time()
        self.retiring: set[asyncio.Task[None]] = set()
        """Channels a reload has replaced, on their way out."""

    async def submit(self, given: Input) -> str:
        """Decide, record, act; return the id the input was about once it is durable."""
        return await self.pipeline.submit(given)

    async def test_channel(self, channel: str, to: str | None) -> Receipt:
        """Send a test message over a channel and say what came of it."""
        known = self.config.channels.get(channel)
        person = self.config.plan.people.get(to) if to else None
        if known is None:
            raise Refused(Refusal.UNKNOWN, f"cannot test {channel}: there is no such channel")
        if to and person is None:
            raise Refused(Refusal.UNKNOWN, f"cannot test {channel}: there is no person {to}")
        address = person.channels.get(channel, "") if person else ""
        plan = self.config.plan.channels[channel]
        if plan.audience is Audience.EVERYONE:
            raise Refused(
                Refusal.INVALID,
                f"cannot test {channel}: customers read it; test its notifier on a channel without an audience",
            )
        if plan.needs_address and plan.audience is None and not address:
            raise Refused(Refusal.INVALID, f"cannot test {channel}: name a person who has an address on it")
        now = self.clock.now()
        name = f"test-{now.timestamp():.0f}"
        site = self.config.plan.site.name
        row = Notification(
            id=name, kind=Kind.REMINDER, dedup_key=name, channel=channel, to=to, title=f"{site}: test", text="",
            created_at=now, not_before=now, not_after=now, attempts=1,
        )  # fmt: skip
        message = Message(
            id=name, kind=Kind.REMINDER, dedup_key=name, to=to, address=address, at=now,
            title=f"{site}: Nightbell test / 测试",
            text="This is a test of the channel. Nothing is wrong. 这是一次通道测试，没有故障。",
        )  # fmt: skip
        return await self.delivery.send(row, known, message)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what takes long and changes nothing in a thread of its own; one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self.executors.aside, work)

    def _stand_by(self) -> None:
        """Have ready what channels need time to load, before the page that may come."""
        for channel in self.config.channels.values():
            if isinstance(channel.notifier, Warmable):
                with suppress(DeliveryError):  # said with the page itself, where it matters
                    channel.notifier.warm()

    def watch(self) -> None:
        """Have what the configuration names started: checks, here or in workers, and the heartbeat if there is one."""
        heartbeat = self.config.plan.heartbeat
        pulses = [Pulse.of(heartbeat)] if heartbeat is not None else []
        own = {name: one for name, one in self.config.checks.items() if not self.crew.shares_out(one)}
        shared = {name: one for name, one in self.config.checks.items() if name not in own}
        self.scheduler.watch({**own, **{pulse.name: pulse for pulse in pulses}})
        self.crew.watch(shared)
        self.lookout.watch()

    def _look_again(self, name: str) -> None:
        self.scheduler.look_again(name)
        self.crew.look_again(name)  # one of them has it

    def _look_now(self, name: str) -> None:
        self.scheduler.look_again(name, at_once=True)
        self.crew.look_again(name, at_once=True)

    def _tell(self, given: Judged) -> None:
        self.pipeline.let_go(given)

    def _ask_canary(self, canary: Check, memory: Memory, done: Callable[[], None]) -> Cancellable:
        def asked(sample: Sample | None) -> None:
            done()
            if sample is not None:
                self._samples[canary.name] = sample
                self.lookout.saw(canary, sample)

        return self.runner.start(canary, memory, asked)

    def _take_turn(self, turn: Check | Pulse, memory: Memory, done: Callable[[], None]) -> Cancellable | None:
        if isinstance(turn, Pulse):
            return self._beat(turn, memory, done)
        return self.runner.start(turn, memory, partial(self._taken, turn, done))

    async def _send_beat(self, _pulse: Pulse, _memory: Memory) -> None:
        try:
            await self.submit(Beat())
        except StoreError as problem:  # no beat, then: whoever waits for it outside shall notice
            log.warning("no heartbeat leaves: %s", problem)

    def _taken(self, check: Check, done: Callable[[], None], sample: Sample | None) -> None:
        """A run of our own is over; None: it was called off."""
        done()
        if sample is not None:
            self._last_run = self.runner.loop.time()
            self._take(check, sample)

    def _take(self, check: Check, sample: Sample) -> None:
        """Take what a run saw, here or in a worker: remembered for whoever looks, and judged."""
        watched = self.config.checks.get(check.name)
        if watched is not check and (watched is None or watched.fingerprint != check.fingerprint):
            return  # a reload has taken it out, or made another of it: this says nothing of the new one
        self._samples[check.name] = sample
        track = self._history.get(check.name)
        if track is None:
            track = self._history[check.name] = Track()
        track.add(sample)
        self._keep(sample)
        try:
            self.pipeline.observe(sample)
        except Exception as cause:  # one sample nobody can judge must not stop the others
            log.exception("cannot judge check %s", check.name)
            self.vitals.troubles["desk"] = f"cannot judge check {check.name}: {cause!r}"[:300]

    def _history_says(self, problem: str | None) -> None:
        if problem is None:
            self.vitals.troubles.pop("history", None)
        else:
            self.vitals.troubles["history"] = problem

    def _checked(self, now: float) -> float:
        """Return when the scheduler last showed life; it has nothing to show between two slow checks."""
        silent = now - self._last_run
        if silent < 10:  # nearly always: thousands of checks need not be gone through
            return now
        own = [one for one in self.config.checks.values() if not self.crew.shares_out(one)]
        longest = max((one.timeout for one in own), default=0.0)  # others may wait behind it for their place
        quickest = min((one.every + one.timeout + longest for one in own), default=None)
        return now if quickest is None or silent < quickest + 10 else self._last_run

    async def take_over(self) -> None:
        """Begin with what a former process left: unfinished sends, and checks the plan no longer has."""
        await self._left.begin()
        await self._take_up(Reloaded())
        await self._take_up(Tick())

    async def finish_taking_over(self) -> None:
        """Return once what a former process left is recorded as taken up."""
        await self._left.finish()

    async def recall_past(self) -> None:
        """Give thresholds that look back what was seen before the start. Never fails."""
        await recall(self.pipeline.judge, self.config.plan, self.sample_history, self.clock.now(), self.aside)

    async def _take_up(self, given: Input) -> None:
        try:
            await self.submit(given)
        except StoreError as problem:
            log.error("what the start changes is recorded later: %s", problem)  # noqa: TRY400 - one line

    async def reload(self, loader: Callable[[], Config]) -> None:
        """Build the new configuration whole, then swap; a bad file changes nothing."""
        notify(reloading())
        loop = asyncio.get_running_loop()
        try:
            with ExitStack() as way:
                way.enter_context(giving_way())
                way.callback(loop.call_later(HANGS, self._reading_hangs, way).cancel)
                fresh = await loop.run_in_executor(self.executors.config, loader)
            stays = unchangeable(self.config, fresh)
        except Exception as problem:  # a bad file must never end the daemon, whatever is wrong with it
            self._not_reloaded(complaint_line(problem))
        else:
            await self._swap(fresh)
            give_back()
            for word in stays:
                log.warning("%s takes effect at the next start", word)
            log.info("configuration reloaded: checks %d, channels %d", len(fresh.checks), len(fresh.channels))
        self.vitals.reloaded_at = self.clock.now()
        notify("READY=1")

    def _reading_hangs(self, way: ExitStack) -> None:
        """Say so, and stop giving way to what may never end; it is taken up all the same once it comes back."""
        way.close()
        self._not_reloaded(f"reading {self.config.path} has taken more than {HANGS:g} s")
        notify("READY=1")

    def _not_reloaded(self, why: str) -> None:
        log.error("cannot reload, the running configuration stays: %s", why)
        self.vitals.reload_ok = False
        self.vitals.troubles["config"] = why

    async def _swap(self, fresh: Config) -> None:
        reached(Landmark.RELOAD)
        old, self.config = self.config, fresh
        self.pipeline.plan = fresh.plan
        self.vitals.reload_ok = True
        self.vitals.troubles.pop("config", None)
        self.watch()
        self._last_run = (
            asyncio.get_running_loop().time()
        )  # what is watched now has had no chance to show life
        for name in list(self._samples):
            was, now = old.checks.get(name), fresh.checks.get(name)
            if was is None or now is None or was.fingerprint != now.fingerprint:
                self._samples.pop(name, None)
                self._history.pop(name, None)
        try:
            await self.submit(Reloaded())
        except StoreError as problem:
            log.error("what the reload changes is recorded later: %s", problem)  # noqa: TRY400 - one line
        left = {id(one.notifier): one.notifier for one in old.channels.values()}
        for one in fresh.channels.values():
            left.pop(id(one.notifier), None)
        task = asyncio.get_running_loop().create_task(
            self._retire(list(left.values())), name="retire channels"
        )
        self.retiring.add(task)
        task.add_done_callback(self.retiring.discard)

    async def _retire(self, notifiers: list[Notifier]) -> None:
        """Close what a reload has replaced once nothing is being sent by it any more."""
        try:
            await self.delivery.settled()
        finally:
            for notifier in notifiers:
                await notifier.close()
