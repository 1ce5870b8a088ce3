"""A silence: an operator's mute, with author, reason and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Keeps quiet what fits *all* of `matchers`: keys are `check`, `service`, `threshold`, `severity`, `host` or a
    label; values match whole, with `*` as a wildcard. It never stops measuring or recording.
    """

    id: str
    matchers: Mapping[str, str]
    author: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    over: bool = False
    """True once its end has been acted upon."""
    warned_at: datetime | None = None
    """When somebody was told that it ends soon while something it mutes is still bad."""
    origin: str = ""
    """Names the lines of the configuration it stands in; empty where a person made it."""

    def active(self, now: datetime) -> bool:
        """True from its start until just before its end."""
        return self.starts_at <= now < self.ends_at
