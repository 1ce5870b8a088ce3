"""`nightbell token`: who may use the API, and for what."""

from __future__ import annotations

import click

from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings

ROLES = ("viewer", "operator", "admin")


@click.group()
def token() -> None:
    """Manage the tokens of the API.

    A viewer reads, an operator acts too, an admin also manages tokens. All of this needs an admin's token.
    """


@token.command("list")
@json_option
@pass_surroundings
def list_(here: Surroundings, *, as_json: bool) -> None:
    """List the tokens: their names and roles."""
    found = here.whereabouts()
    paper = here.paper(found)
    rows = found.client().listing("tokens")
    if as_json:
        print_json({"items": rows})
        return
    paper.table(
        ("name", "role", "created"),
        [(row.get("name"), row.get("role"), paper.when(row.get("created_at"))) for row in rows],
        empty="There are no tokens.",
    )


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do.")
@json_option
@pass_surroundings
def add(here: Surroundings, *, name: str, role: str, as_json: bool) -> None:
    """Make a token called NAME and print it: it is shown this once."""
    found = here.whereabouts()
    answer = found.client().post("tokens", body={"name": name, "role": role})
    if as_json:
        print_json(answer)
        return
    # The token alone on stdout, so that it can go straight into a file.
    here.paper(found).say(str(answer.get("token", "")))
    click.echo(f"This is the only time the token of {name} ({role}) is shown.", err=True)


@token.command()
@click.argument("name")
@json_option
@pass_surroundings
def revoke(here: Surroundings, *, name: str, as_json: bool) -> None:
    """Make a token worthless at once."""
    found = here.whereabouts()
    answer = found.client().delete("tokens", name)
    if as_json:
        print_json(answer)
        return
    here.paper(found).say(f"The token of {name} is worthless now.")
