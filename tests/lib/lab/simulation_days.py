"""Simulated days: lived through, made small where they fail, and told."""

from __future__ import annotations

import re
from dataclasses import replace

from lab.simulation import REAL, Outcome, Stage
from lab.simulation_disk import Disk
from lab.simulation_script import Script, script_of
from lab.simulation_stage import Core


def simulate(script: Script, core: Core = REAL, *, traced: bool = False, disk: Disk | None = None) -> Outcome:
    """Live through a day and say how it went."""
    return Stage(script, core, traced=traced, disk=disk).run()


def shrunk(script: Script, core: Core = REAL, *, tries: int = 400) -> Script:
    """Leave out events as long as the day still fails in the same way."""
    wanted = _kind_of(simulate(script, core))
    assert wanted, "a day that does not fail cannot be made smaller"
    events, step = list(script.events), max(1, len(script.events) // 2)
    while step and tries > 0:
        place = 0
        while place < len(events) and tries > 0:
            fewer = events[:place] + events[place + step :]
            tries -= 1
            if _kind_of(simulate(replace(script, events=tuple(fewer)), core)) == wanted:
                events = fewer
            else:
                place += step
        step //= 2
    return replace(script, events=tuple(events))


def _kind_of(outcome: Outcome) -> str:
    """Return what a problem has in common with others of its kind."""
    return re.sub(r"[A-Z]+-\d+|\(.*|\d+", "", outcome.problem)[:60]


def lived(seed: str, hours: float) -> Outcome:
    """Draw a day and live through it; for processes of their own."""
    return simulate(script_of(seed, hours=hours))


def told(script: Script, core: Core = REAL, *, last: int = 60) -> list[str]:
    """Tell a failing day: its events, and what happened before it failed."""
    day = simulate(script, core, traced=True)
    return [
        *map(str, script.events),
        "…",
        *(line[:240] for line in day.trace[-last:]),
        f"{day.at} {day.problem}",
    ]
