"""`nightbell simulate`: how many tickets and pages would another configuration have made of what was seen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli import times
from monitor.cli.exits import Problem
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import count

if TYPE_CHECKING:
    from alerting.plan import Plan
    from alerting.replay import Replay
    from config.model import Config
    from probes.sample import Sample

SINCE: Final = "48h"
STEP: Final = timedelta(seconds=30)
"""How often the clock strikes while something is open: minutes are what is asked for."""
SHOWN: Final = 20

Row = dict[str, Any]


@click.command()
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    help="The other configuration; without it only the present one.",
)
@click.option("--since", metavar="TIME", default=SINCE, show_default=True, help="How far back, like 7d.")
@json_option
@pass_surroundings
def simulate(here: Surroundings, *, file: Path | None, since: str, as_json: bool) -> None:
    """Replay what checks saw, and count what it would have made.

    The samples of the history are judged again by the present configuration, and by --file; the desk itself decides,
    every message arrives and nobody answers. Nothing leaves. Reckoned here; the daemon need not be running.

    Samples are kept one by one for two days unless `history.raw` says otherwise; messages of failures are not kept.
    """
    from monitor.history.history import NAME
    from monitor.history.keeper import Errors
    from monitor.history.reading import samples
    from monitor.history.words import HistoryError

    now = here.clock.now()
    try:
        begin = now - times.duration(since)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from error
    present = here.load_or(Problem)
    plans = {"now": present.plan}
    if file is not None:
        plans["new"] = _load(file, present).plan
    path = present.state_dir / NAME
    if not path.exists():
        raise Problem(f"cannot simulate: there is no history at {path}")
    try:
        with _progress(begin, now) as seen:
            replays, first = replay(plans, seen(samples(path, begin, now)), begin, now)
    except (HistoryError, *Errors) as error:
        raise Problem(f"cannot simulate: {error}") from error
    if first is None:
        raise Problem(f"cannot simulate: nothing was seen in the last {since}")
    rows = {name: _row(one) for name, one in replays.items()}
    if as_json:
        print_json({"since": times.written(first), "until": times.written(now), "made": rows})
        return
    show(Paper(zone=present.plan.site.zone, now=now), rows, replays, first)


def replay(
    plans: dict[str, Plan], seen: Iterable[Sample], begin: datetime, end: datetime
) -> tuple[dict[str, Replay], datetime | None]:
    """Feed the same samples to every plan; return what each made of them, and when the first one was seen."""
    from alerting.replay import Replay

    replays = {name: Replay(plan, begin, step=STEP) for name, plan in plans.items()}
    for one in replays.values():
        one.begin()
    first: datetime | None = None
    for sample in seen:
        first = first or sample.at
        for one in replays.values():
            one.sample(sample)
    for one in replays.values():
        one.until(end)
    return replays, first


def _load(file: Path, present: Config) -> Config:
    import config

    try:
        return config.load(file, env=os.environ, state_dir=present.state_dir)
    except config.ConfigError as error:
        lines = "\n".join(f"  {line}" for line in str(error).splitlines())
        raise Problem(f"cannot load {file}:\n{lines}") from error


def _row(replay: Replay) -> Row:
    """Return what one plan made: counts, pages by person, and incidents by what caused them."""
    told = Counter(one.row.kind.value for one in replay.told)
    return {
        "incidents": len(replay.incidents),
        "critical": sum(one.severity.value == "critical" for one in replay.incidents.values()),
        "tickets": len(replay.tickets),
        "pages": told["page"],
        "announcements": told["announcement"],
        "messages": len(replay.told),
        "pages_to": dict(
            Counter(one.row.to for one in replay.told if one.row.kind.value == "page" and one.row.to)
        ),
        "caused_by": dict(Counter(one.cause.alert for one in replay.incidents.values()).most_common()),
    }


def show(paper: Paper, rows: dict[str, Row], replays: dict[str, Replay], first: datetime) -> None:
    """Print the counts side by side, then the incidents of the last plan."""
    paper.say(f"What was seen since {paper.when(first)} would have made, if nobody had answered:")
    names = list(rows)
    nouns = ("incidents", "critical", "tickets", "pages", "announcements", "messages")
    people = sorted({person for row in rows.values() for person in row["pages_to"]})
    paper.table(
        ("", *names),
        [
            *((noun, *(rows[name][noun] for name in names)) for noun in nouns),
            *(
                (f"pages to {person}", *(rows[name]["pages_to"].get(person, 0) for name in names))
                for person in people
            ),
        ],
        empty="Nothing.",
    )
    alerts = {alert: None for row in rows.values() for alert in row["caused_by"]}
    paper.say("")
    paper.table(
        (*names, "incidents caused by"),
        [(*(rows[name]["caused_by"].get(alert, 0) for name in names), alert) for alert in alerts],
        empty="There would have been no incidents.",
    )
    last = list(replays[names[-1]].incidents.values())[-SHOWN:]
    if last:
        paper.say("")
        paper.table(
            ("opened", "severity", "lasted", f"the last {count(len(last), 'incident')}, {names[-1]}"),
            [
                (
                    paper.clock(one.opened_at),
                    one.severity.value,
                    times.length(one.duration.total_seconds()) if one.duration else "goes on",
                    one.title,
                )
                for one in last
            ],
            empty="",
        )


@contextmanager
def _progress(begin: datetime, end: datetime) -> Iterator[Any]:
    """Give what draws how far a replay is, on standard error and only for a person."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("replaying {task.fields[at]}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=(end - begin).total_seconds(), at="")

        def seen(samples: Iterable[Sample]) -> Iterator[Sample]:
            for number, sample in enumerate(samples):
                if number % 2000 == 0:
                    bar.update(
                        task, completed=(sample.at - begin).total_seconds(), at=f"{sample.at:%m-%d %H:%M}"
                    )
                yield sample

        yield seen
