"""A sample: what one run of a check saw. Immutable, in base units (seconds, bytes, ratio 0 to 1)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
NO_PARTS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType({})

PHASES: Final = ("resolve", "connect", "tls", "processing", "transfer")
"""Timing phases of a network probe, in the order in which they happen."""


class Outcome(enum.Enum):
    """What one run says about its target. `UNKNOWN` is our own fault and never counts as up or down."""

    __hash__ = object.__hash__  # looked up with every sample; Enum's own goes through the name, in Python

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class ErrorClass(enum.Enum):
    """Why a run was not up. `INTERNAL` and `SELF` are the monitor's own trouble."""

    __hash__ = object.__hash__

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    STATUS = "status"
    ASSERTION = "assertion"
    BODY = "body"
    AUTH = "auth"
    EXEC = "exec"
    INTERNAL = "internal"
    SELF = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one check.

    `at` is the UTC instant the run began, `duration` its monotonic length in seconds. `values` belong to
    the target as a whole; `parts` to its named parts (mount points, interfaces), each with its own values.
    `message` says in one line what was wrong and is empty when the outcome is up; `log` is the run's own
    account, bounded.
    """

    check: str
    at: datetime
    duration: float
    outcome: Outcome
    values: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: NO_PARTS)
    phases: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    error: ErrorClass | None = None
    message: str = ""
    log: tuple[str, ...] = ()
