"""The daemon put together: everything is made here, in one straight line, and let go in the reverse order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from alerting.desk.passing import busy
from alerting.inputs import Input, Interrupted, Refusal, Refused, Reloaded, Tick
from alerting.notification import Kind, Notification, Receipt
from alerting.notifiers.api import Message
from alerting.state import State
from config.model import Check, Config
from monitor.clock import Clock, SystemClock
from monitor.daemon import Vitals
from monitor.delivery.delivery import Delivery
from monitor.keys import ack_key, admin_token
from monitor.pipeline import Pipeline
from monitor.reload import complaint_line, unchangeable
from monitor.runner import Executors, run_once
from monitor.scheduler import Scheduler
from monitor.selfwatch import SelfWatch
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.systemd import notify, reloading
from monitor.web.server import ListenError, Servers
from probes.sample import Sample

log = logging.getLogger("nightbell")

GRACE: Final = 8.0
"""Seconds a send under way is given to end when we stop."""


class App:
    """The running daemon: what is shared between its parts, and the verbs the surfaces use."""

    def __init__(self, config: Config, state: State, store: StoreThread, clock: Clock, key: bytes) -> None:
        """Wire the parts; nothing runs yet."""
        self.config = config
        self.state = state
        self.store = store
        self.clock = clock
        self.ack_key = key
        self._samples: dict[str, Sample] = {}
        self.samples: Mapping[str, Sample] = self._samples
        self.vitals = Vitals(started_at=clock.now())
        self.executors = Executors()
        self.scheduler = Scheduler(self._run_check, self.vitals)
        self.pipeline = Pipeline(
            state=state,
            plan=config.plan,
            store=store,
            clock=clock,
            vitals=self.vitals,
            wake_delivery=self._wake_delivery,
            look_again=self.scheduler.look_again,
        )
        self.delivery = Delivery(
            world=self,
            store=store,
            clock=clock,
            vitals=self.vitals,
            submit=self.submit,
            owner=f"{os.uname().nodename}:{os.getpid()}",
            random=Random(),  # noqa: S311 - jitter, no secret
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
            },
        )
        self._last_run = loop.time()

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

    def _wake_delivery(self) -> None:
        self.delivery.wake()

    async def _run_check(self, check: Check, memory: dict[str, object]) -> None:
        sample = await run_once(check, self.executors, memory, self.clock)
        self._last_run = asyncio.get_running_loop().time()
        if check.name in self.config.checks:
            self._samples[check.name] = sample
            self.pipeline.observe(sample)

    def _checked(self, now: float) -> float:
        """Return when the scheduler last showed life; it has nothing to show between two slow checks."""
        slowest = min((one.every + one.timeout for one in self.config.checks.values()), default=None)
        return now if slowest is None or now - self._last_run < slowest + 10 else self._last_run

    async def take_over(self) -> None:
        """Begin with what a former process left: unfinished sends, and checks the plan no longer has."""
        left = await self.store.interrupted()
        if left:
            log.warning("taking up %d notifications a former process was sending when it died", len(left))
            for row in left:
                self.state.records[Notification].setdefault(row.id, row)
            await self.submit(Interrupted(notifications=tuple(row.id for row in left)))
        await self.submit(Reloaded())
        await self.submit(Tick())

    async def reload(self, loader: Callable[[], Config]) -> None:
        """Build the new configuration whole, then swap; a bad file changes nothing."""
        notify(reloading())
        loop = asyncio.get_running_loop()
        try:
            fresh = await loop.run_in_executor(self.executors.host, loader)
            stays = unchangeable(self.config, fresh)
        except Exception as problem:  # a bad file must never end the daemon, whatever is wrong with it
            line = complaint_line(problem)
            log.error("cannot reload, the running configuration stays: %s", line)  # noqa: TRY400 - one line
            self.vitals.reload_ok = False
            self.vitals.troubles["config"] = line
        else:
            await self._swap(fresh)
            for word in stays:
                log.warning("%s takes effect at the next start", word)
            log.info("configuration reloaded: %d checks, %d channels", len(fresh.checks), len(fresh.channels))
        self.vitals.reloaded_at = self.clock.now()
        notify("READY=1")

    async def _swap(self, fresh: Config) -> None:
        old, self.config = self.config, fresh
        self.pipeline.plan = fresh.plan
        self.vitals.reload_ok = True
        self.vitals.troubles.pop("config", None)
        self.scheduler.watch(fresh.checks)
        for name in set(self._samples) - set(fresh.checks):
            del self._samples[name]
        await self.submit(Reloaded())
        for name, channel in old.channels.items():
            kept = fresh.channels.get(name)
            if kept is None or kept.notifier is not channel.notifier:
                await channel.notifier.close()


async def serve(loader: Callable[[], Config], clock: Clock) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigError, StoreError or ListenError where it cannot start."""
    loop = asyncio.get_running_loop()
    config = loader()
    async with AsyncExitStack() as stack:
        store = StoreThread(config.store, config.state_dir)
        await store.open()
        stack.push_async_callback(store.close)
        key = ack_key(config.state_dir)
        await admin_token(config.state_dir, store)
        state = await store.load(clock.now())

        app = App(config, state, store, clock, key)
        stack.callback(app.executors.close)
        stack.push_async_callback(partial(_close_channels, app))
        servers = Servers(app)
        await servers.start(config.listen)
        stack.push_async_callback(servers.close)

        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        hangup = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, hangup.set)

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(app.pipeline.run(), name="pipeline")]
            await app.take_over()
            app.scheduler.watch(config.checks)
            running += [
                tasks.create_task(app.delivery.run(), name="delivery"),
                tasks.create_task(app.scheduler.run(), name="scheduler"),
                tasks.create_task(app.selfwatch.run(), name="selfwatch"),
                tasks.create_task(_reloads(app, hangup, loader), name="reload"),
            ]
            app.vitals.ready = True
            _say_ready(servers.addresses())
            await stopping.wait()

            app.vitals.ready = False
            notify("STOPPING=1")
            log.info("stopping")
            for task in reversed(running[1:]):
                task.cancel()
            await app.delivery.close(GRACE)
            running[0].cancel()


