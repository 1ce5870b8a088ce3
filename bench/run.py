"""Measures everything and writes the page with the figures.

    python bench/run.py [--quick] [PART …] [--page FILE] [--json FILE]
    python bench/run.py --render FILE.json [--page FILE]

Without --quick and without parts the page is docs/performance.md; else out/performance.md, so that figures of a few
seconds, or of a part, never take the place of those that count. All values are in out/bench.json as well.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from lib.extent import Extent, quick
from lib.figures import Report, Section
from lib.machine import described
from lib.page import page
from lib.process import ROOT, Unavailable

PARTS = ("checks", "tls", "start", "detection", "storm", "small")
"""In the order of the page. Each is a file beside this one with `measure(extent) -> Section`."""


def main() -> int:
    """Measure what was asked for; 1 where a part could not be measured at all."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    if options.render:
        report = Report.of(json.loads(options.render.read_text(encoding="utf-8")))
        _write(options.page or ROOT / "out" / "performance.md", page(report))
        return 0
    failed: list[str] = []
    report = measured(options, failed)
    whole = not options.quick and not options.parts
    _write(options.json, json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n")
    where = options.page or ROOT / ("docs" if whole else "out") / "performance.md"
    _write(where, page(report))
    print(f"written: {where}, {options.json}")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named"
    )
    parser.add_argument("--quick", action="store_true", help="less of everything: under five minutes")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "bench.json")
    parser.add_argument("--page", type=Path, help="where to write the page")
    parser.add_argument("--render", type=Path, metavar="FILE", help="only write the page of an earlier run")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def measured(options: argparse.Namespace, failed: list[str]) -> Report:
    """Measure part after part. One that breaks is said to have, and does not take the others with it."""
    began, at, load = time.monotonic(), datetime.now(UTC), os.getloadavg()[0]
    sections = []
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=out) as folder:  # a disk: /tmp may be memory
        for name in options.parts or PARTS:
            home = Path(folder) / name
            home.mkdir()
            extent = quick(home) if options.quick else Extent(folder=home)
            print(f"{time.monotonic() - began:6.0f} s  {name} …", file=sys.stderr, flush=True)
            try:
                sections.append(importlib.import_module(name).measure(extent))
            except Exception as problem:
                traceback.print_exc()
                failed.append(name)
                why = str(problem) if isinstance(problem, Unavailable) else repr(problem)
                sections.append(Section(key=name, title=name.capitalize(), failure=why.partition("\n")[0]))
    return Report(
        at=f"{at:%Y-%m-%d %H:%M} UTC",
        command=" ".join(["make bench", *([f"ARGS='{' '.join(sys.argv[1:])}'"] if sys.argv[1:] else [])]),
        seconds=time.monotonic() - began,
        machine=described(),
        load_before=round(load, 2),
        sections=sections,
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
