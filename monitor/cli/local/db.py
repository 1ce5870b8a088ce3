"""`nightbell db`: the store, while no daemon uses it."""

from __future__ import annotations

import click

from monitor.cli.exits import Problem
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings


@click.group()
def db() -> None:
    """Look after the store."""


@db.command()
@json_option
@pass_surroundings
def migrate(here: Surroundings, *, as_json: bool) -> None:
    """Bring the store's schema up to this version.

    The daemon does the same when it starts; here it can be done, or fail, before. It must not be running.
    """
    from monitor.store.errors import StoreError
    from monitor.store.store import Store

    loaded = here.load_or(Problem)
    try:
        Store.open(loaded.store, loaded.state_dir).close()
    except StoreError as error:
        raise Problem(f"cannot migrate the store: {error}") from error
    if as_json:
        print_json({"state_dir": str(loaded.state_dir), "migrated": True})
    else:
        click.echo(f"The store in {loaded.state_dir} is up to date.")
