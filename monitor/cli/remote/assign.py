"""`nightbell assign`: a ticket changes hands."""

from __future__ import annotations

import click

from monitor.cli.arguments import TICKET, by_option
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings


@click.command()
@click.argument("ticket", type=TICKET)
@click.argument("person")
@by_option
@json_option
@pass_surroundings
def assign(here: Surroundings, *, ticket: str, person: str, by: str | None, as_json: bool) -> None:
    """Give a ticket to somebody."""
    found = here.whereabouts()
    answer = found.client().post("tickets", ticket, "assign", body={"assignee": person, "by": by})
    if as_json:
        print_json(answer)
        return
    here.paper(found).say(
        f"{ticket} is assigned to {answer.get('assignee') or 'nobody'}: {answer.get('title', '')}"
    )
