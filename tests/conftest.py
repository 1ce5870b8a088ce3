"""What holds for every test: properties are judged by their truth, not by the speed of the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
