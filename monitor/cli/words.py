"""Text that comes from outside, made fit for a terminal."""

from __future__ import annotations

import re
from typing import Final

# What a terminal would obey, and what turns the direction of writing.
_UNSAFE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Return `text` so that a terminal prints it and obeys nothing in it; None is empty."""
    return _UNSAFE.sub("\ufffd", str(text)) if text is not None else ""


def one_line(text: object) -> str:
    """Return `text` clean and in one line."""
    return clean(" ".join(str(text).split())) if text is not None else ""


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 check`, `2 checks`, `no checks`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def listed(words: object) -> str:
    """Write a list with commas; empty for what is no list."""
    return ", ".join(map(one_line, words)) if isinstance(words, list | tuple) else ""