async def _close_channels(app: App) -> None:
    for channel in app.config.channels.values():
        await channel.notifier.close()


async def _reloads(app: App, hangup: asyncio.Event, loader: Callable[[], Config]) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        await app.reload(loader)


def _say_ready(addresses: Mapping[str, str]) -> None:
    """Tell whoever started us where everything is."""
    notify("READY=1\nSTATUS=watching")
    print("Nightbell is watching.")  # noqa: T201 - the person at the terminal reads this
    for name, address in addresses.items():
        print(f"  {name:<12} {address}")  # noqa: T201
    sys.stdout.flush()
    log.info("ready")


def run(_path: Path, *, loader: Callable[[], Config], clock: Clock | None = None) -> int:
    """Run the daemon; return the exit code: 0 stopped as asked, 1 it could not start, 70 it broke."""
    from config import ConfigError

    code = 0
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(loader, clock or SystemClock()))
    except* ConfigError as group:
        code = 1
        for line in _leaves(group):
            print(line, file=sys.stderr)  # noqa: T201 - the complaints are the message
    except* (StoreError, ListenError) as group:
        code = 1
        for line in _leaves(group):
            log.critical("%s", line)
    except* Exception:
        code = 70
        log.exception("the daemon broke")
    _leave_stuck_threads(code)
    return code


def _leaves(group: BaseExceptionGroup[Any]) -> list[str]:
    return [
        line
        for one in group.exceptions
        for line in (_leaves(one) if isinstance(one, BaseExceptionGroup) else [str(one)])
    ]


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform: asyncio's own loop does the same, slower
        return None
    return uvloop.new_event_loop


def _leave_stuck_threads(code: int) -> None:
    """End even where a thread hangs in the kernel (a dead network mount): Python would wait for it for ever."""
    stuck = [one for one in threading.enumerate() if one is not threading.main_thread() and one.is_alive()]
    if any(one.name.startswith(("host", "resolve")) for one in stuck):
        for one in stuck:
            one.join(timeout=0.5)
        if any(one.is_alive() for one in stuck):
            logging.shutdown()
            sys.stdout.flush()
            os._exit(code)
