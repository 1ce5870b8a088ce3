"""Bearer tokens: 256 random bits for their holder, a digest for us."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

ROLES: Final = ("viewer", "operator", "admin")
"""What a token may do, each one more than the last."""

PREFIX: Final = "nb_"
"""So that secret scanners and people know one when they see it."""


def new_token() -> tuple[str, str]:
    """Make a token; return its text, shown once, and the digest to keep."""
    text = PREFIX + secrets.token_urlsafe(32)
    return text, digest(text)


def digest(text: str) -> str:
    """Return what a token is known by. A plain hash suffices: nobody guesses 256 random bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
