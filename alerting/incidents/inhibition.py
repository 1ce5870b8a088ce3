"""An inhibition: while one alert fires another is muted, where both agree in what `equal` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from alerting.incidents.matching import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """A rule. Matchers are those of silences; `equal` names traits (labels, `host`, `service`…) both alerts share.

    A trait that is absent equals nothing.
    """

    source: Mapping[str, str]
    target: Mapping[str, str]
    equal: tuple[str, ...] = ()


def marks_of_source(rules: Iterable[Inhibition], traits: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return what an alert with these traits mutes while it fires: keys by which its targets find it."""
    return tuple(_marks(rules, traits, as_source=True))


def marks_of_target(rules: Iterable[Inhibition], traits: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the keys of the alerts that mute one with these traits."""
    return tuple(_marks(rules, traits, as_source=False))


def _marks(
    rules: Iterable[Inhibition], traits: Mapping[str, Iterable[str]], *, as_source: bool
) -> Iterator[str]:
    for place, rule in enumerate(rules):
        if matches(rule.source if as_source else rule.target, traits):
            for values in product(*(tuple(filter(None, traits.get(name, ()))) for name in rule.equal)):
                yield "\x1f".join((f"mutes:{place}", *values))
