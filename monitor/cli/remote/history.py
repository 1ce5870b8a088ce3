"""`nightbell history`: what a check saw, drawn over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from monitor.cli import times
from monitor.cli.exits import Problem
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import count

BARS: Final = "▁▂▃▄▅▆▇█"
GAP: Final = "·"
WIDE: Final = 60
"""Points drawn at most; rows of the table, too."""
MOST: Final = 24

Row = Mapping[str, Any]


@click.command()
@click.argument("check")
@click.option("--metric", metavar="METRIC", help="A value, `duration`, or a phase like `phases.connect`.")
@click.option("--part", metavar="PART", help="A part: a mount point, an interface.")
@click.option("--since", default="24h", show_default=True, metavar="TIME", help="How far back, like 7d.")
@click.option("--step", metavar="TIME", help="Time between two points, like 5m.")
@json_option
@pass_surroundings
def history(
    here: Surroundings,
    *,
    check: str,
    metric: str | None,
    part: str | None,
    since: str,
    step: str | None,
    as_json: bool,
) -> None:
    """Show what a check saw over hours or months.

    How often it was up and down, and what became of one of its values: least, mean and most in each step.
    """
    found = here.whereabouts()
    client = found.client()
    paper = here.paper(found)
    back = _length(since)
    seconds = _length(step) if step is not None else back / WIDE
    whole = client.get(
        "checks",
        check,
        "history",
        metric=metric,
        part=part,
        since=times.written(paper.now - times.duration(f"{back:.0f}s")),
        until=times.written(paper.now),
        step=str(max(1, round(seconds))),
    )
    if as_json:
        print_json(whole)
        return
    _show(paper, whole, back)


def _length(text: str) -> float:
    try:
        seconds = times.duration(text).total_seconds()
    except ValueError as error:
        raise Problem(f"cannot read {text[:40]!r}: it {error}") from error
    if seconds < 1:
        raise Problem(f"cannot read {text[:40]!r}: it must be at least 1s")
    return seconds


def _show(paper: Paper, whole: Row, back: float) -> None:
    points: Sequence[Row] = whole.get("points") or ()
    check = whole.get("check")
    if not points:
        paper.say(f"Nothing is remembered of {check} in the last {times.length(back)}.")
        return
    up, down, unknown = (
        sum(int(point.get(word) or 0) for point in points) for word in ("up", "down", "unknown")
    )
    runs = f"{check}: {count(up + down + unknown, 'run')} in the last {times.length(back)}"
    share = f", {100 * up / (up + down):.6g} % up" if up + down else ""
    paper.say(runs + share + (f", {unknown} unknown" if unknown else ""))
    part = f" of {whole['part']}" if whole.get("part") else ""
    values = [point for point in points if point.get("mean") is not None]
    if values:
        low, high = min(point["low"] for point in values), max(point["high"] for point in values)
        paper.say("", f"{whole.get('metric')}{part}, {_number(low)} to {_number(high)}:")
        paper.say(sparkline(whole), "")
    else:
        paper.say(f"No run had the metric {whole.get('metric')}{part}.", "")
    shown = points[-MOST:]
    if len(points) > len(shown):
        paper.say(f"The last {len(shown)} of {len(points)} steps of {times.length(whole.get('step') or 0)}:")
    paper.table(
        ("from", "up", "down", "unknown", "low", "mean", "high", "errors"),
        [
            (
                paper.clock(point.get("at")),
                point.get("up"),
                point.get("down") or "",
                point.get("unknown") or "",
                *(_number(point.get(word)) for word in ("low", "mean", "high")),
                ", ".join(f"{number} {word}" for word, number in (point.get("errors") or {}).items()),
            )
            for point in shown
        ],
        empty="",
    )


def sparkline(whole: Row) -> str:
    """Draw the means, one character a step; steps in which nothing ran are dots."""
    points = [(times.instant(point.get("at")), point.get("mean")) for point in whole.get("points") or ()]
    step = float(whole.get("step") or 1)
    means = [mean for at, mean in points if at is not None and mean is not None]
    if not means:
        return ""
    low, span = min(means), max(means) - min(means)
    drawn, before = "", None
    for at, mean in points:
        if at is None:
            continue
        if before is not None:
            drawn += GAP * min(WIDE, round((at - before).total_seconds() / step) - 1)
        before = at
        drawn += GAP if mean is None else BARS[int((mean - low) / span * 7.999) if span else 0]
    return drawn[-2 * WIDE :]


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""
