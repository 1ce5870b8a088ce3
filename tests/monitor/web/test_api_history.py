"""What a check saw over time, by the API: bounded, and clear about what it cannot say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from lab.past import LIMITS
from lab.web_daemon import START, Site, within
from monitor.history.history import History
from probes.sample import ErrorClass, Outcome, Sample

CHECK = "db-canary-check"
PATH = f"/api/v1/checks/{CHECK}/history"


async def remember(here: Site, home: Path) -> History:
    """Give the daemon a history: half an hour, one run a minute, each tenth of them down."""
    history = History(home, LIMITS, here.daemon.clock)
    here.daemon.sample_history = history
    history.start()
    for number in range(30):
        down = number % 10 == 9
        one = Sample(
            check=CHECK,
            at=START - timedelta(minutes=30 - number),
            duration=0.5,
            outcome=Outcome.DOWN if down else Outcome.UP,
            error=ErrorClass.CONNECT if down else None,
            phases={} if down else {"connect": number / 100},
        )
        history.add(one)
    return history


def test_it_answers_points_with_outcomes_and_values(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        history = await remember(here, tmp_path)
        since = quote((START - timedelta(minutes=30)).isoformat())
        found = (await here.get(f"{PATH}?metric=phases.connect&since={since}&step=600")).json
        await history.close()

        assert (found["check"], found["metric"], found["step"]) == (CHECK, "phases.connect", 600)
        assert found["until"] == "2027-01-04T02:00:00Z"
        first = found["points"][0]
        assert (first["at"], first["up"], first["down"]) == ("2027-01-04T01:30:00Z", 9, 1)
        assert first["errors"] == {"connect": 1}
        assert (first["low"], first["high"]) == (0.0, pytest.approx(0.08))
        assert len(found["points"]) == 3

    within(tmp_path, story)


def test_left_alone_it_answers_the_last_day_in_a_step_that_fits(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        history = await remember(here, tmp_path)
        found = (await here.get(PATH)).json
        await history.close()

        assert (found["metric"], found["since"], found["step"]) == ("duration", "2027-01-03T02:00:00Z", 900)
        assert sum(point["up"] for point in found["points"]) == 27

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("step=0", "step must be a whole number of seconds from 1"),
        ("step=1e3", "step must be a whole number of seconds from 1"),
        ("step=1", "that is more than 2000 points; take a longer step"),
        ("since=yesterday", "since must be a time with its zone"),
        ("since=2027-01-05T00:00:00Z", "since must be before until"),
        ("until=2027-01-04T00:00:00", "until must be a time with its zone"),
        ("colour=red", "unknown parameter 'colour'"),
    ],
)
def test_what_cannot_be_answered_is_refused(query: str, words: str, tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        answer = await here.get(f"{PATH}?{query}")

        assert answer.status == 400
        assert words in answer.json["error"]["message"]

    within(tmp_path, story)


def test_without_a_history_it_says_so(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        answer = await here.get(PATH)

        assert answer.status == 503
        assert answer.json["error"]["message"] == "cannot read the history: it is off"
        assert (await here.get("/api/v1/checks/nope/history")).status == 404

    within(tmp_path, story)
