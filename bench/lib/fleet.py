"""Configurations of Nightbell with many checks and everything on: thresholds, history, metrics, host, paging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.nginx import Nginxes

INTERVAL = "10s"
"""Between two runs of a check, ours and theirs."""

THRESHOLDS = {
    "slow": {
        "select": {"probe": "http"},
        "metric": "duration_seconds",
        "warning": {"above": "500ms", "clear_below": "300ms", "for": "1m"},
        "critical": {"above": "2s", "clear_below": "1s", "for": "1m"},
    }
}
"""Beside the outcome and the shipped ones: one threshold with two levels on every check."""


def staff(hook: str = "http://127.0.0.1:9/hook", **channel: Any) -> dict[str, Any]:
    """Return somebody on shift who is paged by a webhook."""
    return {
        "people": {"li": {"name": "Li", "hook": "li"}},
        "rotas": {"ops": {"people": ["li"]}},
        "channels": {"hook": {"notifier": "webhook", "url": hook, **channel}},
        "defaults": {"owner": "ops"},
    }


def checks(targets: Nginxes, size: int, **keys: Any) -> dict[str, Any]:
    """Return HTTP checks of `size` different URLs that look at the status."""
    return {
        f"check-{number}": {"probe": "http", "url": targets.url(number), "expect": {"status": 200}, **keys}
        for number in range(size)
    }


def fleet(
    targets: Nginxes, size: int, *, every: str = INTERVAL, more: Mapping[str, Any] | None = None, **keys: Any
) -> dict[str, Any]:
    """Return a configuration of `size` HTTP checks; `keys` go to each check, `more` are further sections."""
    people = staff()
    people["defaults"] |= {"every": every}
    return {**people, "thresholds": THRESHOLDS, "checks": checks(targets, size, **keys), **(more or {})}
