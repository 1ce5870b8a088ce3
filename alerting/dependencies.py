"""Who depends on whom: of each check, which checks it stands on and which services stand on it.

Worked out once for each plan: a storm asks for it ten thousand times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Serving(Protocol):
    """What is asked of a service."""

    @property
    def checks(self) -> tuple[str, ...]:
        """Return the names of its checks."""
        ...

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Return the services it cannot work without."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """`upstream`: by check, the checks of all the services its own services depend on, directly or through others.

    `downstream`: by check, the services that depend on its services. A check that belongs to both ends of a
    dependency stands on neither: it cannot be the cause of itself.
    """

    upstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    downstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """True where anything depends on anything."""
        return bool(self.upstream)

    def stands_on(self, check: str, cause: str) -> bool:
        """Tell whether `check` can be a symptom of what `cause` watches."""
        return cause in self.upstream.get(check, ())


NONE = Dependencies()


def work_out(services: Mapping[str, Serving]) -> Dependencies:
    """Follow `depends_on` to its end. Circles and unknown names, which no configuration has, are passed over."""
    if not any(service.depends_on for service in services.values()):
        return NONE
    belongs: dict[str, list[str]] = {}
    for name, service in services.items():
        for check in service.checks:
            belongs.setdefault(check, []).append(name)
    reached = {name: _reached(name, services) for name in services}
    upstream: dict[str, tuple[str, ...]] = {}
    downstream: dict[str, dict[str, None]] = {}
    for check, owners in belongs.items():
        above = dict.fromkeys(one for owner in owners for one in reached[owner] if one not in owners)
        stands_on = dict.fromkeys(
            one for service in above for one in services[service].checks if not _shares(belongs[one], owners)
        )
        if stands_on:
            upstream[check] = tuple(stands_on)
        for cause in stands_on:
            downstream.setdefault(cause, {}).update(dict.fromkeys(owners))
    return Dependencies(
        upstream=upstream, downstream={check: tuple(names) for check, names in downstream.items()}
    )


def _shares(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(name in other for name in one)


def _reached(start: str, services: Mapping[str, Serving]) -> Iterable[str]:
    """Return every service that one depends on, the nearest first, without itself."""
    seen: dict[str, None] = {}
    waiting = list(services[start].depends_on)
    while waiting:
        name = waiting.pop(0)
        if name in seen or name == start or name not in services:
            continue
        seen[name] = None
        waiting += services[name].depends_on
    return seen
