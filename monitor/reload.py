"""What a reload can change, and how its complaints read on one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from config import ConfigError
from config.model import Config

SLICE: Final = 0.0002
"""Seconds for which a thread may compute while the event loop wants its turn."""
HANGS: Final = 30.0
"""Seconds after which a reading counts as hanging, as on a mount whose server is gone."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Have a thread that reads a large configuration hold up nothing that runs.

    By the interpreter's own measure it keeps its turn for 5 ms, and the event loop gives its turn away with every call
    to a socket: each run of a check would wait for some 30 ms, and thousands stand in line.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SLICE)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def unchangeable(old: Config, new: Config) -> list[str]:
    """Return the parts of the configuration that differ but take effect only at the next start."""
    pairs = (
        ("listen", old.listen, new.listen),
        ("workers", old.workers, new.workers),
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
