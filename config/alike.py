"""What is written alike is made once: thousands of checks differ in little, and from one load to the next in less."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Final

from config.model import Check
from config.schema.checks import CheckKeys
from config.schema.decode import key_shapes, known_keys
from config.source.block import Block
from probes.api import Probe

CHECK_KEYS: Final = frozenset(known_keys(CheckKeys))
"""What every check may say."""

_SORTED: Final = json.JSONEncoder(sort_keys=True, default=str)


class Alike:
    """What one load has made of checks so far, and what the running configuration was made of."""

    def __init__(self, running: Mapping[str, Check]) -> None:
        """Know the checks of the running configuration; none at the start."""
        self._running = running
        self._keys: dict[object, CheckKeys] = {}
        self._inner: dict[tuple[type[Any], object], Any] = {}

    def keys(self, written: Block) -> CheckKeys | None:
        """Return the keys of another check that were written the same."""
        try:
            return self._keys.get(_plain(written))
        except TypeError:
            return None

    def keep_keys(self, written: Block, keys: CheckKeys) -> None:
        """Have them found by the next one; what holds more than words and numbers is not."""
        with suppress(TypeError):
            self._keys[_plain(written)] = keys

    def probe(self, name: str, kind: type[Probe], made_of: str) -> Probe | None:
        """Return the probe of the running check of that name where it was made of the same."""
        known = self._running.get(name)
        if known is None or type(known.probe) is not kind or not known.fingerprint.startswith(made_of):
            return None
        return known.probe

    def with_inner(self, kind: type[Probe], options: Block) -> Block:
        """Return the options with what other checks have had made of the same mappings within them."""
        found = {}
        for key, shape in _inner_shapes(kind):
            inner = options.get(key)
            if isinstance(inner, Block) and (made := self._inner.get((shape, _key(inner)))) is not None:
                found[key] = made
        return options.plus(**found) if found else options

    def keep_inner(self, kind: type[Probe], options: Block, probe: Probe) -> None:
        """Have found by the next one what was made of mappings within the options."""
        for key, shape in _inner_shapes(kind):
            inner, made = options.get(key), getattr(probe, key, None)
            if isinstance(inner, Block) and type(made) is shape:
                self._inner[shape, _key(inner)] = made


def made_of(kind: type[Probe], options: Block) -> str:
    """Return what is the same only where kind and options are."""
    text = _SORTED.encode((kind.KIND, options))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@cache
def not_options(kind: type[Probe]) -> frozenset[str]:
    """Return the keys of every check that are none of this kind's: one that both have is given to both."""
    return CHECK_KEYS - set(known_keys(kind))


@cache
def _inner_shapes(kind: type[Probe]) -> tuple[tuple[str, type[Any]], ...]:
    return tuple(
        (str(key), shape)
        for key, shape in key_shapes(kind).items()
        if isinstance(shape, type) and is_dataclass(shape)
    )


def _key(written: Block) -> object:
    """Return what two blocks share that are written alike; one of words and numbers has it for a third of the time."""
    key = _plain(written)
    try:
        hash(key)
    except TypeError:
        return json.dumps(written)
    return key


def _plain(written: Block) -> object:
    """Return what stands for a block of words and numbers: 1, 1.0 and true are not the same here.

    Mappings and lists in it make it of no use as a key: that raises TypeError where it is looked up.
    """
    return (*written.items(), *map(type, written.values()))
