"""Disks that fail: a small volume of our own, system calls that return errors, a file that somebody keeps locked.

    with Volume(folder, "24m") as volume:
        daemon = Housed(home, config, volume)       # its state is on the volume
        volume.fill(); volume.drain()
        volume.read_only(); volume.writable()

The volume is a tmpfs in a mount namespace of its own, so nobody needs to be root; only what is started through
`volume.wrap` sees it. Others reach it below /proc.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.daemon import Nightbell
from lab.tools import tool


class Volume:
    """A file system of a given size, mounted at `path` for those within."""

    def __init__(self, home: Path, size: str) -> None:
        self.path = home / "volume"
        self.path.mkdir(parents=True)
        self._size = size
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        steps = 'mount -t tmpfs -o "size=$1" lab "$2" && mkdir "$2/state" && echo ready && exec sleep 100000'
        self._process = subprocess.Popen(
            [str(tool("unshare")), "-rm", "sh", "-c", steps, "sh", self._size, str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def wrap(self) -> tuple[str, ...]:
        """Put before a command, this runs it where the volume is; its process id is the command's own."""
        assert self._process is not None
        return (
            str(tool("nsenter")),
            "-t",
            str(self._process.pid),
            "-U",
            "-m",
            "--preserve-credentials",
            "--",
        )

    @property
    def outside(self) -> Path:
        """The volume as seen from here."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{self.path}")

    def fill(self) -> int:
        """Leave no byte free; return how many were."""
        block, written = b"x" * 4096, 0
        with (self.outside / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    written += filler.write(block)
            except OSError:
                return written

    def drain(self) -> None:
        """Make room again."""
        (self.outside / "filler").unlink()

    def read_only(self) -> None:
        """Mount it so that nothing can be written; fails while a file is open for writing."""
        self._remount("ro")

    def writable(self) -> None:
        """Mount it as it was."""
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run([*self.wrap, "mount", "-o", f"remount,{how}", str(self.path)], check=True, timeout=20)


class Housed(Nightbell):
    """A daemon whose state is on a volume."""

    def __init__(self, home: Path, config: str, volume: Volume) -> None:
        self._within = volume.path / "state"
        super().__init__(home, config, wrap=volume.wrap)
        self.state = volume.outside / "state"

    def second(self) -> subprocess.CompletedProcess[str]:
        """Try to run a second daemon on the same state."""
        return subprocess.run(
            [*self._wrap, sys.executable, "-I", "-m", "monitor", "-c", str(self.file), "run"],
            cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def write(self, config: str) -> None:
        self.state = self._within  # as the daemon itself sees it
        super().write(config)


def failing(log: Path, calls: str, error: str, when: str) -> tuple[str, ...]:
    """Return what to put before a command so that system calls fail in it, as `strace` counts them.

    `when` is `5` for the fifth, `5+` from the fifth on, `5..9` for some, `5+20` for the fifth and each twentieth
    after it.
    """
    return _injecting(log, calls, f"error={error}:when={when}")


def hanging(log: Path, calls: str, seconds: float, when: str) -> tuple[str, ...]:
    """Return what to put before a command so that system calls take long in it."""
    return _injecting(log, calls, f"delay_enter={seconds * 1e6:.0f}:when={when}")


def _injecting(log: Path, calls: str, what: str) -> tuple[str, ...]:
    return (
        str(tool("strace")), "-D", "-f", "-qq", "--seccomp-bpf", "-o", str(log),
        "-e", f"trace={calls}", "-e", f"inject={calls}:{what}",
    )  # fmt: skip


def failed(log: Path) -> int:
    """Count the calls that were made to fail."""
    return log.read_text("utf-8", "replace").count("(INJECTED)") if log.exists() else 0


class Locker:
    """Another process' write lock on a SQLite file, held while the context is open."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._base: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        base = sqlite3.connect(self._file, isolation_level=None, timeout=30)
        base.execute("BEGIN IMMEDIATE")
        self._base = base
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._base is not None
        self._base.execute("ROLLBACK")
        self._base.close()


def flipped(whole: bytes, page: int, bit: int) -> bytes:
    """Return the file with one bit of one page of 4 kB turned over."""
    spoilt = bytearray(whole)
    spoilt[page * 4096 + bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)
