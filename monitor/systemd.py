"""A word to systemd over its notification socket; nothing where we do not run under it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


def notify(text: str, environ: Mapping[str, str] = os.environ, *, patience: float = 1.0) -> bool:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=…`; False where there is no socket or nobody listens.

    `patience` is how many seconds to wait where systemd does not come round to reading: what comes again by
    itself need not wait at all.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(patience)
            channel.connect("\0" + address[1:] if address[0] == "@" else address)
            channel.sendall(text.encode())
    except OSError:
        return False
    return True


def reloading() -> str:
    """Return the message that a reload begins, with the monotonic stamp newer systemd wants."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants to hear of us, in seconds; None where it does not watch this process."""
    micro = environ.get("WATCHDOG_USEC", "")
    wanted = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(micro) / 1e6 if micro.isdecimal() and int(micro) > 0 and wanted else None
