"""`nightbell oncall`: who is on, now or at a time; straight from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli import times
from monitor.cli.exits import Problem
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed

if TYPE_CHECKING:
    from alerting.oncall.rota import OnCall
    from config.model import Config


@click.command()
@click.option("--at", metavar="TIME", help="When, like 03:00, '2027-01-04 03:00' or +12h; now if not given.")
@click.option("--rota", metavar="ROTA", help="Only this rota.")
@json_option
@pass_surroundings
def oncall(here: Surroundings, *, at: str | None, rota: str | None, as_json: bool) -> None:
    """Show who is on call, now or at a time.

    Reckoned from the configuration; the daemon need not be running. Times without a zone are the site's.
    """
    from alerting.oncall.shifts import on_call

    loaded = here.load_or(Problem)
    plan = loaded.plan
    now = here.clock.now()
    if rota is not None and rota not in plan.rotas:
        known = f"; there are {listed(list(plan.rotas))}" if plan.rotas else "; there is none"
        raise click.UsageError(f"there is no rota {rota}{known}")
    try:
        instant = times.moment(at, plan.site.zone, now) if at else now
        found = [on_call(plan.rotas[name], instant) for name in plan.rotas if rota in (None, name)]
    except ValueError as error:
        raise Problem(f"cannot tell who is on call: {error}") from error
    if as_json:
        print_json({"items": [_written(entry) for entry in found]})
        return
    paper = Paper(zone=plan.site.zone, now=now)
    if at:
        paper.say(f"At {instant.astimezone(plan.site.zone):%Y-%m-%d %H:%M} ({plan.site.zone.key}):")
    paper.table(
        ("rota", "on call", "shift", "until", "backup"),
        [
            (
                entry.rota,
                _names(loaded, entry.people) or "nobody",
                entry.shift,
                paper.when(entry.until),
                _names(loaded, entry.backup),
            )
            for entry in found
        ],
        empty="Nobody is on call: the configuration has no rota.",
    )


def _names(loaded: Config, people: tuple[str, ...]) -> str:
    """Write people by name and id."""
    known = loaded.plan.people
    return listed(
        [
            f"{known[person].name} ({person})" if person in known and known[person].name != person else person
            for person in people
        ]
    )


def _written(entry: OnCall) -> dict[str, object]:
    return {
        "rota": entry.rota,
        "at": times.written(entry.at),
        "shift": entry.shift,
        "people": list(entry.people),
        "backup": list(entry.backup),
        "until": times.written(entry.until),
    }
