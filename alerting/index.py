"""Which records are about what: ids by key, so that ten thousand alerts need not be looked through for each one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Index(Generic[T]):
    """Ids of records by each of a record's keys, in the order in which they came."""

    __slots__ = ("_ids", "_keys", "size")

    def __init__(self, keys: Callable[[T], Iterable[str]], records: Mapping[str, T]) -> None:
        """Begin with `records` by id. `keys` tells what one of them is about."""
        self._keys = keys
        self._ids: dict[str, dict[str, None]] = {}
        self.size = 0
        for id_, record in records.items():
            self.change(id_, None, record)

    def of(self, key: str) -> dict[str, None]:
        """Return the ids of what is about `key`, to read only."""
        return self._ids.get(key, {})

    def change(self, id_: str, before: T | None, after: T | None) -> None:
        """Take over that a record came (`before` None), changed, or went (`after` None)."""
        self.size += (after is not None) - (before is not None)
        old = () if before is None else tuple(self._keys(before))
        new = () if after is None else tuple(self._keys(after))
        if old == new:
            return
        for key in old:
            if key not in new:
                self._drop(key, id_)
        for key in new:
            self._ids.setdefault(key, {})[id_] = None

    def _drop(self, key: str, id_: str) -> None:
        ids = self._ids.get(key, {})
        ids.pop(id_, None)
        if not ids:
            self._ids.pop(key, None)
