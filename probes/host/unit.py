"""Whether a systemd unit of this machine runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from probes.api import Metric, ProbeFailed, Reading, Run, in_task, no_url
from probes.sample import ErrorClass
from probes.units import Unit as Dimension

_OUTPUT_BYTES: Final = 65536
_NAME: Final = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}")
_SUFFIX: Final = re.compile(
    r".+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)", re.DOTALL
)
_PROPERTIES: Final = (
    "LoadState", "ActiveState", "SubState", "Result", "Type", "NRestarts", "MemoryCurrent", "TasksCurrent",
    "ActiveEnterTimestampMonotonic",
)  # fmt: skip
_RUNNING: Final = frozenset({"active", "reloading", "refreshing"})
# What systemd writes for a number it does not know.
_UNKNOWN: Final = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Asks systemd whether a unit of this machine runs.

    Up while it is active. A job that runs once and ends (Type=oneshot) is also up when its last run succeeded.

    unit: name of the unit, like nginx.service; without an ending it is a service
    """

    KIND: ClassVar[str] = "unit"
    HOST: ClassVar[bool] = False  # it runs on this machine, but it is a service like any other
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "active": Metric(unit=Dimension.COUNT, help="1 while the unit runs, else 0."),
        "restarts": Metric(
            unit=Dimension.COUNT, help="How often systemd has restarted it since it was started."
        ),
        "memory_bytes": Metric(
            unit=Dimension.BYTES, help="Memory its processes use; absent when not counted."
        ),
        "tasks": Metric(unit=Dimension.COUNT, help="Processes and threads it has; absent when not counted."),
        "running_seconds": Metric(
            unit=Dimension.SECONDS, help="Time since it became active; only while it runs."
        ),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"unit": "nginx.service"}
    target: ClassVar[str | None] = None

    unit: str

    def __post_init__(self) -> None:
        """Refuse what can be no unit; complete the name of a service."""
        if not _NAME.fullmatch(self.unit):
            raise ValueError(f"unit must be a name like nginx.service, not {self.unit[:40]!r}")
        if not _SUFFIX.fullmatch(self.unit):
            object.__setattr__(self, "unit", f"{self.unit}.service")

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Refuse: a unit has no URL."""
        return no_url(cls.KIND, url)

    async def probe(self, run: Run) -> Reading:
        """Ask `systemctl show`. Raises OSError, which is our own trouble, where there is no systemd to ask."""
        properties = await in_task(_show(self.unit))
        run.log(", ".join(f"{name} {properties.get(name, '?')}" for name in _PROPERTIES[:4]))
        return judge(self.unit, properties, now=time.clock_gettime(time.CLOCK_MONOTONIC))


def judge(unit: str, properties: Mapping[str, str], *, now: float) -> Reading:
    """Return the reading of a unit that is as it should be. Raises ProbeFailed(EXEC).

    `now` is the machine's monotonic clock, to which systemd's timestamps belong.
    """
    load, active = properties.get("LoadState", ""), properties.get("ActiveState", "")
    values = {"active": float(active in _RUNNING)}
    numbers = (("restarts", "NRestarts"), ("memory_bytes", "MemoryCurrent"), ("tasks", "TasksCurrent"))
    for name, key in numbers:
        number = _number(properties.get(key, ""))
        if number is not None:
            values[name] = number
    since = _number(properties.get("ActiveEnterTimestampMonotonic", ""))
    if active in _RUNNING and since:
        values["running_seconds"] = max(now - since / 1e6, 0.0)
    once = properties.get("Type") == "oneshot" and active in {"inactive", "activating"}
    if load == "loaded" and (active in _RUNNING or (once and properties.get("Result") == "success")):
        return Reading(values=values)
    if load != "loaded":
        state = {"not-found": "is not installed", "masked": "is masked"}.get(
            load, f"cannot be loaded ({load[:40]})"
        )
    else:
        state = f"is {active[:40]} ({properties.get('SubState', '')[:40]}, result {properties.get('Result', '')[:40]})"
    raise ProbeFailed(ErrorClass.EXEC, f"{unit} {state}", reading=Reading(values=values))


def _number(text: str) -> float | None:
    if not re.fullmatch(r"[0-9]{1,20}", text) or int(text) == _UNKNOWN:
        return None
    return float(text)


async def _show(unit: str) -> Mapping[str, str]:
    try:
        process = await _begin(unit)
    except FileNotFoundError as failure:
        raise OSError(f"cannot ask systemd about {unit}: there is no systemctl on this machine") from failure
    try:
        output = await _read(process)
        code = await process.wait()
    finally:
        await _end(process)
    if code != 0:
        raise OSError(f"cannot ask systemd about {unit}: {output.strip()[:200] or f'exit code {code}'}")
    return dict(line.partition("=")[::2] for line in output.splitlines())


async def _begin(unit: str) -> Process:
    """Start it. Who is cut off meanwhile waits for it to be there, and ends it: half begun it cannot be ended."""
    beginning = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            "systemctl",
            "show",
            f"--property={','.join(_PROPERTIES)}",
            "--",
            unit,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )
    )
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end(await beginning)
        raise


async def _read(process: Process) -> str:
    output = bytearray()
    while process.stdout is not None and (data := await process.stdout.read(_OUTPUT_BYTES)):
        output += data
        if len(output) > _OUTPUT_BYTES:
            raise OSError("cannot read the answer of systemctl: it does not end")
    return output.decode("utf-8", "replace")


async def _end(process: Process) -> None:
    """Leave no process behind, also when cut off in the middle."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # it counts as ended only once its output has been read
