"""An escalation policy: who is told next, after how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Whom a step pages: the people on shift of `rota`, the backups of `backup`, and `people` by name."""

    rota: str | None = None
    backup: str | None = None
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `after` counts from the incident's opening. `by` is an order of channels (next on failure);
    empty: each person's own order.
    """

    recipients: Recipients
    after: timedelta = timedelta(0)
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Steps in order; `repeat` after the last one the whole begins again, until somebody acknowledges."""

    id: str
    steps: tuple[Step, ...]
    repeat: timedelta = timedelta(minutes=15)
