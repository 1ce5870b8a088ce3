"""How a command ends: the exit codes, and the errors that carry them."""

from __future__ import annotations

import enum
from typing import IO, Any

import click

from monitor.cli.words import clean


class Exit(enum.IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    REFUSED = 1
    UNREACHABLE = 2
    UNKNOWN = 3
    BROKEN = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done; for probe: up",
    Exit.REFUSED: "refused, failed, or the configuration has errors; for probe: down",
    Exit.UNREACHABLE: "wrong usage, or the daemon cannot be reached",
    Exit.UNKNOWN: "for probe: unknown, we could not tell",
    Exit.BROKEN: "for run: the daemon broke, the log says how",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.PIPE_CLOSED: "the reader of the output went away",
}


class Problem(click.ClickException):
    """A command cannot do what it was asked; the message says "cannot …: cause", one line or several."""

    exit_code = Exit.REFUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to stderr, after the program's name."""
        click.echo(f"nightbell: {clean(self.format_message())}", file=file, err=file is None)


class Unreachable(Problem):
    """The daemon does not answer, or what answers is not the daemon."""

    exit_code = Exit.UNREACHABLE


class CannotTell(Problem):
    """A probe could not even be tried."""

    exit_code = Exit.UNKNOWN
