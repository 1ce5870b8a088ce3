"""What an idle daemon costs: time from start to ready, memory and CPU, of itself and of its children apart.

Starts the program as a user would, on a copy of the configuration with free ports and a state directory of its
own, and waits for /readyz to say 200. Memory is PSS (what is shared counts by shares), CPU the scheduler's own
nanoseconds; both are read from /proc, so nothing in the daemon takes part in the measurement.

    python bench/idle.py [--config FILE] [--starts 5] [--window 60] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = Path(sysconfig.get_path("scripts")) / "nightbell"
LIBRARIES = ("aiohttp", "uvloop", "httptools", "pydantic", "sqlalchemy", "apprise")
READY_WITHIN = 60.0
STOP_WITHIN = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of some processes together: memory in bytes, CPU time since their start in nanoseconds."""

    processes: int
    pss_bytes: int
    cpu_ns: int


def main() -> int:
    """Measure and print."""
    options = arguments()
    starts = []
    with tempfile.TemporaryDirectory(prefix="nightbell-bench-") as folder:
        for turn in range(options.starts):
            last = turn == options.starts - 1
            with daemon(options.config, Path(folder) / str(turn)) as (process, seconds):
                starts.append(seconds)
                if last:
                    found = watch(process, options.window, settle=options.settle)
    found = {
        "start_to_ready_seconds": {
            "median": round(statistics.median(starts), 3),
            "all": [round(seconds, 3) for seconds in starts],
        },
        **found,
        "config": str(options.config),
        "machine": machine(),
    }
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "nightbell.yaml")
    parser.add_argument("--starts", type=int, default=5, help="how often to start it (median; default 5)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds between ready and the window")
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which CPU is measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.starts < 1 or options.window <= 0:
        parser.error("--starts and --window must be positive")
    return options


@contextlib.contextmanager
def daemon(config: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Start the program, wait until it is ready, and stop it at the end. Gives the process and the seconds."""
    folder.mkdir()
    internal, public = free_ports(2)
    copy = folder / "nightbell.yaml"
    copy.write_text(with_own_places(config, folder, internal, public), encoding="utf-8")
    environment = {**os.environ, "STATE_DIRECTORY": str(folder)}
    environment.pop("NOTIFY_SOCKET", None)
    with (folder / "log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [PROGRAM, "-c", copy, "run"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until_ready(process, internal, folder / "log")
            yield process, time.perf_counter() - began
        finally:
            stop(process)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def with_own_places(config: Path, folder: Path, internal: int, public: int) -> str:
    """Return the configuration with our ports and state. Works on YAML nodes, so that all else keeps its form."""
    root = yaml.compose(config.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if root is None:
        root = yaml.MappingNode("tag:yaml.org,2002:map", [])
    own = yaml.compose(
        f"listen: {{internal: '127.0.0.1:{internal}', public: '127.0.0.1:{public}'}}\n"
        f"store: 'sqlite:///{folder / 'nightbell.db'}'\n",
        Loader=yaml.SafeLoader,
    )
    ours = {key.value for key, _ in own.value}
    root.value = [pair for pair in root.value if pair[0].value not in ours] + own.value
    return yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"cannot measure: the daemon ended with {process.returncode}\n{tail(log)}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise SystemExit(f"cannot measure: not ready within {READY_WITHIN:.0f} s\n{tail(log)}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the daemon and whatever it started: they share a session of their own."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            print("the daemon did not stop in time and was killed", file=sys.stderr)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def watch(process: subprocess.Popen[bytes], window: float, *, settle: float) -> dict[str, object]:
    """Let it settle, then return memory and CPU over the window, of the daemon and of its children."""
    time.sleep(settle)
    began, before = time.perf_counter(), costs(process.pid)
    time.sleep(window)
    seconds, after = time.perf_counter() - began, costs(process.pid)
    if process.poll() is not None:
        raise SystemExit(f"cannot measure: the daemon ended with {process.returncode} during the window")
    return {
        "window_seconds": round(seconds, 1),
        **{
            name: {
                "processes": after[name].processes,
                "pss_mb": round(after[name].pss_bytes / 1e6, 1),
                "cpu_ms_per_minute": round(
                    (after[name].cpu_ns - before[name].cpu_ns) / 1e6 * 60 / seconds, 1
                ),
            }
            for name in after
        },
    }


def costs(pid: int) -> dict[str, Cost]:
    return {"daemon": cost([pid]), "children": cost(descendants(pid))}


def cost(pids: list[int]) -> Cost:
    pss = cpu = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            pss += next(
                int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")
            )
            for thread in Path(f"/proc/{pid}/task").iterdir():
                cpu += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return Cost(processes=len(pids), pss_bytes=pss, cpu_ns=cpu)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text(encoding="ascii").split():
                found += [int(child), *descendants(int(child))]
    return found


def machine() -> dict[str, object]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "nightbell": version("nightbell"),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "kernel": platform.release(),
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def table(found: dict) -> str:
    ready, here = found["start_to_ready_seconds"], found["machine"]
    lines = [
        f"start → ready     {ready['median']:8.3f} s   median of {len(ready['all'])}: {ready['all']}",
        "                   processes   PSS MB   CPU ms/min",
    ]
    for name in ("daemon", "children"):
        row = found[name]
        lines.append(
            f"{name:<18} {row['processes']:9d} {row['pss_mb']:8.1f} {row['cpu_ms_per_minute']:12.1f}"
        )
    libraries = ", ".join(f"{name} {number}" for name, number in here["libraries"].items())
    lines += [
        f"over {found['window_seconds']} s, {found['config']}",
        f"nightbell {here['nightbell']}, Python {here['python']}, {libraries}",
        f"{here['cpu']}, {here['cores']} cores, {here['memory_gb']} GB, Linux {here['kernel']}, load {here['load_1m']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
