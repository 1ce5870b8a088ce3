"""`nightbell maintenance`: planned work, quiet for staff and announced to customers."""

from __future__ import annotations

from typing import Any

import click

from monitor.cli import times
from monitor.cli.arguments import MAINTENANCE, by_option
from monitor.cli.moments import end_of, login, moment_of
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed, one_line

Row = dict[str, Any]


@click.group()
def maintenance() -> None:
    """Plan work: quiet for staff, announced to customers.

    What fails in it is measured and shown, but opens no incident and pages nobody; customers read of it ahead, at its
    start and at its end. What still fails when it ends pages at once.
    """


@maintenance.command()
@click.option(
    "--service", "services", multiple=True, metavar="SERVICE", help="What is worked on; may be repeated."
)
@click.option("--check", "checks", multiple=True, metavar="CHECK", help="What is worked on; may be repeated.")
@click.option("--for", "lasting", metavar="TIME", help="How long, like 2h.")
@click.option("--until", metavar="TIME", help="Until when, like 18:00 or '2027-01-04 08:00'.")
@click.option("--from", "begin", metavar="TIME", help="From when on; now if not given.")
@click.option(
    "--every", metavar="TIME", help="Again and again, like 1d or 7d, by the wall clock of the site."
)
@click.option("--dependents", is_flag=True, help="Cover what depends on these services, too.")
@click.option(
    "--announce",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long ahead customers hear of it; `no` for never.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; staff and customers read it.")
@click.option(
    "--author",
    envvar="NIGHTBELL_PERSON",
    show_envvar=True,
    metavar="PERSON",
    help="Who plans it; your login name if not given.",
)
@json_option
@pass_surroundings
def add(
    here: Surroundings,
    *,
    services: tuple[str, ...],
    checks: tuple[str, ...],
    lasting: str | None,
    until: str | None,
    begin: str | None,
    every: str | None,
    dependents: bool,
    announce: str,
    reason: str,
    author: str | None,
    as_json: bool,
) -> None:
    """Plan work on services or checks, once or again and again."""
    if not services and not checks:
        raise click.UsageError("say what is worked on: --service SERVICE or --check CHECK")
    found = here.whereabouts()
    now = here.clock.now()
    starts_at = moment_of(begin, "--from", found, now) if begin else now
    body = {
        "services": list(services) or None,
        "checks": list(checks) or None,
        "author": author or login(),
        "reason": reason,
        "starts_at": times.written(starts_at) if begin else None,
        "ends_at": times.written(end_of(lasting, until, found, now, starts_at)),
        "every": every,
        "dependents": dependents or None,
        "announce": False if announce in {"no", "off", "false"} else announce,
    }
    answer = found.client().post("maintenances", body=body)
    _say(here.paper(found), answer, as_json)


@maintenance.command("list")
@click.option("--all", "everything", is_flag=True, help="What is over, too.")
@json_option
@pass_surroundings
def list_(here: Surroundings, *, everything: bool, as_json: bool) -> None:
    """List the work that goes on and is to come."""
    found = here.whereabouts()
    paper = here.paper(found)
    rows = found.client().items("maintenances", most=1000)
    if not everything:
        rows = [row for row in rows if row.get("state") != "over"]
    if as_json:
        print_json({"items": rows})
        return
    paper.table(
        ("id", "state", "of", "when", "again", "author", "reason"),
        [
            (
                row.get("id"),
                row.get("state"),
                _of(row),
                _when(paper, row),
                _again(row),
                row.get("author"),
                row.get("reason"),
            )
            for row in rows
        ],
        empty="There never was a maintenance." if everything else "No work is planned.",
    )


@maintenance.command()
@click.argument("maintenance_id", type=MAINTENANCE, metavar="MAINTENANCE")
@click.option("--whole", is_flag=True, help="All of it, where it recurs; else only the window that goes on.")
@by_option
@json_option
@pass_surroundings
def end(here: Surroundings, *, maintenance_id: str, whole: bool, by: str | None, as_json: bool) -> None:
    """End the window that goes on now; where none does, call off what is planned.

    What still fires pages at once.
    """
    found = here.whereabouts()
    answer = found.client().post(
        "maintenances", maintenance_id, "end", body={"whole": whole or None, "by": by}
    )
    _say(here.paper(found), answer, as_json)


@maintenance.command()
@click.argument("maintenance_id", type=MAINTENANCE, metavar="MAINTENANCE")
@click.option("--for", "lasting", metavar="TIME", help="How long from now on, like 2h.")
@click.option("--until", metavar="TIME", help="Until when, like 18:00 or '2027-01-04 08:00'.")
@by_option
@json_option
@pass_surroundings
def extend(
    here: Surroundings,
    *,
    maintenance_id: str,
    lasting: str | None,
    until: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Let the window that goes on, or the next one, end later or earlier."""
    found = here.whereabouts()
    now = here.clock.now()
    body = {"ends_at": times.written(end_of(lasting, until, found, now, now)), "by": by}
    _say(here.paper(found), found.client().post("maintenances", maintenance_id, "extend", body=body), as_json)


def _say(paper: Paper, answer: Row, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    when = _when(paper, answer)
    state = one_line(answer.get("state"))
    paper.say(f"{one_line(answer.get('id'))} of {_of(answer)} is {state}{f', {when}' if when else ''}.")


def _of(row: Row) -> str:
    return ", ".join(filter(None, (listed(row.get("services")), listed(row.get("checks"))))) or "nothing"


def _when(paper: Paper, row: Row) -> str:
    """Say when its window is: the one that goes on, else the next one; nothing where there is none."""
    windows = row.get("windows")
    shown = [one for one in windows if isinstance(one, dict)] if isinstance(windows, list) else []
    live = [one for one in shown if one.get("state") in ("active", "planned")]
    live.sort(key=lambda one: str(one.get("starts_at")))
    if live:
        begins, ends = (times.instant(live[0].get(name)) for name in ("starts_at", "ends_at"))
        return f"{paper.clock(begins)} to {paper.clock(ends)}" if begins and ends else ""
    following = times.instant(row.get("next_at"))
    return f"from {paper.clock(following)}" if following else ""


def _again(row: Row) -> str:
    every = row.get("every")
    return f"every {times.length(every)}" if isinstance(every, int | float) else ""
