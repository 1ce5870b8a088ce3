"""Targets that hang, drip, flood and lie, all at once: each sample right, the loop never still, the memory small.

What there is, and what has to come of it, stands in `lab.hostile_targets`. The daemon runs in a network of its own,
where some addresses lead nowhere and the machine's name server is one of the hostile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from lab.hostile_http import PATHS
from lab.hostile_names import BY_NAME
from lab.hostile_targets import GROUPS
from lab.hostile_tcp import SERVES
from lab.hostile_tls import PLAYED
from lab.tools import ROOT

GAP: Final = 0.5
"""Seconds the loop may stand still, without those for which the machine gave it no processor."""
GROWTH: Final = 20_000_000
"""Bytes of memory it may cost."""
LATE: Final = 1.0
"""Seconds by which the runs of others may be put off by a thousand checks of one dead host."""

HARMLESS: Final = (
    "/json", "/echo", "/refuse-and-echo", "/head", "/redirect", "/redirect-to-name", "/redirect-keep-name",
    "/redirect-post", "/redirect-see-other", "/redirect-keep", "/redirect-to",
)  # fmt: skip
"""What the hostile web server has for tests of other things."""


def hostile_run(home: Path, seconds: float, every: float, timeout: float, dead: int) -> dict[str, Any]:
    words = map(str, (home, seconds, every, timeout, dead))
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, "-m", "lab.hostile_run", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "lib")}, capture_output=True, text=True,
        timeout=seconds + 300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_hostile_targets_get_their_outcome_every_time_and_cost_the_daemon_little(
    tmp_path: Path, tier: str, figures: Any
) -> None:
    nightly = tier == "nightly"
    seconds, every, timeout, dead = (600.0, 5.0, 3.0, 1000) if nightly else (5.0, 3.0, 2.5, 20)
    told = hostile_run(tmp_path, seconds, every, timeout, dead)
    answers = told["answers"]
    print(json.dumps(told))
    figures.record(
        f"{told['targets']} hostile targets at once for {seconds:g} s",
        n=told["samples"],
        false=told["wrongs"],
        fewest_samples=told["fewest"],
        longest_gap_ms=round(answers["longest"] * 1000),
        longest_gap_of_its_own_ms=round(answers["own"] * 1000),
        longest_pause_s=round(told["pause"], 2),
        most_pss_grown_mb=round(told["pss_grown"] / 1e6, 1),
        most_private_grown_mb=round(told["private_grown"] / 1e6, 1),
        pss_mb=round(told["pss_before"] / 1e6, 1),
        largest_lag_ms=round(told["lag"] * 1000),
        scrapes_unanswered=told["unanswered"],
    )
    assert told["wrong"] == []
    assert told["exit"] == 0
    assert told["runs"] - told["targets"] - dead <= told["samples"] <= told["runs"], "none escaped us"
    assert max(told["pss_grown"], told["private_grown"]) <= GROWTH
    if nightly:
        assert told["fewest"] > 100
        assert told["pause"] <= every + LATE
        assert answers["own"] <= GAP, answers


def test_all_that_is_hostile_is_watched() -> None:
    watched = " ".join(options for group in GROUPS.values() for options, _ in group.values())
    asked = {word.strip("'") for word in watched.replace("%(http)d", " ").replace(",", " ").split()}
    assert {path for path in PATHS if path not in asked} == set(HARMLESS) - {"/redirect-to-name"}
    assert [name for name in (*SERVES, *PLAYED) if f"%({name})d" not in watched] == []
    assert [name for name in BY_NAME if name.removesuffix(".test") not in watched] == []
