"""Patterns people write for names: whole words, with `*` as the only wildcard."""

from __future__ import annotations


def same(pattern: str, value: str) -> bool:
    """True when `value` is `pattern`, where each `*` stands for anything. No other letter is special."""
    head, *rest = pattern.split("*")
    if not rest:
        return value == pattern
    tail = rest.pop()
    if not value.startswith(head) or not value.endswith(tail) or len(value) < len(head) + len(tail):
        return False
    at, last = len(head), len(value) - len(tail)
    for piece in rest:
        found = value.find(piece, at, last)
        if found < 0:
            return False
        at = found + len(piece)
    return True
