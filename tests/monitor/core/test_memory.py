"""Memory that is free goes back to the system, also from below what is still in use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from monitor.memory import give_back


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_free_memory_goes_back_though_something_above_it_is_in_use() -> None:
    pieces = [bytes([number % 256]) * 9000 for number in range(4000)]
    above = bytes([1]) * 9000
    full = _resident()
    del pieces
    give_back()
    least = 20_000_000 if platform.libc_ver()[0] == "glibc" else 0
    assert full - _resident() >= least
    assert above
