"""How bad it is, to staff (severity) and to customers (impact)."""

from __future__ import annotations

import enum


class Severity(enum.Enum):
    """Of an alert or incident; ordered by `rank`, the worst highest."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return _ORDER.index(self)


_ORDER = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


def worst(*severities: Severity | None) -> Severity | None:
    """Return the worst of those given; None where there is none."""
    present = [severity for severity in severities if severity is not None]
    return max(present, key=lambda severity: severity.rank) if present else None


class Impact(enum.Enum):
    """What an alert does to the public state of its services."""

    NONE = "none"
    DEGRADED = "degraded"
    DOWN = "down"
