"""A person who can be paged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody on the staff. `channels` maps a channel's id to the address there, in the person's own order."""

    id: str
    name: str
    channels: Mapping[str, str] = field(repr=False)
    language: str
    skills: tuple[str, ...] = ()
