"""What loading the configuration gives: typed values, ready to run. Nothing here changes after loading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from alerting.notifiers.api import Notifier
from alerting.plan import Plan
from probes.api import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A configured, scheduled probe. Times in seconds; `timeout` may exceed `every`.

    `fingerprint` changes when anything that bears on probing does: a reload keeps what is unchanged.
    """

    name: str
    probe: Probe
    every: float
    timeout: float
    retry_every: float
    fingerprint: str

    @property
    def host(self) -> str | None:
        """Whom it asks; None for this machine."""
        return self.probe.target


HEARTBEAT: Final = "heartbeat"
"""The channel of the outward heartbeat; no other may have its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` in `seconds`: as a bucket it holds `count` and fills evenly."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A configured notifier. `timeout` is the deadline of one send in seconds, `parallel` how many run at once.

    `rate` bounds how many leave in a time; None: nothing does.
    """

    id: str
    notifier: Notifier
    timeout: float = 15.0
    parallel: int = 4
    rate: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files of a certificate chain and its key, PEM."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The two listeners: inward (API, metrics) and outward (status page, acknowledgement links)."""

    internal: Address
    public: Address
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How long samples are remembered, each and by minute, hour and day; `size` bounds their file, in bytes."""

    size: float
    raw: timedelta
    minutes: timedelta
    hours: timedelta
    days: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration. `store` is a SQLAlchemy URL; `state_dir` holds keys, tokens and the SQLite file.

    `workers` is how many processes probe: 1 is the daemon itself, None one worker process for each core.
    """

    path: Path
    plan: Plan
    checks: Mapping[str, Check]
    channels: Mapping[str, Channel]
    listen: Listen
    store: str = field(repr=False)
    state_dir: Path
    workers: int | None = 1
    history: History | None = None
    """None: samples are not remembered."""
    canaries: Mapping[str, Check] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
