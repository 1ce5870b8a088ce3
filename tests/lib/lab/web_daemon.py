"""A daemon for tests of the surfaces: real configuration, desk and store; the clock stands, samples are handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

import config as configuration
from alerting.incidents.incident import Incident
from alerting.inputs import Input, Refused, Tick
from alerting.notification import NotificationState, Receipt
from alerting.plan import Plan
from alerting.state import State
from config.model import Address, Config, Listen, Tls
from monitor.daemon import Vitals
from monitor.engine.history import Track
from monitor.history.history import History
from monitor.pipeline import Pipeline
from monitor.store.thread import StoreThread
from monitor.store.tokens import new_token
from monitor.web.server import DOORS, Door, Servers
from probes.sample import ErrorClass, Outcome, Sample

T = TypeVar("T")
START = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)

SHOP = """
site: {name: Example Shop, timezone: Asia/Shanghai, languages: [zh, en]}
host: off
listen: {public_url: "https://status.shop.example"}
defaults: {every: 10s, failures: 1, recover: 1}
checks:
  web-canary-check: {probe: http, url: "https://canary-host.internal:8443/canary-path", labels: {team: web}}
  db-canary-check:  {probe: tcp, target: "10.99.99.99:5432"}
services:
  checkout: {title: {zh: 下单结算, en: Checkout}, checks: [web-canary-check], announce: approve, depends_on: [database]}
  search:   {title: {zh: 搜索, en: Search}, checks: [web-canary-check]}
  database: {title: {zh: 内部库, en: Canary database}, checks: [db-canary-check], public: false}
people:
  li:  {name: 李雷, log: li, language: zh}
  han: {name: Han Meimei, log: han, language: en}
rotas:
  ops: {people: [li, han], turn: weekly, start: 2027-01-04}
channels:
  log: {notifier: log}
announcements: {hold_recovery: 1m}
fallback: [li]
"""


class StandingClock:
    """Time stands until it is told to pass."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class WebDaemon:
    """What the surfaces see of a daemon."""

    def __init__(self, config: Config, state: State, store: StoreThread, clock: StandingClock) -> None:
        self.config = config
        self.state = state
        self.store = store
        self.clock = clock
        self.samples: dict[str, Sample] = {}
        self.history: dict[str, Track] = {}
        self.sample_history = History(config.state_dir, None, clock)
        self.vitals = Vitals(started_at=clock.now(), ready=True)
        self.ack_key = b"k" * 32
        self.tested: list[tuple[str, str | None]] = []
        self.given: list[Input] = []
        self.fault: Exception | None = None
        self.running: asyncio.Task[None] | None = None
        self.pipeline = Pipeline(
            state=state,
            plan=config.plan,
            store=store,
            clock=clock,
            vitals=self.vitals,
            wake_delivery=lambda: None,
            look_again=lambda _: None,
        )

    async def submit(self, given: Input) -> str:
        self.given.append(given)
        return await self.pipeline.submit(given)

    async def stop(self) -> None:
        """Let nothing more be decided. Harmless twice."""
        if self.running is not None:
            self.running.cancel()
            with suppress(asyncio.CancelledError):
                await self.running

    async def test_channel(self, channel: str, to: str | None) -> Receipt:
        self.tested.append((channel, to))
        if self.fault is not None:
            raise self.fault
        return Receipt(notification="t", attempt=1, state=NotificationState.ACCEPTED, at=self.clock.now())

    async def aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def replan(self, change: Callable[[Plan], Plan]) -> None:
        """Swap the plan, as a reload does."""
        self.config = replace(self.config, plan=change(self.config.plan))
        self.pipeline.plan = self.config.plan

    async def sample(self, check: str, outcome: Outcome = Outcome.UP, **fields: Any) -> Sample:
        """Let a check have run just now, and its verdicts be decided and recorded."""
        if outcome is Outcome.DOWN:
            fields = {"error": ErrorClass.CONNECT, "message": "cannot connect: refused"} | fields
        made = Sample(check=check, at=self.clock.now(), duration=0.02, outcome=outcome, **fields)
        self.samples[check] = made
        self.history.setdefault(check, Track()).add(made)
        self.pipeline.observe(made)
        await self.tick()
        return made

    def incident(self, number: str) -> Incident:
        """Return an incident as it is in memory."""
        found = self.state.records[Incident][number]
        assert isinstance(found, Incident)
        return found

    async def tick(self) -> None:
        """Let the desk look at the time; all before it is decided and recorded then."""
        with suppress(Refused):
            await self.pipeline.submit(Tick())

    async def all_up(self) -> None:
        """Let every check have found its target up, just now."""
        for check in self.config.checks:
            await self.sample(check)

    async def outage(self, check: str = "web-canary-check") -> str:
        """Let a check that has worked fail; return the number of its incident."""
        await self.all_up()
        self.clock.pass_(10)
        await self.sample(check, Outcome.DOWN)
        for upstream in self.config.plan.dependencies.upstream.get(check, ()):
            await self.sample(upstream)  # what it depends on works: it is a cause itself
        return max(self.state.records[Incident], key=lambda number: int(number.split("-")[1]))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    text: str
    json: Any


