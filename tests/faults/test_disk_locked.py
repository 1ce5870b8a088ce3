"""A file that is locked, a disk that hangs: the page leaves in time all the same, once, and is written later."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lab.disk import Locker, hanging
from lab.disk_lab import Lab
from lab.tier import NIGHTLY
from lab.wait import until

HOLD = 60.0 if NIGHTLY else 7.0
"""Longer than a write waits for the lock."""
HANG = 30.0 if NIGHTLY else 6.0
DUE = 5.0 + 2.0
"""Seconds from the failure to the page: two failed looks, and what delivery may take over a store that hangs."""


@pytest.mark.parametrize("rounds", [5 if NIGHTLY else 1])
def test_a_file_that_is_locked_delays_no_page(rounds: int, tmp_path: Path, figures: Any) -> None:
    with Lab(tmp_path, targets=rounds) as lab:
        lab.begin()
        slowest = 0.0
        for target in lab.world.names:
            with Locker(lab.daemon.state / "nightbell.db"):
                locked = time.monotonic()
                slowest = max(slowest, lab.down(target))
                time.sleep(max(0.0, locked + HOLD - time.monotonic()))
            lab.well()
        lab.world.quiesce()
        until(lambda: lab.told() == rounds, within=60, why="somebody does not hear of the end")
        recorded = lab.recorded()
        verdict = lab.verdict()

    figures.record(
        f"the store is locked for {HOLD:g} s",
        n=rounds,
        lost=len(verdict.lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        slowest=slowest,
    )
    assert verdict.wrong() == {}
    assert verdict.duplicates == []
    assert slowest <= DUE
    assert recorded == {"page": rounds, "recovery": rounds}


def test_a_disk_that_hangs_delays_no_page(tmp_path: Path, figures: Any) -> None:
    wrap = hanging(tmp_path / "strace", "fsync,fdatasync", HANG, "60")
    with Lab(tmp_path, wrap=wrap) as lab:
        lab.daemon.start(within=60)
        lab.await_up()
        while lab.silence():
            assert len(lab.silences) < 60, "nothing hangs"
        took = lab.down(lab.world.names[0])
        assert lab.troubles()["store"] == "the store does not answer"
        lab.well(within=2 * HANG)
        recorded = lab.recorded()
        lab.world.quiesce()
        until(lambda: lab.told() == 1, within=60, why="nobody hears of the end")
        lost = lab.broken_promises()
        verdict = lab.verdict()

    figures.record(
        f"the disk hangs for {HANG:g} s",
        n=1,
        lost=len(verdict.lost) + len(lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        slowest=took,
    )
    assert verdict.wrong() == {}
    assert verdict.duplicates == []
    assert lost == set()
    assert took <= DUE
    assert recorded == {"page": 1}
