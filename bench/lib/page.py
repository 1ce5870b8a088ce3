"""The page that tells the figures of a run, goals beside them; what is not met is said first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lib.figures import Figure, Report, Section, number

QUIET = 0.5
"""Load above which a machine was not quiet."""


def page(report: Report) -> str:
    """Return the page in Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from (
        "# Performance",
        "",
        f"<!-- Made by `{report.command}`: figures stand here as they were measured, nobody types them. -->",
        "",
        f"Measured on {report.at} by `{report.command}` in {report.seconds / 60:.0f} minutes. CPU is what the kernel",
        "counts (`schedstat`) for every process of the measured system; the targets are not part of it. Each figure is",
        "the median of its windows; a ratio compares figures of the same run.",
        "",
        *table(("machine", ""), list(report.machine.items())),
        "",
    )
    if report.load_before > QUIET:
        yield f"**The machine was not quiet** (load {report.load_before:g} before the start): CPU figures are too high,"
        yield "times even more so."
        yield ""
    yield from _summary(report.sections)
    for section in report.sections:
        yield from _section(section)


def _summary(sections: Sequence[Section]) -> Iterator[str]:
    figures = [figure for section in sections for figure in section.figures if figure.goal is not None]
    missed = [figure for figure in figures if figure.met is False]
    blank = [figure for figure in figures if figure.met is None]
    met = len(figures) - len(missed) - len(blank)
    yield f"Of {len(figures)} goals: {met} met, {len(missed)} not met, {len(blank)} without a figure."
    if missed or blank or any(section.failure for section in sections):
        yield ""
    for figure in missed:
        yield f"- not met: {figure.what}, {_value(figure)} instead of {_goal(figure)}"
    for figure in blank:
        yield f"- not available: {figure.what}"
    for section in sections:
        if section.failure:
            yield f"- not measured at all: {section.title}"


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {section.title}", "")
    if section.failure:
        yield f"Not measured: {section.failure}"
    if section.text:
        yield from (section.text, "")
    if section.figures:
        yield from table(
            ("", "measured", "goal", ""),
            [(figure.what, _value(figure), _goal(figure), _verdict(figure)) for figure in section.figures],
        )
    if section.rows:
        yield from (*([""] if section.figures else []), *table(section.columns, section.rows))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown; what would end a cell is quoted."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (columns, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|" + "---|" * len(columns), *lines[1:]]


def _value(figure: Figure) -> str:
    return "not available" if figure.value is None else f"{number(figure.value)} {figure.unit}".strip()


def _goal(figure: Figure) -> str:
    return "" if figure.goal is None else f"≤ {number(figure.goal)} {figure.unit}".strip()


def _verdict(figure: Figure) -> str:
    word = {True: "met", False: "**not met**", None: ""}[figure.met]
    return ": ".join(part for part in (word, figure.note) if part)
