"""Phases of a run, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from probes.units import show_seconds

WIDTH: Final = 48
STEPS: Final = "▁▂▃▄▅▆▇█"
NOT_UP: Final = {"down": "✗", "unknown": "?"}
EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bars(phases: Mapping[str, float]) -> list[str]:
    """Draw phases (seconds each, in their order) one below the other, each beginning where the last one ended."""
    total = sum(phases.values())
    name_width = max(map(len, phases), default=0)
    times = {name: show_seconds(seconds) for name, seconds in phases.items()}
    time_width = max(map(len, times.values()), default=0)
    lines, before = [], 0.0
    for name, seconds in phases.items():
        drawn = _bar(before / total, seconds / total) if total > 0 else ""
        lines.append(f"{name:<{name_width}}  {times[name]:>{time_width}}  {drawn}".rstrip())
        before += seconds
    return lines


def runs(history: Sequence[Mapping[str, Any]]) -> str:
    """Draw past runs side by side, the oldest first: how long those took that were up, and which were not."""
    longest = max((run["duration"] or 0.0 for run in history if run["outcome"] == "up"), default=0.0)
    return "".join(
        NOT_UP.get(run["outcome"])
        or STEPS[min(int((run["duration"] or 0.0) / (longest or 1.0) * len(STEPS)), len(STEPS) - 1)]
        for run in history
    )


def _bar(start: float, share: float) -> str:
    """Draw a share of the width that begins at `start`; however short, it can be seen."""
    blank = min(int(start * WIDTH), WIDTH - 1)
    whole, eighths = divmod(max(1, round(share * WIDTH * 8)), 8)
    whole = min(whole, WIDTH - blank)
    return " " * blank + "█" * whole + (EIGHTHS[eighths].strip() if whole < WIDTH - blank else "")
