"""What an unquoted word of the file is: true, false, nothing, a plain number, and otherwise text.

YAML 1.1 would read `NO` as false, `22:22` as 1342 and `010` as 8. Here they are the words they look like;
a place that wants a number or a boolean says so, and says how to write it.
"""

from __future__ import annotations

import re
from typing import Final

DIGITS: Final = 18
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_FIRST: Final = frozenset("-+.0123456789")

_TRUE: Final = frozenset(("yes", "on", "true", "y", "1"))
_FALSE: Final = frozenset(("no", "off", "false", "n", "0"))
_NUMBER_HINTS: Final = (
    (re.compile(r"[-+]?0[0-9]+"), "a leading zero makes it a word; write it without"),
    (re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+"), "powers of ten are words here; write the number out"),
    (re.compile(r"[0-9]+(:[0-9]+)+"), "a word with colons is never a number"),
    (re.compile(r"[0-9][0-9_,]*"), "write the digits alone, without quotes and separators"),
    (re.compile(r"0[xob][0-9a-fA-F]+"), "only decimal numbers are read"),
    (re.compile(r"\$\{.*"), "values from ${…} are text"),
)


def resolve(word: str) -> str | int | float | bool | None:
    """Return what the unquoted `word` means. Raises ValueError for a number no program could hold."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _FIRST:
        return word
    if _INTEGER.fullmatch(word):
        # The text "+861380000" is read as a number too: a place that wants text then asks for quotes.
        if len(word) > DIGITS:
            raise ValueError(f"is a number of {len(word)} digits; at most {DIGITS} are read")
        return int(word)
    if _DECIMAL.fullmatch(word):
        if len(word) > 2 * DIGITS:
            raise ValueError(f"is a number of {len(word)} characters; at most {2 * DIGITS} are read")
        return float(word)
    return word


def boolean_hint(value: object) -> str:
    """Return how to write as a boolean what somebody wrote as `value`."""
    word = str(value).lower()
    if word in _TRUE:
        return "write true"
    return "write false" if word in _FALSE else ""


def number_hint(value: object) -> str:
    """Return why `value` is not the number somebody meant."""
    if not isinstance(value, str):
        return ""
    return next((hint for pattern, hint in _NUMBER_HINTS if pattern.fullmatch(value)), "")


_REFUSED: Final = re.compile(
    # Control characters but tab and newline, lone surrogates, marks that reverse the direction of text.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def refused_character(text: str) -> tuple[int, str] | None:
    """Return position and name of the first character that no configuration needs, or None."""
    match = None if text.isascii() and text.isprintable() else _REFUSED.search(text)
    if match is None:
        return None
    return match.start(), f"U+{ord(match[0]):04X}"
