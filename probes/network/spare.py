"""How many sockets may stay open between runs: what the process can spare of its descriptors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Spare:
    """`connections` are those kept from one run to the next, `kept` of them are; `name_servers` have a socket each."""

    connections: int = 1 << 16
    name_servers: int = 256
    kept: int = 0


SPARE: Final = Spare()
"""The one of this process: descriptors belong to all its loops together."""
