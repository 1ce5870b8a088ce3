"""Checks, channels and plans for tests of the daemon's core: the outermost edge is scripted, the rest is real."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from alerting.notifiers.api import Accepted, Message, Progress
from alerting.plan import Plan
from config.model import Address, Channel, Check, Config, Listen
from probes.api import Metric, Reading, Run

Look = Callable[[Run], Awaitable[Reading]]


async def up(_run: Run) -> Reading:
    """Find everything well."""
    return Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedProbe:
    """A probe that does what the test says."""

    KIND: ClassVar[str] = "scripted"
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {}
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    target: ClassVar[str | None] = None

    look: Look = up
    HOST: bool = False  # type: ignore[misc]  # a field here, so that one class can play both

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        raise ValueError(url)

    async def probe(self, run: Run) -> Reading:
        return await self.look(run)


def check(name: str, look: Look = up, *, host: bool = False, **fields: Any) -> Check:
    """Return a check every 10 s with a deadline of 5 s."""
    usual: dict[str, Any] = {"every": 10.0, "timeout": 5.0, "retry_every": 5.0, "fingerprint": name}
    return Check(name=name, probe=ScriptedProbe(look=look, HOST=host), **usual | fields)


Send = Callable[[Message, Progress], Awaitable[Accepted]]


@dataclass(slots=True)
class Provider:
    """A notifier's far side in this process: keeps what it took, and answers as the test says."""

    answer: Send | None = None
    took: list[Message] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)
    closed: int = 0
    under_way: int = 0
    most: int = 0
    """The highest number of sends at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedNotifier:
    """A notifier that hands each message to its provider."""

    KIND: ClassVar[str] = "scripted"
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    needs_address: ClassVar[bool] = True

    provider: Provider

    def complaint(self) -> str | None:
        return None

    async def send(self, message: Message, progress: Progress) -> Accepted:
        provider = self.provider
        provider.asked.append(message)
        provider.under_way += 1
        provider.most = max(provider.most, provider.under_way)
        try:
            if provider.answer is not None:
                return await provider.answer(message, progress)
            progress.sent = True
            provider.took.append(message)
            return Accepted(provider_id=f"p-{len(provider.took)}")
        finally:
            provider.under_way -= 1

    async def close(self) -> None:
        self.provider.closed += 1


def channels(providers: Mapping[str, Provider], **fields: Any) -> dict[str, Channel]:
    """Return one channel for each provider."""
    return {
        name: Channel(id=name, notifier=ScriptedNotifier(provider=provider), **fields)
        for name, provider in providers.items()
    }


def config(
    home: Path,
    plan: Plan,
    providers: Mapping[str, Provider],
    checks: Mapping[str, Check] | None = None,
    **fields: Any,
) -> Config:
    """Return a configuration whose listeners nobody opens."""
    nowhere = Address(host="127.0.0.1", port=0)
    return Config(
        path=home / "nightbell.yaml",
        plan=plan,
        checks=checks or {},
        channels=channels(providers, **fields),
        listen=Listen(internal=nowhere, public=nowhere),
        store=f"sqlite:///{home}/nightbell.db",
        state_dir=home,
    )


def without_channel(given: Config, name: str) -> Config:
    """Return the configuration as a reload would give it after a channel was taken out."""
    left = {key: one for key, one in given.channels.items() if key != name}
    plan = replace(given.plan, channels={key: one for key, one in given.plan.channels.items() if key != name})
    return replace(given, channels=left, plan=plan)


async def for_ever(*_: Any) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


def seconds(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds()
