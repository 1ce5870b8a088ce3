"""How large a configuration may be: what lies beyond was made to harm, or by mistake."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 32
MAX_NODES: Final = 400_000
"""Of all files together, aliases counted as often as they are used."""
MAX_CHARACTERS: Final = 64 * 1024
"""Of one text."""
MAX_KEY: Final = 300
