"""What leaves as one message: a row, or several of one collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from alerting.notification import Notification, Reason
from monitor.delivery.marks import name_of

MARKED_ALONE: Final = 100
"""Rows of a collection sent from memory that get marks of their own: there are only so many slots."""


@dataclass(slots=True, kw_only=True, eq=False)
class Leaving:
    """Rows on their way as one message. `remembered`: sent from memory, the store does not know of the attempt."""

    rows: tuple[Notification, ...]
    remembered: bool = False
    unwanted: dict[str, Reason] = field(default_factory=dict)
    """Why rows are left out of the message, by their ids."""
    tried: bool = False
    """True once the provider was tried."""
    over: bool = False
    """True once its fate is known: it takes no room on its channel while that is booked."""
    marks: list[str] = field(default_factory=list)
    """Marks to be cleared once what came of it is on the disk."""

    @property
    def channel(self) -> str:
        """The channel it leaves by."""
        return self.rows[0].channel

    @property
    def left(self) -> tuple[Notification, ...]:
        """The rows that are in the message."""
        return tuple(row for row in self.rows if row.id not in self.unwanted)

    @property
    def key(self) -> str:
        """The message's own, the same for each attempt at it, whatever is left out meanwhile."""
        return key_of(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """What its marks go by. Sent from memory, each row has one of its own: it may come back in other company."""
        left = self.left
        together = name_of(left[0], bundled=len(left) > 1)
        alone = (name_of(row) for row in left) if self.remembered and 1 < len(left) <= MARKED_ALONE else ()
        return (together, *alone)

    def adopt(self, claimed: Notification) -> None:
        """Have the attempt under way be the one that the store has just begun to count."""
        self.rows = tuple(
            replace(row, attempts=claimed.attempts) if row.id == claimed.id else row for row in self.rows
        )


def together(rows: Iterable[Notification]) -> list[tuple[Notification, ...]]:
    """Gather what leaves as one message, in the order of the first of each.

    What may be a repeat keeps apart from what is not, and from what left in another message: a provider that drops
    repeats by their key would drop news along with them.
    """
    gathered: dict[object, list[Notification]] = {}
    for row in rows:
        alike = (row.bundle, row.channel, row.to, row.kind, row.repeated, row.left_as)
        key = alike if row.bundle else row.id
        gathered.setdefault(key, []).append(row)
    return [tuple(group) for group in gathered.values()]


def key_of(rows: Iterable[Notification]) -> str:
    """Return the key of the message that rows leave in: their oldest one's, or the one under which they left before."""
    first = min(rows, key=lambda row: (len(row.id), row.id))
    return first.left_as or first.dedup_key


def keys(rows: Iterable[Notification]) -> dict[str, str]:
    """Return for rows that were leaving, by their ids, the keys of their messages."""
    return {row.id: key_of(group) for group in together(rows) for row in group}
