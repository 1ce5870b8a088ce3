"""`nightbell resolve`: a person ends an incident."""

from __future__ import annotations

import click

from monitor.cli.arguments import INCIDENT, by_option
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings


@click.command()
@click.argument("incident", type=INCIDENT)
@click.option("--false-alarm", is_flag=True, help="There never was an outage; it stays out of the figures.")
@click.option("--note", metavar="TEXT", help="What was done; stands on the timeline.")
@by_option
@json_option
@pass_surroundings
def resolve(
    here: Surroundings, *, incident: str, false_alarm: bool, note: str | None, by: str | None, as_json: bool
) -> None:
    """End an incident by hand.

    Paging stops and its ticket is resolved, whatever the checks say.
    """
    found = here.whereabouts()
    body = {"by": by, "false_alarm": false_alarm or None, "note": note}
    answer = found.client().post("incidents", incident, "resolve", body=body)
    if as_json:
        print_json(answer)
        return
    what = "resolved as a false alarm" if false_alarm else str(answer.get("state", "resolved"))
    here.paper(found).say(f"{incident} is {what}: {answer.get('title', '')}")
