"""64 sends that hang in every way there is, and a name server that never answers: a healthy page is not held up.

The daemon runs in a network of its own, where the machine's resolver is a socket that swallows every question.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.hung_world import HUNG, SENDS
from lab.tools import ROOT

WITHIN = 5.0
"""Seconds from the failure of a target to its page, for 99 of 100."""


def in_a_network_of_its_own(home: Path, pages: int) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, "-m", "lab.hung_world", str(home), str(pages)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "lib")}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_healthy_page_is_not_held_up_by_64_that_hang(tmp_path: Path, tier: str, figures: Any) -> None:
    pages = 100 if tier == "nightly" else 5
    told = in_a_network_of_its_own(tmp_path, pages)
    waits = sorted(told["waits"])
    assert len(waits) == pages
    figures.record(
        "64 hung sends and a dead name server",
        n=pages,
        late=sum(one > WITHIN for one in waits),
        p50=waits[len(waits) // 2],
        p99=waits[int(len(waits) * 0.99) - 1],
        most=waits[-1],
    )
    assert SENDS == 64
    without_names = HUNG["hang"] + HUNG["drip"] + HUNG["mail"]
    assert min(told["hung"]) >= without_names * 0.8, "they hung all the while"
    assert told["lookups"] >= HUNG["noname"] + HUNG["mailnoname"], "names were asked for"
    assert sum(one > WITHIN for one in waits) <= pages // 100, waits
    assert told["replaced"] >= 1, "a sending process past its deadline is killed and replaced"
    assert told["sending"] >= 1
    assert told["left"] == 0, "no sending process outlives the daemon"
