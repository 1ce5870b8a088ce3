"""Runs the command line in this process, at a set time, and returns what it said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner

from lab.cli_api import TOKEN
from monitor.cli.commands import nightbell

NOW = datetime(2027, 1, 4, 4, 0, tzinfo=UTC)
"""A Monday; noon in Shanghai."""


@dataclass(frozen=True, kw_only=True)
class StoppedClock:
    """A clock that stands still."""

    at: datetime = NOW

    def now(self) -> datetime:
        """Return the one instant there is."""
        return self.at

    def monotonic(self) -> float:
        """Return the one instant there is."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed and how it ended."""

    out: str
    err: str
    code: int

    def json(self) -> Any:
        """Read stdout as JSON."""
        return json.loads(self.out)


def run(*args: str, url: str | None = None, env: Mapping[str, str | None] | None = None) -> Said:
    """Run `nightbell ARGS`; with `url` against the daemon there, by the lab's token."""
    clean = {
        "NIGHTBELL_CONFIG": "/nonexistent/nightbell.yaml",
        "NIGHTBELL_TOKEN": TOKEN if url else None,
        "NIGHTBELL_URL": url,
        "NIGHTBELL_PERSON": None,
        "STATE_DIRECTORY": None,
        "TZ": "UTC",
        **(env or {}),
    }
    result = CliRunner().invoke(
        nightbell, list(args), obj=StoppedClock(), env=clean, prog_name="nightbell", catch_exceptions=False
    )
    return Said(out=result.stdout, err=result.stderr, code=result.exit_code)
