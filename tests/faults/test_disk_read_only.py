"""A volume that turns read-only while we run, or is when we start: people are paged, and it is recorded later."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lab.disk import Housed, Volume, failed, failing
from lab.disk_lab import Lab
from lab.tier import NIGHTLY
from lab.wait import until

ROUNDS = 10 if NIGHTLY else 1
START = 10.0
"""Seconds a start may take."""


def test_a_start_on_a_read_only_volume_pages_and_records_later(tmp_path: Path, figures: Any) -> None:
    slowest = 0.0
    with Volume(tmp_path, "64m") as volume, Lab(tmp_path, targets=2 * ROUNDS, volume=volume) as lab:
        lab.begin()
        assert lab.silence()
        for old, new in zip(lab.world.names[::2], lab.world.names[1::2], strict=True):
            lab.down(old)
            lab.recorded()
            assert lab.daemon.stop(within=30) == 0
            volume.read_only()
            began = time.monotonic()
            lab.daemon.start(within=60)
            slowest = max(slowest, time.monotonic() - began)
            known = {one["id"] for one in lab.all("incidents")}
            assert "Read-only" in lab.troubles()["store"]
            assert "state" not in lab.troubles(), "all could be read"
            assert isinstance(lab.daemon, Housed)
            second = lab.daemon.second()
            assert (second.returncode, "another nightbell" in second.stderr) == (1, True), second.stderr

            lab.await_up()
            lab.down(new)
            volume.writable()
            lab.well()

            incidents = {one["id"] for one in lab.all("incidents")}
            assert known < incidents
            assert len(incidents) == len(known) + 1
            lab.world.quiesce()
        until(lambda: lab.told() == 2 * ROUNDS, within=60, why="somebody does not hear of the end")
        lost = lab.broken_promises()
        recorded = lab.recorded()
        verdict = lab.verdict()
        from_memory = lab.from_memory()

    figures.record(
        "a start on a read-only volume",
        n=ROUNDS,
        lost=len(verdict.lost) + len(lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        from_memory=from_memory,
        slowest_start=round(slowest, 2),
    )
    assert verdict.wrong() == {}
    assert verdict.duplicates == []
    assert lost == set()
    assert from_memory == ROUNDS
    assert recorded == {"page": 2 * ROUNDS, "recovery": 2 * ROUNDS}
    assert slowest <= START


def test_a_volume_that_turns_read_only_is_said_and_used_again(tmp_path: Path, figures: Any) -> None:
    log = tmp_path / "strace"
    first, many = 60, 120 if NIGHTLY else 12
    wrap = failing(log, "pwrite64", "EROFS", f"{first}..{first + many}")
    with Lab(tmp_path, wrap=wrap, more="history: off\n") as lab:  # its failed writes are not the ones counted
        lab.daemon.start(within=60)
        lab.await_up()
        while lab.silence():
            assert len(lab.silences) < 2 * first
        assert json.loads(lab.daemon.get("/healthz")[1])["status"] == "failing"
        took = lab.down(lab.world.names[0])
        assert "store" in lab.troubles()
        lab.well(within=180)
        recorded = lab.recorded()
        assert lab.daemon.stop(within=30) == 0
        lab.daemon._wrap = ()
        lab.daemon.start(within=60)
        lost = lab.broken_promises()
        lab.world.quiesce()
        until(lambda: lab.told() == 1, within=60, why="somebody does not hear of the end")
        verdict = lab.verdict()
        from_memory = lab.from_memory()

    figures.record(
        "a volume turns read-only",
        n=failed(log),
        lost=len(verdict.lost) + len(lost),
        duplicates=len(verdict.duplicates),
        false=len(verdict.false),
        late=len(verdict.late),
        from_memory=from_memory,
        took=took,
    )
    assert verdict.wrong() == {}
    assert lost == set()
    assert from_memory == 1
    assert recorded == {"page": 1}
