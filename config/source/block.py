"""Mappings and lists of a configuration file that remember where each of their entries stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from config.complaint import KeyPath, Mark


class Place(NamedTuple):
    """Where a key and its value begin."""

    key: Mark
    value: Mark


class Block(dict[str, Any]):
    """A mapping of the file. Never changed after reading: other forms of it are new blocks."""

    __slots__ = ("mark", "places")

    def __init__(
        self, mark: Mark, entries: Mapping[str, Any] | None = None, places: Mapping[str, Place] | None = None
    ) -> None:
        """Hold `entries`; those without a place of their own stand at `mark`."""
        super().__init__(entries or {})
        self.mark = mark
        self.places: dict[str, Place] = dict(places) if places else {}

    def put(self, key: str, value: Any, place: Place | None = None) -> None:
        """Add an entry while the block is being made."""
        self[key] = value
        if place is not None:
            self.places[key] = place

    def place_of(self, key: str) -> Place:
        """Return where `key` and its value begin, or the block where that is not known."""
        return self.places.get(key) or Place(self.mark, self.mark)

    def only(self, keys: Collection[str]) -> Block:
        """Return a block of those of `keys` that are here."""
        return Block(self.mark, {key: value for key, value in self.items() if key in keys}, self.places)

    def without(self, *keys: str) -> Block:
        """Return a block of everything but `keys`."""
        return self.but(keys)

    def but(self, keys: Collection[str]) -> Block:
        """Return a block of everything that is not in `keys`."""
        return Block(self.mark, {key: value for key, value in self.items() if key not in keys}, self.places)

    def plus(self, **entries: Any) -> Block:
        """Return a block with further entries; those given replace those that are here."""
        return Block(self.mark, {**self, **entries}, self.places)


class Series(list[Any]):
    """A list of the file."""

    __slots__ = ("mark", "places")

    def __init__(self, mark: Mark, items: Iterable[Any] = (), places: Iterable[Mark] = ()) -> None:
        """Hold `items`; those without a place of their own stand at `mark`."""
        super().__init__(items)
        self.mark = mark
        self.places = list(places)


def locate(root: Block, path: KeyPath, *, key: bool = False) -> tuple[Mark, KeyPath]:
    """Return where `path` stands and those of its steps that the file has; with `key`, the place of its last key.

    Steps that only a written-out short form has are left out: nobody would find them in the file.
    """
    node: Any = root
    mark = root.mark
    shown: list[str | int] = []
    for index, step in enumerate(path):
        place: Place | None = None
        if isinstance(node, Block) and step in node:
            place = node.places.get(str(step))
            node = node[str(step)]
        elif isinstance(node, Series) and isinstance(step, int) and step < len(node):
            place = Place(node.places[step], node.places[step]) if step < len(node.places) else None
            node = node[step]
        else:
            break
        if place is not None:
            mark = place.key if key and index == len(path) - 1 else place.value
            shown.append(step)
    return mark, tuple(shown)
