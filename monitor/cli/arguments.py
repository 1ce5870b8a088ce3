"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Any

import click


class Numbered(click.ParamType[str]):
    """An object's id as people type it: `INC-12`, `inc-12`, or just `12`."""

    name = "id"

    def __init__(self, prefix: str, noun: str) -> None:
        """Take the prefix of the ids, and what they are ids of."""
        self.prefix = prefix
        self.noun = noun

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id as the daemon writes it."""
        text = str(value).strip().upper().removeprefix(f"{self.prefix}-")
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            self.fail(f"{value!r} is no {self.noun}; they look like {self.prefix}-12", param, ctx)
        return f"{self.prefix}-{int(text)}"


class Paged(Numbered):
    """An incident's id, or the code of a page about it, in capitals or not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id as the daemon writes it, or the code as the page has it."""
        from alerting.oncall.acknowledgement import CODE_ALPHABET, CODE_CHARACTERS

        text = "".join(str(value).upper().replace("-", "").split())
        if len(text) == CODE_CHARACTERS and set(text) <= set(CODE_ALPHABET) and not text.isdecimal():
            return text
        return super().convert(value, param, ctx)


INCIDENT = Numbered("INC", "incident")
PAGED = Paged("INC", "incident")
TICKET = Numbered("T", "ticket")
ANNOUNCEMENT = Numbered("A", "announcement")
SILENCE = Numbered("S", "silence")
MAINTENANCE = Numbered("M", "maintenance")


class Pair(click.ParamType[tuple[str, str]]):
    """`name=value`."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not equals or not name.strip() or not rest.strip():
            self.fail(f"{value!r} must be {self.name}", param, ctx)
        return name.strip(), rest.strip()


by_option = click.option(
    "--by",
    metavar="PERSON",
    envvar="NIGHTBELL_PERSON",
    show_envvar=True,
    help="Who does it: a person's id in the configuration.",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 5000),
    default=50,
    show_default=True,
    metavar="N",
    help="Show at most N, the newest.",
)
