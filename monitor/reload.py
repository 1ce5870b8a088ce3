"""What a reload can change, and how its complaints read on one line."""

from __future__ import annotations

from typing import Final

from config import ConfigError
from config.model import Config

HANGS: Final = 30.0
"""Seconds after which a reading counts as hanging, as on a mount whose server is gone."""


def unchangeable(old: Config, new: Config) -> list[str]:
    """Return the parts of the configuration that differ but take effect only at the next start."""
    pairs = (
        ("listen", old.listen, new.listen),
        ("workers", old.workers, new.workers),
        ("history", old.history, new.history),
        ("store", (old.store, old.state_dir), (new.store, new.state_dir)),
    )
    return [name for name, before, after in pairs if before != after]


def complaint_line(problem: Exception) -> str:
    """Return all complaints on one line, the first ones in full."""
    if not isinstance(problem, ConfigError):
        return f"{type(problem).__name__}: {problem}"[:500]
    lines = [str(one) for one in problem.complaints]
    more = f" (and {len(lines) - 5} more)" if len(lines) > 5 else ""
    return " | ".join(line.replace("\n", " ") for line in lines[:5]) + more
