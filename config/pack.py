"""The shipped thresholds: an ordinary configuration section, read by the ordinary reader."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from config.complaint import Notes
from config.schema.decode import decode
from config.schema.thresholds import ThresholdKeys
from config.source.block import Block
from config.source.reader import Budget, read
from config.source.secrets import Secrets

PACK: Final = Path(__file__).parent / "thresholds.yaml"


@cache
def shipped_thresholds() -> Mapping[str, ThresholdKeys]:
    """Return the shipped thresholds by id. Raises ConfigError where the program itself is broken."""
    notes = Notes()
    secrets = Secrets(env={}, directory=PACK.parent, notes=notes)
    top, _ = read(PACK.read_text("utf-8"), str(PACK), notes=notes, secrets=secrets, budget=Budget())
    pack: dict[str, ThresholdKeys] = {}
    if isinstance(top, Block):
        for name, value in top.items():
            keys = decode(ThresholdKeys, value, root=top, path=(name,), notes=notes)
            if keys is not None:
                pack[name] = keys
    notes.raise_if_any()
    return pack
