"""What a receiving server took, one JSON object a line, on disk before the sender hears of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Ledger:
    """Appends and syncs each entry; without a path it only remembers them."""

    path: Path | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)

    def write(self, entry: dict[str, Any]) -> None:
        """Keep `entry`; when this returns, a crash of whoever sent it no longer matters."""
        entry = {"n": len(self.entries) + 1, **entry}
        self.entries.append(entry)
        if self.path is None:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """Return what a ledger holds; a last line cut off by a crash is left out."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
