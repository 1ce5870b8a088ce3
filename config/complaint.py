"""What is wrong with a configuration: every complaint at once, each with its place, none with a secret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from os.path import commonprefix
from typing import Final, NamedTuple
from urllib.parse import quote

SHOWN: Final = 100
"""How many complaints are printed; the rest is counted."""

MOST: Final = 1000
"""How many are collected: whoever has more gains nothing by the rest, and waits for it."""

FEW: Final = 24
"""Up to so many known names are listed where none resembles the word given."""

CANDIDATES: Final = 200
"""With how many names a word is compared in earnest."""

WINDOW: Final = 6
SHORTEST: Final = 3
WITHHELD: Final = "is not accepted; it holds a secret, so no more is said here"

KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, line 0 means the file as a whole."""

    file: str
    line: int = 0
    col: int = 0

    def __str__(self) -> str:
        """Write it as editors and terminals understand it."""
        return f"{self.file}:{self.line}:{self.col}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong. `path` names the key (`checks.home.url`), `hint` a way out."""

    file: str
    line: int
    col: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`file:line:col: path: message; hint`."""
        place = Mark(self.file, self.line, self.col)
        return "; ".join(
            filter(None, (": ".join(filter(None, (str(place), self.path, self.message))), self.hint))
        )


class ConfigError(Exception):
    """The configuration cannot be used; `complaints` says all that is wrong with it, in the order of the file."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        """Keep the complaints."""
        super().__init__(complaints)
        self.complaints = complaints

    def __str__(self) -> str:
        """One complaint a line; a long list is cut and the rest counted."""
        lines = [str(complaint) for complaint in self.complaints[:SHOWN]]
        if len(self.complaints) > SHOWN:
            lines.append(f"… and {len(self.complaints) - SHOWN} more")
        return "\n".join(lines)


class Unplaced(Exception):  # noqa: N818 - no error: the load begins anew
    """There is something to complain of, and nobody has kept the places of things."""


@dataclass(slots=True, kw_only=True)
class Notes:
    """Collects what one load has to say: complaints, warnings, and the secrets neither may repeat."""

    placed: bool = True
    """Whether what is read keeps its places; where not, a complaint raises Unplaced."""
    complaints: dict[tuple[Mark, str], Complaint] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    spoilt: set[Mark] = field(default_factory=set)
    """Places of values that were already complained of: what follows from them is not news."""
    _windows: dict[int, set[str]] = field(default_factory=dict, repr=False)

    def complain(self, mark: Mark, path: KeyPath, message: str, hint: str = "") -> None:
        """Take down a complaint; the first one of a place and path stands, the others would repeat it.

        Raises ConfigError when there are so many that more would help nobody, Unplaced when no place is known.
        """
        if not self.placed:
            raise Unplaced
        if self._reveals(message) or self._reveals(hint):
            message, hint = WITHHELD, ""
        where = ".".join(str(step) for step in path)
        self.complaints.setdefault(
            (mark, where),
            Complaint(file=mark.file, line=mark.line, col=mark.col, path=where, message=message, hint=hint),
        )
        if len(self.complaints) >= MOST:
            self.raise_if_any()

    def warn(self, text: str) -> None:
        """Take down a warning once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def hide(self, secret: str) -> None:
        """Never repeat `secret`, nor a telling piece of it, in a complaint."""
        for form in {secret, quote(secret, safe=""), repr(secret)[1:-1]}:
            size = min(len(form), WINDOW)
            if size < SHORTEST:
                form, size = f"'{form}'", len(form) + 2  # noqa: PLW2901 - too short to look for unquoted
            pieces = self._windows.setdefault(size, set())
            pieces.update(form[start : start + size] for start in range(len(form) - size + 1))

    def _reveals(self, text: str) -> bool:
        return any(
            text[start : start + size] in pieces
            for size, pieces in self._windows.items()
            for start in range(len(text) - size + 1)
        )

    def raise_if_any(self) -> None:
        """Raise ConfigError when there is a complaint."""
        if self.complaints:
            inner = sorted(self.complaints.values(), key=lambda one: (one.file, one.line, one.col))
            raise ConfigError(tuple(inner))


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """Return a hint that names the likeliest of `known`, or all of them when they are few, or nothing."""
    from difflib import get_close_matches

    word = word[:100]
    names = sorted(str(name) for name in known)
    likely = names if len(names) <= CANDIDATES else _roughly_like(word, names)
    close = get_close_matches(word, likely, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    if 0 < len(names) <= FEW:
        return f"known: {', '.join(names)}"
    return ""


def _roughly_like(word: str, names: list[str]) -> list[str]:
    """Return those of many names that begin and end most like `word`: cheap, and right for one wrong letter."""

    def shared(name: str) -> int:
        return -len(commonprefix((word, name))) - len(commonprefix((word[::-1], name[::-1])))  # noqa: RUF071 - letter by letter is meant

    return nsmallest(CANDIDATES, names, key=shared)
