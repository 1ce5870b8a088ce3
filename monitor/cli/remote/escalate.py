"""`nightbell escalate`: the fast lane."""

from __future__ import annotations

import click

from monitor.cli.arguments import INCIDENT, by_option
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import one_line


@click.command()
@click.argument("incident", type=INCIDENT)
@by_option
@json_option
@pass_surroundings
def escalate(here: Surroundings, *, incident: str, by: str | None, as_json: bool) -> None:
    """Page the next step of an incident now.

    The next people of its escalation policy are paged at once instead of when their turn comes.
    """
    found = here.whereabouts()
    client = found.client()
    answer = client.post("incidents", incident, "escalate", body={"by": by})
    if as_json:
        print_json(answer)
        return
    pages = client.items("notifications", incident=incident, kind="page", most=20)
    told = dict.fromkeys(one_line(page.get("to")) for page in pages if page.get("to"))
    so_far = f" Paged so far: {', '.join(told)}." if told else ""
    here.paper(found).say(f"{incident} is escalated.{so_far}")
