"""What the surfaces (API, pages, metrics) may ask of the running daemon. `monitor.app` is the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from alerting.inputs import Input
from alerting.notification import Receipt
from alerting.state import State
from config.model import Config
from monitor.clock import Clock
from monitor.engine.counts import Counts
from monitor.engine.history import Track
from monitor.history.history import History
from monitor.store.thread import StoreThread
from probes.sample import Sample

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class ChannelHealth:
    """What a channel's last attempts came to. `failing_since` is None where the last one was accepted."""

    last_accepted_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    """In a row."""
    last_error: str = ""


@dataclass(slots=True, kw_only=True)
class Vitals(Counts):
    """How the daemon itself is doing, its worker processes included.

    `troubles` maps a part (`store`, `config`, …) to what is wrong with it.
    """

    started_at: datetime
    ready: bool = False
    troubles: dict[str, str] = field(default_factory=dict)
    reload_ok: bool = True
    reloaded_at: datetime | None = None
    loop_lag: float = 0.0
    """How late the event loop was when last measured."""
    workers: int = 0
    """Worker processes that probe right now."""
    worker_lag: dict[int, float] = field(default_factory=dict)
    """By worker process, how late its loop was when last measured."""
    workers_restarted: int = 0
    decided: int = 0
    deliveries: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Attempts by (channel, state, reason)."""
    channels: dict[str, ChannelHealth] = field(default_factory=dict)
    """By channel, where anything was sent since the start."""
    findings: int = 0
    """What the last audit found wrong."""
    answered: dict[tuple[str, int], int] = field(default_factory=dict)
    """HTTP answers by (listener, status)."""


class Daemon(Protocol):
    """The running daemon, as the surfaces see it."""

    config: Config
    state: State
    """What is recorded and still going on. Read only."""
    samples: Mapping[str, Sample]
    """The last sample of each check."""
    history: Mapping[str, Track]
    """The last runs of each check."""
    sample_history: History
    """What checks saw over days and months."""
    store: StoreThread
    clock: Clock
    vitals: Vitals
    ack_key: bytes
    """Signs acknowledgement links."""

    async def submit(self, given: Input) -> str:
        """Decide, record, act; return the id of the object the input was about once it is durable.

        Raises Refused where it cannot be carried out, StoreError where it could not be recorded.
        """
        ...

    async def test_channel(self, channel: str, to: str | None) -> Receipt:
        """Send a test message over a channel, to a person's address on it where `to` is given; say what came of it.

        Raises Refused where there is no such channel or person, or the person has no address on it.
        """
        ...

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what takes long and changes nothing in a thread of its own; one at a time."""
        ...
