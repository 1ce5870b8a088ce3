"""A full disk: the page arrives, what the API answered 200 to stands, and all is recorded once there is room again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lab.disk import Volume
from lab.disk_lab import Lab
from lab.tier import NIGHTLY
from lab.wait import until

HOLD = 300.0 if NIGHTLY else 4.0
"""Seconds the disk stays full. The short run does not wait for the room that is kept in advance, which is used up
slowly.
"""


@pytest.mark.parametrize("outages", [20 if NIGHTLY else 3])
def test_a_disk_that_is_full_loses_no_page_and_no_promise(
    outages: int, seed: str, tmp_path: Path, figures: Any
) -> None:
    with Volume(tmp_path, "64m") as volume, Lab(tmp_path, targets=outages, volume=volume) as lab:
        daemon = lab.daemon
        lab.begin(reserved=NIGHTLY)
        volume.fill()
        began = time.monotonic()
        first, *rest = lab.world.names
        slowest = lab.down(first)
        if NIGHTLY:
            assert "store" not in lab.troubles(), "there is room in the file"

        while lab.silence(long=True):  # until that is used up
            assert len(lab.silences) < 20_000
        promised = len(lab.silences)
        for number, name in enumerate(rest):
            time.sleep(max(0.0, began + HOLD * (number + 1) / outages - time.monotonic()))
            slowest = max(slowest, lab.down(name))
            lab.silence(long=True)
            status, text = daemon.get("/healthz")
            assert (status, "store" in text) == (503, True), text
        time.sleep(max(0.0, began + HOLD - time.monotonic()))

        volume.drain()
        lab.well()
        lab.world.quiesce()
        until(lambda: lab.told() == outages, within=60, why="somebody does not hear of the end")
        recorded = lab.recorded()
        assert daemon.stop(within=30) == 0
        daemon.start(within=60)
        lost = lab.broken_promises()
        verdict = lab.verdict()
        from_memory = lab.from_memory()

    figures.record(
        f"disk full for {HOLD:g} s",
        n=outages,
        lost=len(verdict.lost) + len(lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        recorded_while_full=promised,
        refused=lab.refused,
        from_memory=from_memory,
        slowest=slowest,
    )
    assert verdict.wrong() == {}
    assert verdict.duplicates == []
    assert lost == set()
    assert not NIGHTLY or promised > 50, "what is kept in advance holds many records"
    assert from_memory >= len(rest), "else nothing was sent from memory, and this shows too little"
    assert recorded == {"page": outages, "recovery": outages}
