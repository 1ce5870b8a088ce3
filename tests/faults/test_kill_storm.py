"""kill -9 at random moments of an alert storm: no page is lost, none is false, and a repeat says that it is one."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lab.storm import PARALLEL, Storm, latencies
from lab.tier import NIGHTLY, SEED

LANES = [f"{bundle}-{lane}" for lane in range(4) for bundle in ("off", "2s")]
KILLS = 125
if not NIGHTLY:
    LANES, KILLS = [Random(SEED).choice(LANES)], 6


@pytest.mark.parametrize("lane", LANES)
def test_a_storm_of_kills_loses_no_page(lane: str, seed: str, tmp_path: Path, figures: Any) -> None:
    bundle = lane.split("-", maxsplit=1)[0]
    with Storm(tmp_path, seed, bundle=bundle) as storm:
        storm.begin(rough=True, latency=(0.0, 0.3))
        while len(storm.ends) < KILLS:
            if storm.dice.random() < 0.2:  # while it starts
                storm.kill()
                storm.daemon.spawn()
                time.sleep(storm.dice.uniform(0, 0.5))
                storm.kill(starting=True)
            elif storm.dice.random() < 0.5:  # memoryless: every phase is met
                time.sleep(storm.dice.expovariate(1 / 1.2))
                storm.kill()
            else:  # while a provider has taken what it has not answered yet, where there is one
                storm.await_sending(within=2)
                time.sleep(storm.dice.uniform(0, 0.1))
                storm.kill()
            storm.start()
        storm.drain()

        verdict, took = storm.verdict(), latencies(storm)
        repeats, slow = storm.repeats_by_end()
        rows = [end.sending for end in storm.ends]
        figures.record(
            f"SIGKILL in a storm, bundle {bundle}",
            n=len(storm.ends),
            lost=len(verdict.lost),
            duplicates=sum(repeats),
            false=len(verdict.false),
            late=len(verdict.late),
            outages=verdict.judged,
            pages=verdict.pages,
            in_flight=sum(rows),
            most_repeats=max(repeats),
            unmarked=len(verdict.unmarked),
            effective=len(verdict.effective),
            given_up=slow,
            slowest=round(took[-1], 1),
        )
        assert verdict.wrong() == {}, storm.daemon.text()[-2000:]
        assert storm.weather.gave_up == []
        assert verdict.judged > 0
        assert slow <= storm.given_up, "repeated without an end and without a timeout between"
        for end, count in zip(storm.ends, repeats, strict=True):
            assert count <= end.sending, (
                f"{count} repeats of {end.sending} rows that were being sent at {end.at:.2f}"
            )
            assert bundle != "off" or count <= PARALLEL
