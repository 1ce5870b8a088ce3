"""The keeper: what is old goes, the file stays within its size, and trouble costs history and nothing else."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from lab.past import DAY, LIMITS, START, Past
from monitor.history.words import Level


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_each_level_is_let_go_when_its_time_is_over_and_not_before(past: Past) -> None:
    past.saw(past.sample())
    past.pass_(10)
    spans = {Level.RAW: LIMITS.raw, Level.MINUTES: LIMITS.minutes, Level.HOURS: LIMITS.hours}
    for level, span in spans.items():
        past.clock.at = START + span - timedelta(hours=1)
        past.pass_(10)
        past.pass_(10)
        assert past.keeper.file().oldest(level) is not None
        past.clock.at = START + span + timedelta(hours=3)
        past.pass_(10)
        past.pass_(10)
        assert past.keeper.file().oldest(level) is None
    assert past.read(step=86400).points[0].up == 1


def test_the_file_stays_within_its_size_and_the_oldest_samples_go_first(tmp_path: Path) -> None:
    past = Past(tmp_path, replace(LIMITS, size=400_000))
    random = Random(1)
    for _ in range(1500):
        past.saw(*(past.sample(f"c{n}", values={"x": random.random()}) for n in range(30)))
        past.pass_(10)
        past.pass_(0.1)

    figures = past.keeper.figures
    assert past.keeper.file().used() < 440_000
    assert figures.pruned_for_size > 0
    assert figures.oldest_raw is not None
    assert figures.oldest_raw > START.timestamp() + 60
    assert past.read("c1", step=3600).points[0].at == START - timedelta(hours=1)
    newest = past.samples(since=past.clock.at - timedelta(minutes=1))
    assert len(newest) > 100


def test_what_a_new_process_finds_is_what_the_old_one_wrote(past: Past) -> None:
    past.saw(past.sample())
    past.keeper.close()
    past.fresh()
    past.pass_(10)
    past.saw(past.sample())

    assert sum(point.up for point in past.read(step=60, since=START - timedelta(hours=1)).points) == 2


def test_a_damaged_file_is_set_aside_said_once_and_a_new_one_begun(past: Past) -> None:
    past.saw(past.sample())
    past.keeper.close()
    past.path.write_bytes(b"no database" * 1000)
    past.fresh()
    past.saw(past.sample())
    past.pass_(10)
    past.saw(past.sample())
    past.pass_(10)

    first, last = past.said
    assert first is not None
    assert "set aside as history.db.corrupt-" in first
    assert last is None
    (aside,) = past.path.parent.glob("history.db.corrupt-*")
    assert aside.read_bytes().startswith(b"no database")
    assert len(past.samples()) == 2


def test_a_file_damaged_in_its_midst_is_set_aside_as_well(past: Past) -> None:
    for number in range(200):
        past.saw(*(past.sample(f"check-{number}-{n}") for n in range(20)))
        past.pass_(10)
    past.keeper.close()
    whole = past.path.stat().st_size
    with past.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (whole - 4096))
    past.fresh()
    for _ in range(60):
        past.saw(past.sample())
        past.pass_(10)

    assert list(past.path.parent.glob("history.db.corrupt-*"))
    assert past.said[-1] is None
    assert past.samples()


def test_a_file_that_cannot_be_opened_costs_samples_and_is_tried_again(past: Past) -> None:
    past.path.mkdir()
    for _ in range(40):
        past.saw(past.sample())
        past.pass_(1)
    assert past.keeper.figures.lost == 40
    assert len(past.said) == 1

    past.path.rmdir()
    for _ in range(11):
        past.saw(past.sample())
        past.pass_(1)
    past.saw(past.sample())
    past.pass_(10)
    assert past.said[-1] is None
    assert len(past.samples()) > 1


def test_a_file_taken_away_is_noticed_and_begun_anew(past: Past) -> None:
    past.saw(past.sample())
    past.pass_(10)
    past.path.unlink()
    past.saw(past.sample())
    past.pass_(10)
    assert past.said == [f"cannot write to {past.path}: the file was removed or replaced"]

    past.pass_(20)
    past.saw(past.sample())
    past.pass_(10)
    assert past.said[-1] is None
    assert len(past.samples()) == 1


def test_a_file_of_a_newer_version_is_left_alone(past: Past) -> None:
    with sqlite3.connect(past.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    past.saw(past.sample())

    assert past.said == [f"cannot use {past.path}: it was written by a newer version"]
    assert not list(past.path.parent.glob("*.corrupt-*"))


def test_a_locked_file_costs_samples_and_nothing_waits_for_ever(past: Past) -> None:
    past.saw(past.sample())
    past.pass_(10)
    other = sqlite3.connect(past.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    past.saw(past.sample())
    past.pass_(10)
    assert past.keeper.figures.lost == 1
    assert "locked" in str(past.said[-1])

    other.close()
    past.pass_(20)
    past.saw(past.sample())
    past.pass_(10)
    assert past.said[-1] is None


def test_a_damaged_block_is_left_out_and_the_rest_rolled_up(past: Past) -> None:
    past.saw(past.sample())
    past.pass_(10)
    past.saw(past.sample())
    past.pass_(10)
    with sqlite3.connect(past.path) as db:
        db.execute("UPDATE blocks SET data = x'0100' WHERE id = (SELECT min(id) FROM blocks)")
    db.close()
    past.pass_(2 * DAY.total_seconds())

    assert sum(point.up for point in past.read(step=86400).points) == 1
    assert past.keeper.figures.errors == 1
