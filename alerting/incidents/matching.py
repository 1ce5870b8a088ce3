"""Does a silence fit an alert? Pure matching of whole words with `*` as a wildcard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerting.incidents.silence import Silence


def fits(silence: Silence, traits: Mapping[str, Iterable[str]]) -> bool:
    """True when every matcher fits one of the values of its trait; a trait that is absent fits nothing."""
    return matches(silence.matchers, traits)


def matches(matchers: Mapping[str, str], traits: Mapping[str, Iterable[str]]) -> bool:
    """True when every one of the matchers fits one of the values of its trait."""
    return all(
        any(_same(pattern, value) for value in traits.get(name, ())) for name, pattern in matchers.items()
    )


def _same(pattern: str, value: str) -> bool:
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
