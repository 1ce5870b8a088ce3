"""`nightbell oncall`: who is on, now or at a time; straight from the configuration."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import click

from monitor.cli import times
from monitor.cli.exits import Problem, Unreachable
from monitor.cli.output import Paper, print_json
from monitor.cli.rotas import Row, rotas, show_rotas
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed

if TYPE_CHECKING:
    from config.model import Config


@click.command()
@click.option("--at", metavar="TIME", help="When, like 03:00, '2027-01-04 03:00' or +12h; now if not given.")
@click.option("--rota", metavar="ROTA", help="Only this rota.")
@json_option
@pass_surroundings
def oncall(here: Surroundings, *, at: str | None, rota: str | None, as_json: bool) -> None:
    """Show who is on call, now or at a time.

    Reckoned from the configuration; the daemon need not be running. It is asked only where the configuration
    cannot be loaded here, for instance because its secrets are the daemon's alone. Times without a zone are
    the site's.
    """
    now = here.clock.now()
    names: dict[str, str] = {}
    zone: tzinfo | None
    try:
        loaded = here.load_or(Problem)
    except Problem as cause:
        try:
            found = here.whereabouts()
            zone = found.zone
            instant = _instant(at, zone, now)
            asked = times.written(instant) if at else None
            rows = rotas(found.client().get("oncall", rota=rota, at=asked))
        except Unreachable:
            raise cause from None
    else:
        zone = loaded.plan.site.zone
        instant = _instant(at, zone, now)
        names = {person.id: person.name for person in loaded.plan.people.values() if person.name != person.id}
        rows = _reckon(loaded, rota, instant)
    if as_json:
        print_json({"items": rows})
        return
    paper = Paper(zone=zone, now=now)
    if at:
        paper.say(f"At {instant.astimezone(zone):%Y-%m-%d %H:%M %Z}:")
    show_rotas(paper, rows, names)


def _instant(at: str | None, zone: tzinfo | None, now: datetime) -> datetime:
    try:
        return times.moment(at, zone, now) if at else now
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from error


def _reckon(loaded: Config, rota: str | None, instant: datetime) -> list[Row]:
    from alerting.oncall.shifts import on_call

    known = loaded.plan.rotas
    if rota is not None and rota not in known:
        there = f"there are {listed(list(known))}" if known else "the configuration has none"
        raise click.UsageError(f"there is no rota {rota}; {there}")
    try:
        found = [on_call(known[name], instant) for name in known if rota in (None, name)]
    except ValueError as error:
        raise Problem(f"cannot tell who is on call: {error}") from error
    return [
        {
            "rota": entry.rota,
            "at": times.written(entry.at),
            "shift": entry.shift,
            "people": list(entry.people),
            "backup": list(entry.backup),
            "until": times.written(entry.until),
        }
        for entry in found
    ]
