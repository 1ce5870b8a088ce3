"""Beginnings, ends and authors as several commands take them."""

from __future__ import annotations

import getpass
from datetime import datetime

import click

from monitor.cli import times
from monitor.cli.whereabouts import Whereabouts


def end_of(
    lasting: str | None, until: str | None, found: Whereabouts, now: datetime, starts_at: datetime
) -> datetime:
    """Return when it ends, by `--for` or `--until`."""
    if (lasting is None) == (until is None):
        raise click.UsageError("say how long: --for TIME (like 2h) or --until TIME (like 18:00)")
    if until is not None:
        ends_at = moment_of(until, "--until", found, now)
    else:
        try:
            ends_at = starts_at + times.duration(lasting or "")
        except ValueError as error:
            raise click.UsageError(f"--for {error}") from error
    if ends_at <= max(starts_at, now):
        raise click.UsageError("it would be over before it begins")
    return ends_at


def moment_of(text: str, option: str, found: Whereabouts, now: datetime) -> datetime:
    """Return the moment an option names."""
    try:
        return times.moment(text, found.zone, now)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error


def login() -> str:
    """Return who is at the keyboard."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise click.UsageError("say who it is: --author PERSON") from error
