"""Classes of tickets and the clocks that come with them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final


class TicketClass(enum.Enum):
    """How fast a ticket wants an answer. `COMPLEX` is given by people only."""

    URGENT = "urgent"
    GENERAL = "general"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Clocks of one class, counted from the ticket's opening: first response, reminder before it, resolution."""

    respond: timedelta
    remind: timedelta
    resolve: timedelta


def _hours(respond: float, remind: float, resolve: float) -> Terms:
    return Terms(
        respond=timedelta(hours=respond), remind=timedelta(hours=remind), resolve=timedelta(hours=resolve)
    )


DEFAULT_TERMS: Final[Mapping[TicketClass, Terms]] = MappingProxyType(
    {
        TicketClass.URGENT: _hours(1, 0.5, 4),
        TicketClass.GENERAL: _hours(6, 3, 24),
        TicketClass.COMPLEX: _hours(24, 12, 72),
    }
)