class Site:
    """A daemon with its listeners, and a client that asks them."""

    def __init__(self, daemon: WebDaemon, servers: Servers, session: aiohttp.ClientSession) -> None:
        self.daemon = daemon
        self.servers = servers
        self.session = session
        self.tokens: dict[str, str] = {}

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = None,
        public: bool = False,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """Ask, with the token of a role where one is named."""
        import json

        from yarl import URL

        address = self.servers.public if public else self.servers.internal
        assert address is not None
        sent = dict(headers or {})
        if role:
            sent["Authorization"] = f"Bearer {self.tokens[role]}"
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        url = URL(f"http://127.0.0.1:{address.port}{path}", encoded=True)
        async with self.session.request(
            method, url, data=data, headers=sent, allow_redirects=False
        ) as answer:
            text = (await answer.read()).decode()
            found = json.loads(text) if text and answer.content_type == "application/json" else None
            return Answer(answer.status, dict(answer.headers), text, found)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **{"role": "viewer", **options})

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.ask("POST", path, body, **{"role": "operator", **options})

    async def page(self, path: str = "/", **options: Any) -> Answer:
        return await self.ask("GET", path, public=True, **options)


def _configured(home: Path, text: str) -> Config:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "nightbell.yaml"
    file.write_text(text, encoding="utf-8")
    return configuration.load(file, env={}, state_dir=home / "state")


@asynccontextmanager
async def web_daemon(home: Path, text: str = SHOP) -> AsyncIterator[WebDaemon]:
    """Run a daemon's deciding and recording half."""
    config = _configured(home, text)
    store = StoreThread(config.store, config.state_dir)
    await store.open()
    clock = StandingClock()
    daemon = WebDaemon(config, await store.load(clock.now()), store, clock)
    daemon.running = asyncio.create_task(daemon.pipeline.run())
    try:
        yield daemon
    finally:
        await daemon.stop()
        await store.close()


@asynccontextmanager
async def site(
    home: Path, text: str = SHOP, *, tls: Tls | None = None, doors: Mapping[str, Door] = DOORS
) -> AsyncIterator[Site]:
    """Run a daemon and both listeners on loopback, with one token per role."""
    async with web_daemon(home, text) as daemon:
        servers = Servers(daemon, doors)
        anywhere = Address(host="127.0.0.1", port=0)
        await servers.start(Listen(internal=anywhere, public=anywhere, tls=tls))
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with aiohttp.ClientSession(
                connector=connector, auto_decompress=False, skip_auto_headers=("User-Agent", "Content-Type")
            ) as session:
                here = Site(daemon, servers, session)
                for role in ("viewer", "operator", "admin"):
                    token, digest = new_token()
                    await daemon.store.add_token(f"{role}-token", role, digest)
                    here.tokens[role] = token
                yield here
        finally:
            await servers.close()


def within(
    home: Path, story: Callable[[Site], Awaitable[None]], text: str = SHOP, doors: Mapping[str, Door] = DOORS
) -> None:
    """Run a story against a site of its own."""

    async def run() -> None:
        async with site(home, text, doors=doors) as here:
            await story(here)

    asyncio.run(run())
