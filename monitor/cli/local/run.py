"""`nightbell run`: the daemon."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import click

from monitor.cli.logs import LEVELS, configure
from monitor.cli.surroundings import Surroundings, pass_surroundings

if TYPE_CHECKING:
    from config.model import Config

log = logging.getLogger("nightbell.config")


@click.command()
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    envvar="NIGHTBELL_LOG_LEVEL",
    show_envvar=True,
    help="How much is logged.",
)
@click.option("--json", "as_json", is_flag=True, help="Log JSON, one object a line.")
@pass_surroundings
@click.pass_context
def run(ctx: click.Context, here: Surroundings, *, log_level: str, as_json: bool) -> None:
    """Run the daemon in the foreground.

    It logs to stderr, and prints to stdout where it listens once it is ready. SIGHUP reloads the
    configuration, SIGTERM ends it. When it cannot start it ends with 1, when it breaks with 70.
    """
    gc.disable()  # what is made while starting stays: to look it over again and again only delays the start
    configure(log_level, as_json=as_json)

    running: Config | None = None

    def loader() -> Config:
        """Load the configuration, at the start and for every reload."""
        nonlocal running
        loaded = running = here.load(running)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        return loaded

    from monitor import process

    ctx.exit(process.run(here.config, loader=loader))
