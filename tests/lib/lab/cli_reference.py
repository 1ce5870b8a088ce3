"""Writes the reference of the command line from the commands themselves: `python -m lab.cli_reference`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from lab.tools import ROOT
from monitor.cli.commands import SECTIONS, exit_codes, nightbell

REFERENCE = ROOT / "docs" / "reference" / "cli.md"
WIDTH = 100

HEAD = """\
# The command line

<!-- Made by scripts/cli-reference from the commands' own help. -->

`nightbell [-c FILE] COMMAND`. Commands that ask the running daemon find it by `listen.internal` of the
configuration and take their token from `admin.token` in the state directory. From another machine, or without
the right to read those files, name both: `NIGHTBELL_URL=https://mon.example NIGHTBELL_TOKEN=nb_… nightbell status`.

Output is for people; with `--json` it is for programs. Into a pipe every row of a table is one whole line
without colour, and an empty cell is `-`. `NO_COLOR=1` switches colour off in a terminal, too. Times are the
site's. Ids may be typed in short: `3` for `INC-3`.

## Environment

| variable | stands for |
|---|---|
| `NIGHTBELL_CONFIG` | `-c FILE` |
| `NIGHTBELL_URL` | `--url URL` |
| `NIGHTBELL_TOKEN` | the token, instead of `admin.token` |
| `NIGHTBELL_PERSON` | `--by PERSON`, and `--author PERSON` of a silence |
| `NIGHTBELL_LOG_LEVEL` | `run --log-level` |

## Completion

Bash, in `~/.bashrc`: `eval "$(_NIGHTBELL_COMPLETE=bash_source nightbell)"`. Zsh, in `~/.zshrc`:
`eval "$(_NIGHTBELL_COMPLETE=zsh_source nightbell)"`. Fish, in `~/.config/fish/completions/nightbell.fish`:
`_NIGHTBELL_COMPLETE=fish_source nightbell | source`.

## Exit codes

| code | meaning |
|---|---|
"""


def render() -> str:
    """Return the whole reference."""
    lines = [HEAD, *(f"| {code} | {meaning} |\n" for code, meaning in exit_codes())]
    root = nightbell.make_context("nightbell", [], resilient_parsing=True, terminal_width=WIDTH)
    lines += ["\n## nightbell\n\n", _fenced(nightbell.get_help(root))]
    for title, entries in SECTIONS.items():
        lines.append(f"\n## {title}\n")
        for entry in entries:
            lines += _command(entry.load(), entry.name, root)
    return "".join(lines)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield f"\n### {context.command_path}\n\n{_fenced(command.get_help(context))}"
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from _command(below, word, context)


def _fenced(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"```text\n{lines}\n```\n"


if __name__ == "__main__":
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE.write_text(render(), encoding="utf-8")
