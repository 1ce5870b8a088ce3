"""Programs that are measured or measured against: started in a session of their own, ended with all they started."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.cost import on_core, tree

ROOT = Path(__file__).resolve().parents[2]
STARTERS = ROOT / ".tools" / "bin"
STOP_WITHIN = 30.0
MEASURED, TARGETS = 0, 1
"""The cores on which measured programs run, and what they ask."""


class Unavailable(Exception):  # noqa: N818 - a fact, not a mistake
    """Something cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A program under way. `seconds` is how long it took until it was ready, 0 where nobody waited."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    seconds: float = 0.0

    @property
    def pids(self) -> list[int]:
        """Return it and all that it started."""
        return tree(self.process.pid)

    def must_live(self) -> None:
        """Raise Unavailable, with the end of its log, where it has ended."""
        if self.process.poll() is not None:
            raise Unavailable(f"{self.name} ended with {self.process.returncode}\n{tail(self.log)}")


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | float | Path],
    folder: Path,
    *,
    core: int | None,
    ready: Callable[[], bool] | None = None,
    within: float = 60.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Start a program, wait until it is `ready` (asked every 5 ms), and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    began = time.perf_counter()
    with log.open("wb") as out, on_core(core):
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    program = Program(name, process, log)
    try:
        if ready is not None:
            until(ready, within, f"{name} is not ready", program)
            program = Program(name, process, log, time.perf_counter() - began)
        yield program
    finally:
        stop(process)


def until(holds: Callable[[], bool], within: float, trouble: str, program: Program | None = None) -> float:
    """Wait until something holds and return the seconds it took."""
    began = time.perf_counter()
    while not holds():
        if program is not None:
            program.must_live()
        if time.perf_counter() - began > within:
            raise Unavailable(f"{trouble} after {within:g} s\n{tail(program.log) if program else ''}".strip())
        time.sleep(0.005)
    return time.perf_counter() - began


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and whatever it started: they share a session of their own."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            print(f"{process.args!r} did not stop in time and was killed", file=sys.stderr)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tool(name: str) -> Path:
    """Return the path of a program others wrote; raises Unavailable where it is not here."""
    found = shutil.which(name, path=f"{STARTERS}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"{name} is not here: run scripts/test-tools bench")
    return Path(found)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody uses now."""
    found: list[int] = []
    for port in random.sample(range(15_000, 30_000), 500):  # below those that connections get
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise Unavailable("there are not enough free ports")


def answers(port: int, path: str, status: int = 200) -> bool:
    """Return whether a server on loopback answers with a status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
