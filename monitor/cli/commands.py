"""The table of commands. A command's module is imported only when that command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli.exits import MEANINGS, Exit
from monitor.cli.surroundings import Surroundings
from monitor.clock import SystemClock

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEFAULT_CONFIG: Final = "/etc/nightbell/nightbell.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One command: where it lives (`module:function` below this package) and what it does, in one line."""

    name: str
    place: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, function = self.place.partition(":")
        command: click.Command = getattr(import_module(f"monitor.cli.{module}"), function)
        return command


def _entries(*rows: tuple[str, str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(name=name, place=place, help=text) for name, place, text in rows)


SECTIONS: Final[dict[str, tuple[Entry, ...]]] = {
    "The daemon": _entries(
        ("run", "local.run:run", "Run the daemon in the foreground."),
        ("check-config", "local.check_config:check_config", "Check the configuration and show the rotas."),
        ("db", "local.db:db", "Look after the store."),
    ),
    "Look": _entries(
        ("status", "remote.status:status", "Show what is going on."),
        ("incidents", "remote.incidents:incidents", "List incidents, or show one whole."),
        ("tickets", "remote.tickets:tickets", "List tickets, show one, or work on it."),
        (
            "explain",
            "remote.explain:explain",
            "Show why something is alerting or is not, and who would be told.",
        ),
        ("oncall", "local.oncall:oncall", "Show who is on call, now or at a time."),
        ("history", "remote.history:history", "Show what a check saw over hours or months."),
        (
            "simulate",
            "local.simulate:simulate",
            "Replay what checks saw, and count what it would have made.",
        ),
        ("probe", "local.probe:probe", "Run one check once, right here."),
    ),
    "Act": _entries(
        ("ack", "remote.ack:ack", "Acknowledge an incident: you are on it."),
        ("resolve", "remote.resolve:resolve", "End an incident by hand."),
        ("escalate", "remote.escalate:escalate", "Page the next step of an incident now."),
        ("merge", "remote.regroup:merge", "Make an incident part of another."),
        ("split", "remote.regroup:split", "Take alerts out of an incident, into a new one."),
        ("assign", "remote.assign:assign", "Give a ticket to somebody."),
        ("silence", "remote.silence:silence", "Mute alerts for a while, with a reason."),
        (
            "maintenance",
            "remote.maintenance:maintenance",
            "Plan work: quiet for staff, announced to customers.",
        ),
        ("announce", "remote.announce:announce", "Tell customers about an outage."),
    ),
    "Administer": _entries(
        ("test-channel", "remote.test_channel:test_channel", "Send a test message through a channel."),
        ("token", "remote.token:token", "Manage the tokens of the API."),
    ),
}
ENTRIES: Final = {entry.name: entry for rows in SECTIONS.values() for entry in rows}


class CommandTable(click.Group):
    """A group whose commands are rows of the table; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for a name that is not in the table."""
        del ctx
        entry = ENTRIES.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was perhaps meant."""
        name = args[0]
        if name not in ENTRIES and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(name, possibilities=ENTRIES, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands section by section."""
        del ctx
        width = max(map(len, ENTRIES))
        for title, rows in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(row.name.ljust(width), row.help) for row in rows])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl(exit_codes())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names from the table, so that a tab key imports nothing."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(entry.name, help=entry.help)
            for entry in ENTRIES.values()
            if entry.name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments; --help and --version print here."""
        with _quiet_pipe():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _quiet_pipe():
            return super().invoke(ctx)


@contextmanager
def _quiet_pipe() -> Iterator[None]:
    """End without a word when the reader of our output is gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail again, loudly, when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(Exit.PIPE_CLOSED) from None


def exit_codes() -> Iterable[tuple[str, str]]:
    """Return each exit code with its meaning, for help and reference."""
    return [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]


@click.command(
    cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    envvar="NIGHTBELL_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.option(
    "--url",
    envvar="NIGHTBELL_URL",
    show_envvar=True,
    metavar="URL",
    help="Where the daemon listens; instead of `listen.internal` of the configuration.",
)
@click.version_option(package_name="nightbell", message="nightbell %(version)s")
@click.pass_context
def nightbell(ctx: click.Context, config: Path, url: str | None) -> None:
    """Watch machines and services, and carry an outage all the way.

    Every command has --help, and prints JSON for programs with --json.
    """
    ctx.obj = Surroundings(config=config, url=url, clock=ctx.obj or SystemClock())
