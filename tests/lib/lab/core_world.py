"""The deciding, recording and sending half of the daemon, whole, on a real store; its providers do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import config as configuration
from alerting.alert import Alert
from alerting.incidents.incident import Incident
from alerting.inputs import Reloaded, Tick
from alerting.notification import Kind, Notification, NotificationState, Receipt
from alerting.state import State
from config.model import Config
from lab.core_parts import Provider, channels
from lab.core_virtual import Outside, VirtualClock, clock, settle, virtually, wait_for
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.delivery.delivery import Delivery
from monitor.delivery.takeover import TakeOver
from monitor.pipeline import Pipeline
from monitor.store.errors import Fault, StoreError
from monitor.store.thread import StoreThread
from probes.sample import ErrorClass, Outcome, Sample

T = TypeVar("T")

SHOP = """
site: {name: Shop, timezone: UTC, languages: [en]}
host: off
listen: {public_url: "https://status.shop.example"}
defaults: {every: 10s, failures: 1, recover: 1}
checks:
  home: "tcp://127.0.0.1:1"
  cart: "tcp://127.0.0.1:2"
services:
  shop: {title: {en: Shop}, checks: [home], announce: auto}
  cart: {title: {en: Cart}, checks: [cart], announce: auto}
people:
  li:  {name: Li, channels: {sms: "+8613800000001", mail: li@shop.example}, language: en}
  han: {name: Han, channels: {sms: "+8613800000002", mail: han@shop.example}, language: en}
rotas: {ops: {people: [li], backup: [han]}}
escalations: {urgent: [{page: {rota: ops}}, {after: 5m, page: {backup: ops}}, {repeat: 1h}]}
channels:
  sms:  {notifier: smtp, host: 127.0.0.1, security: none, from: nb@shop.example}
  mail: {notifier: smtp, host: 127.0.0.1, security: none, from: nb@shop.example}
  customers: {notifier: webhook, url: "http://127.0.0.1:1/", audience: everyone}
announcements: {channels: [customers], hold_recovery: 1m}
"""

LIVES = count(1)

ON_THE_DISK = (
    "record_all",
    "record_taking",
    "record",
    "claim",
    "release",
    "check",
    "next_due",
    "interrupted",
    "held",
    "overdue",
)


class Faulty:
    """A store that fails or waits when it is told to; else it is the real one."""

    def __init__(self, store: StoreThread) -> None:
        self._store = store
        self.problem: StoreError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[str] = []
        self.lets: frozenset[str] = frozenset()
        """What works although the rest fails."""
        self.slow: tuple[str, float] = ("", 0.0)
        """What answers so many seconds after it was done."""
        self.breaks_after: str | None = None
        """The next of these is done, and answers with an error all the same."""

    def fails(self, fault: Fault = Fault.FULL) -> None:
        self.problem = StoreError("cannot record to nightbell.db: database or disk is full", fault=fault)

    def works(self) -> None:
        self.problem = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ON_THE_DISK:
            return found

        async def call(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            await self.open.wait()
            if self.problem is not None and name not in self.lets:
                raise self.problem
            answer = await found(*args, **options)
            if name == self.slow[0]:
                await asyncio.sleep(self.slow[1])
            if name == self.breaks_after and answer:
                self.breaks_after = None
                raise StoreError("cannot record to nightbell.db: disk I/O error", fault=Fault.IO)
            return answer

        return call


class Core:
    """Pipeline and delivery on one state and one store."""

    def __init__(
        self, config: Config, state: State, store: Any, time: Clock, providers: dict[str, Provider]
    ) -> None:
        self.config = config
        self.state = state
        self.store = Faulty(store)
        self.clock = time
        self.providers = providers
        self.ack_key = b"k" * 32
        self.vitals = Vitals(started_at=time.now())
        self.again: list[str] = []
        self.now_asked: list[str] = []
        self.receipts: list[Receipt] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.delivery = Delivery(
            world=self,
            store=self.store,  # type: ignore[arg-type]
            clock=time,
            vitals=self.vitals,
            submit=self._received,
            owner=f"me-{next(LIVES)}",
            random=Random(7),
        )
        self.pipeline = Pipeline(
            state=state,
            plan=config.plan,
            store=self.store,  # type: ignore[arg-type]
            clock=time,
            vitals=self.vitals,
            wake_delivery=self.delivery.wake,
            look_again=self.again.append,
            look_now=self.now_asked.append,
            sends=self.delivery,
        )

    async def _received(self, given: Any) -> str:
        self.receipts.append(given.receipt)
        return await self.pipeline.submit(given)

    async def submit(self, given: Any) -> str:
        return await self.pipeline.submit(given)

    def sees(
        self, check: str, outcome: Outcome = Outcome.UP, message: str = "cannot connect: refused"
    ) -> None:
        """Let a check have run just now."""
        bad = outcome is Outcome.DOWN
        self.pipeline.observe(
            Sample(
                check=check,
                at=self.clock.now(),
                duration=0.01,
                outcome=outcome,
                error=ErrorClass.CONNECT if bad else None,
                message=message if bad else "",
            )
        )

    async def tick(self) -> None:
        await self.submit(Tick())

    async def outage(self, check: str = "home") -> str:
        """Let a check that has worked fail, and return the incident's number once it is recorded."""
        self.sees(check)
        self.sees(check, Outcome.DOWN)
        await self.tick()
        return max(self.state.records[Incident], key=lambda number: int(number[4:]))

    def told(self, kind: Kind) -> list[Notification]:
        """Return the notifications of a kind that are in the state, oldest first."""
        rows = [row for row in self.state.records[Notification].values() if isinstance(row, Notification)]
        return sorted((row for row in rows if row.kind is kind), key=lambda row: int(row.id[2:]))

    async def row(self, number: str) -> Notification:
        """Return a notification as it is recorded."""
        found = await self.store.get(Notification, number)
        assert isinstance(found, Notification)
        return found

    async def becomes(self, number: str, state: NotificationState, *, within: float = 600) -> Notification:
        """Wait until a notification is recorded in that state."""
        end = asyncio.get_running_loop().time() + within
        while (row := await self.row(number)).state is not state:
            assert asyncio.get_running_loop().time() < end, (
                f"{number} is {row.state} ({row.reason} {row.detail})"
            )
            await asyncio.sleep(0.1)
        return row

    def incident(self, number: str) -> Incident:
        found = self.state.records[Incident][number]
        assert isinstance(found, Incident)
        return found

    def alerts(self) -> dict[str, str]:
        return {
            key: one.state.value for key, one in self.state.records[Alert].items() if isinstance(one, Alert)
        }


