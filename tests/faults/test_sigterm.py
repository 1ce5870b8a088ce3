"""Restarts as operators make them: what is being sent is given time to end, so nothing is lost and nothing repeated."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lab.storm import Storm, latencies
from lab.tier import NIGHTLY

LANES, STOPS = (2, 150) if NIGHTLY else (1, 5)
LONGEST = 10.0
"""Seconds a stop may take."""


@pytest.mark.parametrize("lane", range(LANES))
def test_restarts_in_a_storm_lose_nothing_and_repeat_nothing(
    lane: int, seed: str, tmp_path: Path, figures: Any
) -> None:
    bundle = ("off", "2s")[lane % 2]
    with Storm(tmp_path, seed, bundle=bundle) as storm:
        storm.begin(rough=False, latency=(0.0, 1.0))
        stops, under_way = [], 0
        for _ in range(STOPS):
            time.sleep(storm.dice.expovariate(1 / 0.6))
            under_way += len(storm.providers.unanswered())
            stops.append(storm.stop())
            storm.start()
        storm.drain()

        verdict, took = storm.verdict(), latencies(storm)
        figures.record(
            f"SIGTERM in a storm, bundle {bundle}",
            n=len(stops),
            lost=len(verdict.lost),
            duplicates=len(verdict.duplicates),
            false=len(verdict.false),
            late=len(verdict.late),
            outages=verdict.judged,
            pages=verdict.pages,
            in_flight=under_way,
            left_claimed=sum(end.sending for end in storm.ends),
            longest_stop=round(max(stops), 2),
            slowest=round(took[-1], 1),
        )
        assert verdict.wrong() == {}, storm.daemon.text()[-2000:]
        assert (
            verdict.duplicates == []
        )  # not even marked: what is left claimed at a stop has certainly not left
        assert storm.weather.gave_up == []
        assert max(stops) <= LONGEST
        assert verdict.judged > 0
        assert under_way > 0, "nothing was being sent at any stop: this says nothing"
