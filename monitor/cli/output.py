"""What people read: tables that fit a terminal, and plain columns, uncut, for a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from io import StringIO
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli import table, times
from monitor.cli.words import clean, one_line

STYLES: Final[Mapping[str, str]] = {
    "critical": "bold red", "down": "bold red", "failed": "bold red", "open": "bold red", "urgent": "bold red",
    "nobody": "bold red", "trouble": "bold red", "blind": "bold red", "not ready": "bold red", "no": "bold red",
    "warning": "yellow", "unknown": "yellow", "recovering": "yellow", "ambiguous": "yellow", "new": "yellow",
    "degraded": "yellow", "expired": "yellow", "investigating": "yellow",
    "up": "green", "ready": "green", "operational": "green", "resolved": "green", "accepted": "green",
    "monitoring": "cyan", "identified": "cyan", "pending": "cyan", "sending": "cyan", "in_progress": "cyan",
    "closed": "dim", "cancelled": "dim", "ended": "dim",
}  # fmt: skip
"""How a word of a state looks where there is colour."""

WIDE: Final = 100_000
"""Width of what is not a terminal: nothing is folded there."""


def print_json(value: object) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a command writes on: knows the zone of the site, the present instant, and whether a person looks."""

    zone: tzinfo | None
    now: datetime

    def say(self, *lines: str) -> None:
        """Print lines as they are, once clean."""
        for line in lines:
            click.echo(clean(line))

    def title(self, text: str) -> None:
        """Print a heading."""
        self._print(Text(clean(text), style="bold"))

    def state(self, *words: str) -> None:
        """Print words of which those that name a state stand out."""
        line = Text()
        for place, word in enumerate(words):
            line.append((" " if place else "") + one_line(word), style=STYLES.get(word, ""))
        self._print(line)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
        """Print rows under their columns, or the sentence `empty` where there are none.

        The last column is the one that may be long. Into a pipe every row is one line, whole.
        """
        if not rows:
            self.say(empty)
            return
        cells = [[one_line(cell) for cell in row] for row in rows]
        if watched():
            self._print(*table.drawn(columns, cells, _console(StringIO()), STYLES))
        else:
            click.echo(table.plain(columns, cells), nl=False)

    def facts(self, pairs: Mapping[str, object]) -> None:
        """Print `name: value` lines, values aligned; those that are absent are left out."""
        shown = {
            one_line(name): one_line(value)
            for name, value in pairs.items()
            if value not in (None, "", [], {}, ())
        }
        width = max(map(len, shown), default=0) + 1
        for name, value in shown.items():
            line = Text(f"{name}:".ljust(width + 1))
            line.append(value, style=STYLES.get(value, ""))
            self._print(line)

    def when(self, value: object) -> str:
        """Write an instant (as the API does, or aware) as local and relative time; empty for none."""
        at = value if isinstance(value, datetime) else times.instant(value)
        if at is None:
            return ""
        return f"{times.wall(at, self.zone, self.now)} ({times.relative(at, self.now)})"

    def clock(self, value: object) -> str:
        """Write an instant as local time alone; empty for none."""
        at = value if isinstance(value, datetime) else times.instant(value)
        return times.wall(at, self.zone, self.now) if at else ""

    def since(self, value: object) -> str:
        """Write how long ago an instant was, or how far ahead it is; empty for none."""
        at = value if isinstance(value, datetime) else times.instant(value)
        return times.relative(at, self.now) if at else ""

    def timeline(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Draw what happened, oldest first, along a line."""
        if not entries:
            self.say("Nothing happened yet.")
            return
        rows = sorted(entries, key=lambda entry: str(entry.get("at")))
        begun, day = times.instant(rows[0].get("at")), ""
        for place, entry in enumerate(rows):
            at = times.instant(entry.get("at"))
            local = at.astimezone(self.zone) if at else None
            if local and f"{local:%Y-%m-%d}" != day:
                day = f"{local:%Y-%m-%d}"
                self.say(day)
            mark = "┬" if place == 0 else "└" if place == len(rows) - 1 else "├"
            after = f"+{times.length((at - begun).total_seconds())}" if at and begun and place else ""
            who = f" ({one_line(entry['who'])})" if entry.get("who") not in (None, "", "nightbell") else ""
            clock = f"{local:%H:%M:%S}" if local else ""
            text = one_line(entry.get("text") or entry.get("event"))
            self._print(
                *table.hanging(f"{clock:>8} {after:>10} {mark} ", f"{text}{who}", _console(StringIO()))
            )

    def _print(self, *parts: Text | Table) -> None:
        page = StringIO()
        console = _console(page)
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
        click.echo("".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines()), nl=False)


def _console(page: StringIO) -> Console:
    """Return a console that draws for stdout: as wide, and with as many colours."""
    seen = watched()
    return Console(
        file=page,
        force_terminal=seen,
        width=None if seen else WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def watched() -> bool:
    """True when a person looks: stdout is a terminal."""
    return sys.stdout.isatty()
