"""Keys whose shape is fixed but which nothing acts on yet: written today, they keep their meaning."""

from __future__ import annotations

from typing import Final

NOT_ACTED_ON: Final[tuple[tuple[str, ...], ...]] = (
    ("people", "*", "skills"),
    ("tickets", "mirror"),
)
"""Keys that are accepted and checked, and earn one warning each as long as nothing acts on them."""
