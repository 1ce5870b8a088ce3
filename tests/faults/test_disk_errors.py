"""The n-th write or sync fails: the page arrives, and what the API answered 200 to is there after a restart."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lab.disk import failed, failing
from lab.disk_lab import Lab
from lab.tier import NIGHTLY, SEED
from lab.wait import until

SYNCS = "fsync,fdatasync"
EACH = 40
MOST = 200
SILENCES = 230
"""Asked for in a run: each is a transaction of its own, with at least one sync and two writes."""
CASES = [
    *((SYNCS, "EIO", f"{n}") for n in range(1, EACH + 1)),
    # Each 40th more: so every one of the first 200 fails in some run.
    *((SYNCS, "EIO", f"{n}+{EACH}") for n in range(1, EACH + 1)),
    # One alone: the tables are made in a transaction of over a hundred writes.
    *(("pwrite64", ("EIO", "ENOSPC")[n % 2], f"{n}") for n in range(1, MOST + 1)),
]
if not NIGHTLY:
    CASES = [Random(f"{SEED}:errors").choice(CASES)]


def run(lab: Lab) -> float:
    """Let a daemon live through an outage and many promises, then start it again; return the page's seconds."""
    daemon = lab.daemon
    daemon.start(within=60)
    lab.await_up()
    enough = threading.Event()

    def promise() -> None:
        while len(lab.silences) + lab.refused < SILENCES and not enough.is_set():
            if not lab.silence():
                enough.wait(0.05)

    promising = threading.Thread(target=promise)
    promising.start()
    try:
        took = lab.down(lab.world.names[0])
        promising.join(60)
    finally:
        enough.set()
        promising.join(30)
    lab.well(within=60)
    assert daemon.stop(within=30) == 0
    daemon._wrap = ()
    daemon.start(within=60)
    lab.well()
    lab.world.quiesce()
    until(lambda: lab.told() == 1, within=30, why="nobody hears of the end")
    return took


@pytest.mark.parametrize(("calls", "error", "when"), CASES)
def test_a_call_that_fails_loses_no_page_and_no_promise(
    calls: str, error: str, when: str, tmp_path: Path, figures: Any
) -> None:
    log = tmp_path / "strace"
    with Lab(tmp_path, wrap=failing(log, calls, error, when)) as lab:
        took = run(lab)
        lost = lab.broken_promises()
        verdict = lab.verdict()
    met = failed(log)

    figures.record(
        f"the n-th {calls} fails with {error}",
        n=met,
        lost=len(verdict.lost) + len(lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        when=when,
        promises=len(lab.silences),
        refused=lab.refused,
        took=took,
    )
    assert met >= (5 if "+" in when else 1), "else too little failed"  # each thread has a count of its own
    assert verdict.wrong() == {}
    assert lost == set()
