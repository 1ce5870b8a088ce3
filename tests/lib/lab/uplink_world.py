"""A whole daemon but for its listeners, in virtual time, behind a line that can die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.notification import Kind
from alerting.notifiers.api import Message
from alerting.sight import blind_since
from config.model import Check, Config
from lab.core_parts import Provider, ScriptedProbe
from lab.core_virtual import Outside, VirtualClock, settle, virtually
from lab.core_world import shop
from monitor.app import App
from monitor.clock import Clock
from monitor.engine.runner import Attempt, Done, Runner, Task
from monitor.store.thread import StoreThread
from probes.api import ProbeFailed, Reading, Run
from probes.sample import ErrorClass, Sample

STAFF = """
site: {name: Shop, timezone: UTC, languages: [en]}
host: off
people: {li: {name: Li, channels: {sms: "+8613800000001"}, language: en}}
rotas: {ops: {people: [li]}}
escalations: {urgent: [{page: {rota: ops}}, {repeat: 1h}]}
channels:
  sms: {notifier: smtp, host: 127.0.0.1, security: none, from: nb@shop.example}
  customers: {notifier: webhook, url: "http://127.0.0.1:1/", audience: everyone}
announcements: {channels: [customers], hold_recovery: 1m}
paging: {bundle: off}
"""
CANARIES = 'canaries: ["tcp://223.5.5.5:53", "tcp://119.29.29.29:53"]\n'


def services(count: int, each: int, *, announce: str = "auto", defaults: str = "") -> str:
    """Return so many public services of so many remote checks each: `s1`, made of `s1-1`, `s1-2`, …"""
    names = {f"s{one}": [f"s{one}-{two + 1}" for two in range(each)] for one in range(1, count + 1)}
    checks = "".join(f"  {name}: tcp://{name}.example:443\n" for those in names.values() for name in those)
    made = "".join(
        f"  {name}: {{title: {{en: {name.upper()}}}, checks: [{', '.join(those)}], announce: {announce}}}\n"
        for name, those in names.items()
    )
    return f"defaults: {{{defaults}}}\nchecks:\n{checks}services:\n{made}"


@dataclass
class Line:
    """The line to everybody else, and what is the matter behind it. Names in `down` fail, whatever the line does.

    `swallows`: what is sent over a dead line is lost without a word, so that runs end by their deadline.
    """

    alive: bool = True
    swallows: bool = False
    down: set[str] = field(default_factory=set)
    hang: set[str] = field(default_factory=set)
    runs: dict[str, int] = field(default_factory=dict)

    def look(self, name: str, *, remote: bool) -> Callable[[Run], Coroutine[Any, Any, Reading]]:
        async def look(_run: Run) -> Reading:
            self.runs[name] = self.runs.get(name, 0) + 1
            await asyncio.sleep(0.01)
            if name in self.hang or (remote and not self.alive and self.swallows):
                await asyncio.Event().wait()
            if name in self.down or (remote and not self.alive):
                raise ProbeFailed(ErrorClass.CONNECT, "no route to host")
            return Reading()

        return look


class Uplink:
    """The daemon at work, and what arrived where."""

    def __init__(self, app: App, line: Line, providers: dict[str, Provider]) -> None:
        self.app = app
        self.line = line
        self.providers = providers

    @property
    def blind(self) -> bool:
        return blind_since(self.app.state) is not None

    @property
    def pages(self) -> list[Message]:
        return [one for one in self.providers["sms"].took if one.kind is Kind.PAGE]

    @property
    def words(self) -> list[Message]:
        return self.providers["customers"].took

    def incidents(self) -> dict[str, str]:
        """Return the state of each incident by its group."""
        rows = self.app.state.records[Incident].values()
        return {one.group: one.state.value for one in rows if isinstance(one, Incident)}

    def announcements(self) -> list[Announcement]:
        rows = self.app.state.records[Announcement].values()
        return [one for one in rows if isinstance(one, Announcement)]


def behind(line: Line, loaded: Config) -> Config:
    """Return the configuration with every probe looking over the line."""

    def scripted(check: Check, *, remote: bool) -> Check:
        return replace(check, probe=ScriptedProbe(look=line.look(check.name, remote=remote)))

    plans = loaded.plan.checks
    return replace(
        loaded,
        checks={name: scripted(one, remote=plans[name].remote) for name, one in loaded.checks.items()},
        canaries={name: scripted(one, remote=True) for name, one in loaded.canaries.items()},
    )


class TimedRunner(Runner):
    """A runner whose samples say how long a run took on the loop's clock: real time does not pass here."""

    def start(self, check: Task, memory: dict[str, Any], done: Done) -> Attempt:
        began = self.loop.time()

        def timed(sample: Sample | None) -> None:
            took = self.loop.time() - began
            done(replace(sample, duration=took) if sample is not None else None)

        return super().start(check, memory, timed)


@asynccontextmanager
async def uplink(
    home: Path, text: str, line: Line, providers: dict[str, Provider], time: Clock
) -> AsyncIterator[Uplink]:
    """Run the daemon; what a former one in the same directory left is taken up."""
    config = behind(line, shop(home, providers, STAFF + text))
    store: Any = Outside(StoreThread(config.store, config.state_dir), asyncio.get_running_loop())  # type: ignore[arg-type]
    await store.open()
    app = App(config, await store.load(time.now()), store, time, b"k" * 32)
    app.runner = TimedRunner(app.executors, time)
    tasks = [asyncio.create_task(app.pipeline.run())]
    try:
        await app.take_over()
        app.watch()
        parts = (app.delivery, app.scheduler, app.lookout.scheduler, app.selfwatch)
        tasks += [asyncio.create_task(part.run()) for part in parts]
        tasks.append(asyncio.create_task(app.finish_taking_over()))
        yield Uplink(app, line, providers)
    finally:
        await app.delivery.close(0)
        await settle(*tasks, *app.retiring)
        app.executors.close()
        await store.close()


Story = Callable[[Uplink], Coroutine[Any, Any, None]]


def within(home: Path, text: str, *stories: Story, line: Line | None = None) -> None:
    """Tell stories one after the other; between two of them the process is killed and begun anew."""
    given = line or Line()
    providers = {name: Provider() for name in ("sms", "customers")}

    async def tell() -> None:
        time = VirtualClock(asyncio.get_running_loop())
        for story in stories:
            async with uplink(home, text, given, providers, time) as here:
                await story(here)

    virtually(tell)