def shop(home: Path, providers: dict[str, Provider], text: str = SHOP, **channel: Any) -> Config:
    """Load the shop's configuration; its channels lead to `providers`."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "nightbell.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = configuration.load(file, env={}, state_dir=home / "state")
    return replace(loaded, channels=channels(providers, **channel))


@asynccontextmanager
async def core(
    home: Path,
    *,
    text: str = SHOP,
    providers: dict[str, Provider] | None = None,
    sending: bool = True,
    time: Clock | None = None,
    before: Callable[[Core], None] | None = None,
    **channel: Any,
) -> AsyncIterator[Core]:
    """Run the core; what a former one in the same directory left is taken up as the daemon does, `before` is called
    before that.
    """
    given = providers or {name: Provider() for name in ("sms", "mail", "customers")}
    config = shop(home, given, text, **channel)
    inner: Any = StoreThread(config.store, config.state_dir)
    loop = asyncio.get_running_loop()
    store = Outside(inner, loop) if hasattr(loop, "work_outside") else inner  # type: ignore[arg-type]
    await store.open()
    now = time or clock()
    state = await store.load(now.now())
    made = Core(config, state, store, now, given)
    tasks = made.tasks
    tasks.append(asyncio.create_task(made.pipeline.run(), name="pipeline"))
    try:
        left = TakeOver(
            store=made.store,  # type: ignore[arg-type]
            state=state,
            marks=made.delivery.marks,
            owner=made.delivery.owner,
            submit=made.submit,
        )
        if before is not None:
            before(made)
        await left.begin()
        for start in (Reloaded(), Tick()):
            with suppress(StoreError):  # recorded later
                await made.submit(start)
        tasks.append(asyncio.create_task(left.finish(), name="take over"))
        if sending:
            tasks.append(asyncio.create_task(made.delivery.run(), name="delivery"))
        yield made
    finally:
        made.store.works()
        made.store.open.set()
        await made.delivery.close(0)
        await settle(*tasks)
        await store.close()


def within(home: Path, story: Callable[[Core], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Tell a story in virtual time."""

    async def tell() -> T:
        async with core(home, **options) as here:
            return await story(here)

    return virtually(tell)


async def passes(here: Core, seconds: float, *, ticking: bool = True) -> None:
    """Let time pass, with a tick a second as the daemon gives."""
    if not ticking:
        await asyncio.sleep(seconds)
        return
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        await here.tick()


def later(time: VirtualClock, **by: float) -> VirtualClock:
    """Return a clock on the running loop that begins where another one stands now."""
    return VirtualClock(asyncio.get_running_loop(), time.now() + timedelta(**by))


async def until(what: Callable[[], object], *, within: float = 600) -> None:
    await wait_for(what, within=within)


Story = Callable[[Core], Awaitable[None]]
