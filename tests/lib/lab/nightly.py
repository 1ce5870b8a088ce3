"""The long tests of faults: several at once, their figures in one table.   scripts/faults -j 2 -k storm

Every test of tests/faults runs in a process of its own in the nightly tier, all from one seed. What they counted is
written to out/faults.json and out/faults.md, the output of what failed to out/failed/. Ends with 1 when anything did.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[3]
LONG: Final = 40
"""A file with more tests than this holds quick ones: they share a process."""
ALONE: Final = ("test_alert_storm", "test_guard", "test_hostile_targets", "test_hung_providers")
"""They measure how quick the daemon is: nothing else runs beside them."""
COUNTS: Final = ("n", "lost", "duplicates", "false", "late")
LARGEST: Final = ("most", "max", "longest", "slowest", "latest")
"""Figures whose names begin so are not added up."""


def run_pytest(*arguments: str, env: Mapping[str, str], within: float) -> tuple[int, str]:
    """Run pytest; return its exit code and what it said."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *arguments],
            cwd=ROOT, env={**os.environ, "NIGHTBELL_FAULTS": "nightly", **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=within, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        return 1, f"{said}\nnot done within {within:g} s"
    return done.returncode, done.stdout


def collect(arguments: Sequence[str], env: Mapping[str, str]) -> list[list[str]]:
    """Return the tests in portions, one process each."""
    code, said = run_pytest("tests/faults", "--collect-only", *arguments, env=env, within=120)
    tests = [line for line in said.splitlines() if "::" in line and not line.startswith(("ERROR", "FAILED"))]
    if code or not tests:
        raise SystemExit(said)
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    return [
        portion
        for file, those in files.items()
        for portion in ([[file]] if len(those) > LONG else [[one] for one in those])
    ]


def merged(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return one row for each fault: counts added up, of what is measured the largest, of the rest all words."""
    rows: dict[str, dict[str, Any]] = {}
    for line in lines:
        row = rows.setdefault(line["fault"], dict.fromkeys(COUNTS, 0))
        for name, value in line.items():
            if name in ("fault", "test", "seed"):
                continue
            known = row.get(name)
            if isinstance(value, int | float) and isinstance(known, int | float | None):
                row[name] = (
                    max(known or 0, value) if name.startswith(LARGEST) else round((known or 0) + value, 3)
                )
            elif known is None:
                row[name] = str(value)
            elif str(value) not in str(known).split(", "):
                row[name] = f"{known}, {value}"
    for row in rows.values():
        row["bound"] = f"≤ {3 / row['n']:.2%}" if row["n"] and not row["lost"] else "-"
    return rows


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures as Markdown; the bound is the upper limit at 95 % for the share that is lost."""
    lines = [
        "| fault | count | lost | duplicates | false | late | bound | more |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for fault, row in sorted(rows.items()):
        more = ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in row.items()
            if name not in (*COUNTS, "bound")
        )
        cells = [fault, *(row[name] for name in COUNTS), row["bound"], more]
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def run(portions: list[list[str]], *, lanes: int, env: Mapping[str, str], within: float, out: Path) -> int:
    """Run all; return how many failed."""
    failed, begun = 0, time.monotonic()

    def one(portion: list[str]) -> tuple[str, int, str, float, Path]:
        started, base = time.monotonic(), Path(tempfile.mkdtemp(prefix="faults-"))
        code, said = run_pytest(f"--basetemp={base}/t", *portion, env=env, within=within)
        return portion[0], code, said, time.monotonic() - started, base

    quiet = [portion for portion in portions if any(name in portion[0] for name in ALONE)]
    number = 0
    for those, abreast in (([one for one in portions if one not in quiet], lanes), (quiet, 1)):
        with ThreadPoolExecutor(abreast) as pool:
            for ended in as_completed([pool.submit(one, portion) for portion in those]):
                test, code, said, took, base = ended.result()
                number += 1
                how = "FAILED" if code else "ok"
                print(f"[{number}/{len(portions)}] {how} {took:.0f} s  {test}", flush=True)
                if code:
                    failed += 1
                    _keep(out / "failed", test, said, base)
                else:
                    shutil.rmtree(base, ignore_errors=True)
    print(f"{len(portions) - failed} passed, {failed} failed in {(time.monotonic() - begun) / 60:.1f} min")
    return failed


def _keep(folder: Path, test: str, said: str, base: Path) -> None:
    """Write down what a test that failed had to say; its last lines are shown, its traces stay."""
    folder.mkdir(exist_ok=True)
    name = re.sub(r"[^\w-]+", "_", test.rpartition("/")[2])[:100]
    (folder / f"{name}.txt").write_text(f"{said}\ntraces: {base}\n", encoding="utf-8")
    print("    " + "\n    ".join([*said.splitlines()[-8:], f"traces: {base}"]), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/faults", description="Runs the long tests of faults.")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="how many at once")
    parser.add_argument("--seed", default=os.environ.get("NIGHTBELL_SEED"), help="what all dice start from")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="where the figures go")
    parser.add_argument("--within", type=float, default=5400, help="seconds after which one test has failed")
    mine, arguments = parser.parse_known_args()
    seed = mine.seed or str(random.SystemRandom().randrange(1_000_000))
    shutil.rmtree(mine.out / "failed", ignore_errors=True)
    mine.out.mkdir(parents=True, exist_ok=True)
    print(f"NIGHTBELL_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="figures-") as folder:
        env = {"NIGHTBELL_SEED": seed, "NIGHTBELL_FIGURES": folder}
        portions = collect(arguments, env)
        failed = run(portions, lanes=mine.j, env=env, within=mine.within, out=mine.out)
        files = sorted(Path(folder).glob("*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    rows = merged(lines)
    told = {
        "seed": seed,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "failed": failed,
        "faults": rows,
    }
    (mine.out / "faults.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text = table(rows)
    (mine.out / "faults.md").write_text(f"Seed {seed}, {told['at']}.\n\n{text}", "utf-8")
    print(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
