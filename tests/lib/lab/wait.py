"""Waiting for something outside to become true, with a limit and a reason."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_given: set[int] = set()


def until(what: Callable[[], T | None], *, within: float, why: str, look_every: float = 0.05) -> T:
    """Return the first true answer of `what`; fail with `why` when `within` seconds have passed."""
    end = time.monotonic() + within
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{why} (waited {within:g} s)")
        time.sleep(look_every)


def free_port() -> int:
    """Return a port nobody listens on right now, on loopback.

    From below those the kernel gives away by itself: nobody takes it while the one it is for is restarted. Tests that
    run beside each other draw from ranges of their own, and none is given twice to one process: who draws many at once
    listens on them later.
    """
    dice, worker = random.SystemRandom(), os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = 12_000 + int(worker) % 4 * 5_000
    while True:
        port = dice.randrange(first, first + 5_000)
        if port in _given:
            continue
        with socket.socket() as one, suppress(OSError):
            one.bind(("", port))  # some listen on all addresses
            _given.add(port)
            if len(_given) > 4_000:
                _given.clear()
            return port


def is_listened_on(port: int) -> bool:
    """Tell whether a port of IPv4 is listened on, without a knock that might be taken for a guest."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)
