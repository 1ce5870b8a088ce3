"""Programs that tests run against: those of `scripts/test-tools`, else the machine's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The folder that holds tests/."""

_STARTERS = ROOT / ".tools" / "bin"
# Where servers lie, and which the PATH of a plain user leaves out.
_ALSO = ":".join(("/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))))


def tool(name: str) -> Path:
    """Return the path of a program. Missing is an error, never a skip: what is not run proves nothing."""
    found = shutil.which(name, path=f"{_STARTERS}:{os.environ.get('PATH', os.defpath)}:{_ALSO}")
    if found is None:
        raise LookupError(f"cannot find the program {name!r} which this test needs: run scripts/test-tools")
    return Path(found)
