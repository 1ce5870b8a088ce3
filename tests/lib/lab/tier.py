"""How long tests of faults go on, and what their dice start from."""

from __future__ import annotations

import os
import random
from typing import Final

NIGHTLY: Final = os.environ.get("NIGHTBELL_FAULTS") == "nightly"
"""True for the long runs; else the same tests run with every change, shorter and fewer."""

SEED: Final = os.environ.get("NIGHTBELL_SEED") or (
    str(random.SystemRandom().randrange(1_000_000)) if NIGHTLY else "1"
)
"""A gate that every change has to pass says the same of the same code; the nights look for what is new.

Printed with every run and failure.
"""
