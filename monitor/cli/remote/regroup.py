"""`nightbell merge` and `nightbell split`: what is one outage, by a person's word."""

from __future__ import annotations

import click

from monitor.cli.arguments import INCIDENT, by_option
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings


@click.command()
@click.argument("incident", type=INCIDENT)
@click.argument("into", type=INCIDENT)
@click.option("--reason", required=True, help="Why it is one outage; kept on both timelines.")
@by_option
@json_option
@pass_surroundings
def merge(
    here: Surroundings, *, incident: str, into: str, reason: str, by: str | None, as_json: bool
) -> None:
    """Make an incident part of another.

    It ends as merged, its ticket is closed, and its pages that have not left are called off.
    """
    found = here.whereabouts()
    body = {"into": into, "reason": reason, "by": by}
    answer = found.client().post("incidents", incident, "merge", body=body)
    if as_json:
        print_json(answer)
        return
    here.paper(found).say(f"{incident} goes on as part of {into}.")


@click.command()
@click.argument("incident", type=INCIDENT)
@click.option(
    "--alerts", "alerts", multiple=True, help="The id of an alert, as `nightbell incidents` shows it."
)
@click.option("--check", "checks", multiple=True, help="A check: all of its alerts.")
@click.option("--reason", required=True, help="Why it is another outage; kept on both timelines.")
@by_option
@json_option
@pass_surroundings
def split(
    here: Surroundings,
    *,
    incident: str,
    alerts: tuple[str, ...],
    checks: tuple[str, ...],
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Take alerts out of an incident, into a new one.

    The new one has a number of its own and pages as its policy says.
    """
    found = here.whereabouts()
    body = {"alerts": list(alerts), "checks": list(checks), "reason": reason, "by": by}
    answer = found.client().post("incidents", incident, "split", body=body)
    if as_json:
        print_json(answer)
        return
    here.paper(found).say(f"{answer['id']} was split from {incident}.")
