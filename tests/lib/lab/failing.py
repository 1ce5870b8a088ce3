"""The real daemon with faults laid at its landmarks: it dies, stands still or meets an error exactly there.

    PYTHONPATH=tests/lib NIGHTBELL_FAULT=send.begin:kill:3 python -P -m lab.failing -c FILE run

The plan is a comma-separated list of `landmark[@detail]:action[:nth]`. `detail` is a part of the landmark's detail,
`nth` counts the passings that match (default 1). Actions:

    kill        SIGKILL to the process itself, at once
    pause=S     sleep S seconds in place: what this thread does stands still, the others go on
    raise       OSError(EIO), as a failing disk or socket would; `raise=N` raises at N passings in a row
    exit        leave at once by os._exit, which runs no clean-up but lets the kernel send what is buffered

Passings count only while the file named by NIGHTBELL_FAULT_ARMED exists, where that is set. Each fault that is met
is one line in the file named by NIGHTBELL_FAULT_HITS before it takes effect, so that a test can tell that it was.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

from monitor.landmark import EVENT, Landmark

ACTIONS = ("kill", "pause", "raise", "exit")


@dataclass(slots=True)
class Fault:
    """One entry of the plan, and how often its landmark was passed."""

    landmark: Landmark
    detail: str
    action: str
    amount: float
    nth: int
    passed: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Read one entry; raise ValueError where it makes no sense."""
        place, _, rest = text.strip().partition(":")
        word, _, detail = place.partition("@")
        deed, _, nth = rest.partition(":")
        action, _, amount = deed.partition("=")
        if action not in ACTIONS:
            raise ValueError(f"cannot plan {text!r}: the action must be one of {', '.join(ACTIONS)}")
        return cls(Landmark(word), detail, action, float(amount or 1), int(nth or 1))

    def __str__(self) -> str:
        at = f"@{self.detail}" if self.detail else ""
        return f"{self.landmark.value}{at}:{self.action}:{self.nth}"

    def meets(self, landmark: str, detail: str) -> bool:
        """Count a passing; True where this one is to fail."""
        if landmark != self.landmark.value or self.detail not in detail:
            return False
        self.passed += 1
        row = int(self.amount) if self.action == "raise" else 1
        return self.nth <= self.passed < self.nth + row


class Plan:
    """An audit hook that makes what is planned happen."""

    def __init__(self, text: str, armed: Path | None, hits: Path | None) -> None:
        self.faults = [Fault.of(part) for part in text.split(",") if part.strip()]
        self._armed = armed
        self._hits = hits
        self._lock = Lock()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != EVENT:
            return
        if self._armed is not None and not self._armed.exists():
            return
        landmark, detail = arguments
        with self._lock:
            met = [fault for fault in self.faults if fault.meets(landmark, detail)]
        for fault in met:
            self._note(fault, detail)
            act(fault)

    def _note(self, fault: Fault, detail: str) -> None:
        line = f"{fault} {detail}\n".encode()
        os.write(2, b"fault: " + line)
        if self._hits is not None:
            file = os.open(self._hits, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(file, line)
            os.close(file)


def act(fault: Fault) -> None:
    """Do to the process what the fault says."""
    match fault.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # nobody comes back from here
        case "exit":
            os._exit(9)
        case "pause":
            time.sleep(fault.amount)
        case _:
            raise OSError(errno.EIO, f"planned at {fault.landmark.value}")


def main() -> int:
    """Lay the faults and start the daemon's own command line."""
    armed, hits = (os.environ.get(f"NIGHTBELL_FAULT_{name}") for name in ("ARMED", "HITS"))
    plan = Plan(
        os.environ.get("NIGHTBELL_FAULT", ""), Path(armed) if armed else None, Path(hits) if hits else None
    )
    sys.addaudithook(plan)
    from monitor.cli import main as daemon

    return daemon()


if __name__ == "__main__":
    sys.exit(main())
