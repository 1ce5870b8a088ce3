"""Rows under their columns: whole lines for a pipe, folded with care for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP: Final = 2
INDENT: Final = 2
ROOM: Final = 32
"""Cells that text needs beside the other columns; with less it goes on a line of its own."""

Rows = Sequence[Sequence[str]]


def plain(heads: Sequence[str], rows: Rows) -> str:
    """Return one line per row. Every column stays and no cell is empty: programs that split the line count on it."""
    lines = [[head.upper() for head in heads], *([cell or "-" for cell in row] for row in rows)]
    widths = _widths(lines)
    return "".join(_line(line, widths).plain.rstrip() + "\n" for line in lines)


def drawn(
    heads: Sequence[str], rows: Rows, console: Console, styles: Mapping[str, str]
) -> list[Text | Table]:
    """Return what to print in a terminal as wide as `console`; nothing is cut.

    The last column is the one that may be long: it is folded beside the others, or below them. A column in
    which nothing stands tells nothing, and is left out.
    """
    kept = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    heads = [heads[place] for place in kept]
    rows = [[row[place] for place in kept] for row in rows]
    widths = _widths([heads, *rows])
    before = sum(widths[:-1]) + GAP * (len(widths) - 1)
    if before > console.width - INDENT:
        return [_folded(heads, rows, styles)]
    if before + widths[-1] > console.width and console.width - before < ROOM:
        return _below(heads, rows, widths, console, styles)
    lines: list[Text | Table] = [_line(heads, widths, default="bold")]
    for row in rows:
        first, *more = _wrapped(row[-1], console, console.width - before, styles)
        lines.append(_line(row[:-1], widths, styles).append(" " * GAP if before else "").append(first))
        lines += [Text(" " * before).append(line) for line in more]
    return lines


def hanging(head: str, text: str, console: Console) -> list[Text]:
    """Return `text` after `head`, its further lines below its first one."""
    room = console.width - cell_len(head)
    if room < ROOM:
        return [Text(head + text)]
    first, *more = _wrapped(text, console, room, {})
    return [Text(head).append(first), *(Text(" " * cell_len(head)).append(line) for line in more)]


def _below(
    heads: Sequence[str], rows: Rows, widths: Sequence[int], console: Console, styles: Mapping[str, str]
) -> list[Text | Table]:
    lines: list[Text | Table] = [_line(heads, widths, default="bold")]
    for row in rows:
        lines.append(_line(row[:-1], widths, styles))
        below = _wrapped(row[-1], console, console.width - INDENT, styles)
        lines += [Text(" " * INDENT).append(line) for line in below]
    return lines


def _folded(heads: Sequence[str], rows: Rows, styles: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    return table


def _line(
    cells: Sequence[str], widths: Sequence[int], styles: Mapping[str, str] | None = None, *, default: str = ""
) -> Text:
    line = Text()
    for place, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        line.append(" " * GAP if place else "")
        line.append(cell, style=(styles or {}).get(cell, default))
        line.append(" " * (width - cell_len(cell)))
    return line


def _wrapped(text: str, console: Console, width: int, styles: Mapping[str, str]) -> list[Text]:
    lines = Text(text, style=styles.get(text, "")).wrap(console, width, overflow="fold")
    for line in lines:
        line.rstrip()
    return list(lines) or [Text()]


def _widths(lines: Rows) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
