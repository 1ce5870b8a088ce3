"""Does a silence fit an alert? Pure matching of whole words with `*` as a wildcard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerting.incidents.silence import Silence
from alerting.pattern import same


def fits(silence: Silence, traits: Mapping[str, Iterable[str]]) -> bool:
    """True when every matcher fits one of the values of its trait; a trait that is absent fits nothing."""
    return matches(silence.matchers, traits)


def matches(matchers: Mapping[str, str], traits: Mapping[str, Iterable[str]]) -> bool:
    """True when every one of the matchers fits one of the values of its trait."""
    return all(
        any(same(pattern, value) for value in traits.get(name, ())) for name, pattern in matchers.items()
    )
