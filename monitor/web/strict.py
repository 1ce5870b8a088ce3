"""JSON as it should be sent: UTF-8, no key twice, finite numbers, bounded in depth."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

DEPTH: Final = 32


def parse(raw: bytes) -> Any:
    """Return what `raw` says. Raises ValueError, and nothing else, for whatever is not strictly JSON."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_constant, parse_float=_finite, parse_int=_whole
        )
    except RecursionError:
        raise ValueError(f"the body is nested deeper than {DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error.msg} at character {error.pos + 1}") from None
    _bounded(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        found[key] = value
    return found


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"the number {word[:40]} is too large")
    return value


def _whole(word: str) -> int:
    if len(word) > 20:
        raise ValueError("a number has more than 20 digits")
    return int(word)


def _bounded(value: Any) -> None:
    """Refuse what is nested too deeply, and halves of surrogate pairs: they cannot be written again."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            _whole_characters(item)
        elif isinstance(item, dict | list):
            if depth > DEPTH:
                raise ValueError(f"the body is nested deeper than {DEPTH} levels")
            if isinstance(item, dict):
                waiting.extend((key, depth) for key in item)
                item = item.values()
            waiting.extend((child, depth + 1) for child in item)


def _whole_characters(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a string holds half a character (a lone surrogate)") from None
