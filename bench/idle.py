"""What an idle daemon costs: time from start to ready, memory and CPU, of itself and of its children apart.

Starts the program as a user would, on a copy of the configuration with free ports and a state directory of its
own, and waits for /readyz to say 200.

    python bench/idle.py [--config FILE] [--starts 5] [--window 60] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lib.cost import Cost, cost, descendants
from lib.machine import machine
from lib.nightbell import nightbell
from lib.process import ROOT, Program, Unavailable


def main() -> int:
    """Measure and print."""
    options = arguments()
    starts = []
    with tempfile.TemporaryDirectory(prefix="nightbell-bench-") as folder:
        for turn in range(options.starts):
            with nightbell(options.config, Path(folder) / str(turn), core=None) as daemon:
                starts.append(daemon.program.seconds)
                if turn == options.starts - 1:
                    found = watch(daemon.program, options.window, settle=options.settle)
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "nightbell.yaml")
    parser.add_argument("--starts", type=int, default=5, help="how often to start it (median; default 5)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds between ready and the window")
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which CPU is measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.starts < 1 or options.window <= 0:
        parser.error("--starts and --window must be positive")
    return options


def watch(program: Program, window: float, *, settle: float) -> dict[str, Any]:
    """Let it settle, then return memory and CPU over the window, of the daemon and of its children."""
    time.sleep(settle)
    began, before = time.perf_counter(), costs(program)
    time.sleep(window)
    seconds, after = time.perf_counter() - began, costs(program)
    program.must_live()
    return {
        "window_seconds": round(seconds, 1),
        **{
            name: {
                "processes": after[name].processes,
                "pss_mb": round(after[name].pss_bytes / 1e6, 1),
                "cpu_ms_per_minute": round(after[name].since(before[name]) * 1e3 * 60 / seconds, 1),
            }
            for name in after
        },
    }


def costs(program: Program) -> dict[str, Cost]:
    pid = program.process.pid
    return {"daemon": cost([pid]), "children": cost(descendants(pid))}


def table(found: dict[str, Any]) -> str:
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
    try:
        sys.exit(main())
    except Unavailable as problem:
        sys.exit(f"cannot measure: {problem}")
