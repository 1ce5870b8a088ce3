"""`nightbell ack`: somebody is on it."""

from __future__ import annotations

import click

from monitor.cli import times
from monitor.cli.arguments import PAGED, by_option
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings


@click.command()
@click.argument("incident", type=PAGED)
@click.argument("lasting", required=False, metavar="[FOR]")
@by_option
@json_option
@pass_surroundings
def ack(here: Surroundings, *, incident: str, lasting: str | None, by: str | None, as_json: bool) -> None:
    """Acknowledge an incident: you are on it.

    INCIDENT is its id, or the code of the page you got; the code says who you are.

    Nobody else is paged while the acknowledgement lasts: as long as FOR says (like 2h), else as long as
    the configuration does. When it runs out you are reminded, and some minutes later paging goes on.
    """
    if lasting is not None:
        try:
            times.duration(lasting)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="FOR") from error
    found = here.whereabouts()
    answer = found.client().post(
        "incidents", incident, "ack", body={"by": by, "lasting": lasting, "via": "cli"}
    )
    if as_json:
        print_json(answer)
        return
    paper = here.paper(found)
    who = f" by {answer['acknowledged_by']}" if answer.get("acknowledged_by") else ""
    until = paper.when(answer.get("acknowledged_until"))
    number, lasts = answer.get("id", incident), f" until {until}" if until else ""
    paper.say(f"{number} is acknowledged{who}{lasts}: {answer.get('title', '')}")
