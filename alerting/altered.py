"""A record with some of its fields changed: what `dataclasses.replace` does, in half the time."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def altered(record: T, **changes: Any) -> T:
    """Return `record`, a dataclass of several fields that are all given at its making, with `changes`.

    For what is asked for each of thousands of incidents. Raise TypeError for a field there is none of.
    """
    names, values = _shape(type(record))  # type: ignore[arg-type] # classes can be hashed
    return type(record)(**dict(zip(names, values(record), strict=True), **changes))


@cache
def _shape(kind: type) -> tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)
