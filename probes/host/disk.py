"""How full the file systems of this machine are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from probes.api import Metric, ProbeFailed, Reading, Run, no_url
from probes.host.mounts import Mount, choose, is_pattern, parse_mounts, read_table
from probes.sample import ErrorClass
from probes.units import Seconds, Unit

Usage = Mapping[str, float]
Chosen = tuple[str, list[Mount]]
"""The table of mounts, and those of it to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Measures how full the file systems of this machine are, each mount point on its own.

    Without options every disk-like file system is measured once, however often it is mounted. Memory,
    kernel views, layers and read-only images are left out unless their mount point is written out in `include`.
    A file system that does not answer is not asked again until it did, and holds up no other.

    include: mount points to measure; glob patterns narrow the choice, a plain path is measured whatever it is
    exclude: mount points to leave out, as glob patterns
    stuck_after: how long one file system may take to answer before it counts as stuck (default 2s)
    """

    KIND: ClassVar[str] = "disk"
    HOST: ClassVar[bool] = True
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = "mountpoint"
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "used_ratio": Metric(
            unit=Unit.RATIO, help="Used share of the space that programs can use, as df shows it."
        ),
        "free_bytes": Metric(
            unit=Unit.BYTES, help="Space left to programs.", exposed="node_filesystem_avail_bytes"
        ),
        "size_bytes": Metric(
            unit=Unit.BYTES, help="Size of the file system.", exposed="node_filesystem_size_bytes"
        ),
        "inodes_used_ratio": Metric(
            unit=Unit.RATIO, help="Used share of the files that can exist; absent where there is no limit."
        ),
        "read_only": Metric(
            unit=Unit.COUNT,
            help="1 while the file system refuses writes, else 0.",
            exposed="node_filesystem_readonly",
        ),
        "stuck": Metric(
            unit=Unit.COUNT,
            help="1 while the file system gives no answer or an error, else 0.",
            exposed="node_filesystem_device_error",
        ),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"exclude": ["/boot"]}
    target: ClassVar[str | None] = None

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    stuck_after: Seconds = 2.0

    def __post_init__(self) -> None:
        """Refuse paths that cannot be mount points."""
        for name, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if not pattern.startswith(("/", "*", "?", "[")):
                    raise ValueError(f"{name} must list absolute paths or patterns, not {pattern[:40]!r}")
        # The kernel's table has no trailing slashes.
        object.__setattr__(self, "include", tuple(path.rstrip("/") or "/" for path in self.include))
        if self.stuck_after <= 0:
            raise ValueError("stuck_after must be longer than nothing")

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: this machine has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Ask every chosen file system at once, each with its own bound."""
        run.memory["mounts"] = known = await run.offload(self._mounts, run.memory.get("mounts"))
        mounts = known[1]
        asked = _ask(mounts, run)
        if asked:
            try:
                await asyncio.wait(asked.values(), timeout=self.stuck_after)
            finally:  # also when the deadline strikes: the calls go on in their threads all the same
                run.memory["stuck"].update({path: call for path, call in asked.items() if not call.done()})
        parts = {mount.name: _describe(mount, asked.get(mount.path), run) for mount in mounts}
        reading = Reading(parts={name: values for name, values in parts.items() if values})
        there = {mount.path for mount in mounts}
        missing = [path for path in self.include if not is_pattern(path) and path not in there]
        if missing:
            raise ProbeFailed(
                ErrorClass.ASSERTION,
                f"cannot measure {', '.join(missing)[:200]}: no file system is mounted there",
                reading=reading,
            )
        return reading

    def _mounts(self, known: Chosen | None) -> Chosen:
        """Choose from the kernel's table: it hardly ever changes, and to read it takes a tenth of working it out."""
        table = read_table()
        if known is not None and known[0] == table:
            return known
        return table, choose(parse_mounts(table), include=self.include, exclude=self.exclude)


def _ask(mounts: list[Mount], run: Run) -> dict[str, asyncio.Future[Usage]]:
    stuck: dict[str, asyncio.Future[Usage]] = run.memory.setdefault("stuck", {})
    for path in [path for path, call in stuck.items() if call.done()]:
        del stuck[path]
        run.log(f"{path!r} answers again")
    asked: dict[str, asyncio.Future[Usage]] = {}
    for mount in mounts:
        if mount.path not in stuck:
            call = on_own_thread(_usage, mount.path) if mount.remote else _offload(run, mount.path)
            call.add_done_callback(_seen)
            asked[mount.path] = call
    return asked


def _offload(run: Run, path: str) -> asyncio.Future[Usage]:
    return asyncio.ensure_future(run.offload(_usage, path))


def _describe(mount: Mount, call: asyncio.Future[Usage] | None, run: Run) -> Usage:
    if call is None:
        run.log(f"{mount.name} is still stuck: it is not asked again until it answers")
        return {"stuck": 1.0}
    if not call.done():
        run.log(f"{mount.name} does not answer: it is not asked again until it does")
        return {"stuck": 1.0}
    failure = call.exception()
    if isinstance(failure, FileNotFoundError):  # unmounted since the table was read
        return {}
    if isinstance(failure, OSError):
        run.log(f"cannot measure {mount.name}: {failure.strerror}")
        # A place we may not look into is no fault of the file system.
        return {} if isinstance(failure, PermissionError) else {"stuck": 1.0}
    if failure is not None:
        raise failure
    usage = call.result()
    return {**usage, "read_only": float(mount.read_only), "stuck": 0.0} if usage else {}


def _usage(path: str) -> Usage:
    """Ask one file system; may block for as long as it likes. Empty when it has no size at all."""
    return usage(os.statvfs(os.fsencode(path)))


def usage(stat: Any) -> Usage:
    """Return what df shows: blocks kept back for root count neither as used nor as free."""
    used, usable = stat.f_blocks - stat.f_bfree, stat.f_blocks - stat.f_bfree + stat.f_bavail
    if stat.f_blocks <= 0 or usable <= 0:
        return {}
    values = {
        "used_ratio": min(max(used / usable, 0.0), 1.0),
        "free_bytes": float(stat.f_bavail * stat.f_frsize),
        "size_bytes": float(stat.f_blocks * stat.f_frsize),
    }
    if stat.f_files > 0:
        values["inodes_used_ratio"] = min(max(1.0 - stat.f_ffree / stat.f_files, 0.0), 1.0)
    return values


def on_own_thread(function: Callable[[str], Usage], path: str) -> asyncio.Future[Usage]:
    """Call a function on a thread of its own that nobody has to wait for.

    A dead file server hangs all of its mounts at once: they would fill the threads that all host checks share,
    and keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Usage] = loop.create_future()

    def settle(result: Usage | None, failure: Exception | None) -> None:
        if answer.done():
            return
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(result or {})

    def call() -> None:
        result, failure = None, None
        try:
            result = function(path)
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=call, name=f"mount {path}", daemon=True).start()
    return answer


def _seen(call: asyncio.Future[Usage]) -> None:
    """Look at how a call ended, so that one nobody waited for does not complain when it is dropped."""
    if not call.cancelled():
        call.exception()
