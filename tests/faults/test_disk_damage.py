"""A damaged file: the daemon starts, nothing crashes, and what was open is loaded or its loss is said."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Notification
from alerting.state import Changes
from lab.disk import flipped
from lab.disk_lab import Lab
from lab.records import NOON, entry, incident, notification
from lab.tier import NIGHTLY
from lab.wait import until
from monitor.store.aside import first_numbers
from monitor.store.store import Store
from monitor.store.thread import StoreThread

MUTATIONS = 200 if NIGHTLY else 30
OPEN = 40
START = 10.0


def filled(home: Path) -> bytes:
    """Return the file of a closed store with many open incidents."""
    store = Store.open(f"sqlite:///{home}/nightbell.db", home)
    for number in range(1, OPEN + 1):
        records = (incident(number), notification(number, incident=f"INC-{number}"))
        store.record(Changes(records=records, entries=(entry(number, f"INC-{number}"),)))
    store.close()
    return (home / "nightbell.db").read_bytes()


def mutations(whole: bytes, dice: Random, count: int) -> list[tuple[str, bytes]]:
    """Return spoilt files: cut at every 4 kB, and with a bit turned over in every page, again and again."""
    pages = len(whole) // 4096
    found = [(f"cut at {page * 4} kB", whole[: page * 4096]) for page in range(1, pages)]
    while len(found) < max(count, 2 * pages) or not NIGHTLY:
        page, bit = len(found) % pages, dice.randrange(4096 * 8)
        found.append((f"bit {bit} of page {page}", flipped(whole, page, bit)))
        if not NIGHTLY and len(found) >= 3 * pages:
            return dice.sample(found, min(count, len(found)))
    return found


async def opened(home: Path) -> tuple[set[str], list[str], int, float]:
    """Start on what is there; return the open incidents, what was lost, the highest number, and the seconds."""
    began = time.monotonic()
    store = StoreThread(f"sqlite:///{home}/nightbell.db", home)
    await store.open()
    try:
        state = await store.load(NOON)
        store.remember(state)
        took = time.monotonic() - began
        await store.claim("me", NOON, NOON - NOON.replace(hour=11), 100)
        for kind in (Incident, Notification):
            await store.page(kind)
        highest = state.numbers["INC"]
        await store.record(Changes(records=(incident(highest + 1),)))
    finally:
        await store.close()
    return set(state.records[Incident]), store.losses, highest, took


def test_whatever_bit_is_wrong_what_was_open_is_loaded_or_its_loss_is_said(
    dice: Random, tmp_path: Path, figures: Any
) -> None:
    source = tmp_path / "source"
    whole = filled(source)
    expected = {f"INC-{number}" for number in range(1, OPEN + 1)}
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    silent: list[str] = []
    spoilt = mutations(whole, dice, MUTATIONS)
    for number, (name, content) in enumerate(spoilt):
        home = tmp_path / str(number)
        home.mkdir()
        (home / "nightbell.db").write_bytes(content)
        try:
            found, losses, highest, took = asyncio.run(opened(home))
        except Exception as cause:
            raise AssertionError(f"{name}: {cause!r}") from cause
        slowest = max(slowest, took)
        kept = [path.name for path in home.glob("*.corrupt-*")]
        if found >= expected and not losses:
            outcomes["loaded"] += 1
        elif kept:
            outcomes["kept aside"] += 1
            assert losses, name
            assert highest >= first_numbers(datetime.now(UTC))["INC"] - 10, name
        elif losses:
            outcomes["left out, and said"] += 1
        else:
            silent.append(f"{name}: {sorted(expected - found)}")

    figures.record(
        "a damaged file", n=len(spoilt), lost=len(silent), slowest_open=round(slowest, 2), **outcomes
    )
    assert silent == []
    assert outcomes["kept aside"] > 0
    assert outcomes["loaded"] > 0
    assert slowest <= START


@pytest.mark.parametrize("rounds", [5 if NIGHTLY else 1])
def test_damage_under_a_running_daemon_loses_nothing_that_is_open(
    rounds: int, tmp_path: Path, figures: Any
) -> None:
    slowest = 0.0
    for number in range(rounds):
        with Lab(tmp_path / str(number), targets=2) as lab:
            lab.begin()
            first, second = lab.world.names
            lab.down(first)
            for _ in range(5):
                assert lab.silence()
            lab.recorded()
            for file in lab.daemon.state.glob("nightbell.db*"):
                with file.open("r+b") as spoilt:
                    spoilt.write(b"\xff" * file.stat().st_size)
            slowest = max(slowest, lab.down(second))
            until(lambda lab=lab: lab.silence(), within=30, why="it is not used again")
            kept = lab.troubles()["state"]
            assert "is kept as nightbell.db.corrupt-" in kept
            until(lambda lab=lab: list(lab.troubles()) == ["state"], within=30, why=f"{lab.troubles()}")
            assert lab.recorded() == {"page": 2}
            assert lab.daemon.stop(within=30) == 0
            lab.daemon.start(within=60)

            assert lab.daemon.get("/healthz")[0] == 200
            assert {one["id"] for one in lab.all("incidents")} == {"INC-1", "INC-2"}
            lost = lab.broken_promises()
            lab.world.quiesce()
            until(lambda lab=lab: lab.told() == 2, within=60, why="nobody hears of the end")
            verdict = lab.verdict()
        assert verdict.wrong() == {}
        assert verdict.duplicates == []
        assert lost == set()

    figures.record("damage under a running daemon", n=rounds, slowest=slowest)


@pytest.mark.parametrize("rounds", [10 if NIGHTLY else 1])
def test_a_daemon_starts_on_a_damaged_file_and_pages_under_a_number_never_given(
    rounds: int, tmp_path: Path, figures: Any
) -> None:
    slowest = 0.0
    with Lab(tmp_path, targets=rounds) as lab:
        lab.begin()
        old = set()
        for number, target in enumerate(lab.world.names):
            lab.down(target)
            old |= {one["id"] for one in lab.all("incidents")}
            token = lab.daemon.token
            assert lab.daemon.stop(within=30) == 0
            file = lab.daemon.state / "nightbell.db"
            content = file.read_bytes()
            file.write_bytes(content[:100] + bytes(4000) + content[4100:])
            began = time.monotonic()
            lab.daemon.start(within=60)
            slowest = max(slowest, time.monotonic() - began)

            assert "is kept as nightbell.db.corrupt-" in lab.troubles()["state"]
            assert lab.daemon.token == token
            until(lambda: lab.all("incidents"), within=30, why="what is still down is found again")
            wanted = 2 * (number + 1)
            until(lambda wanted=wanted: lab.pages() == wanted, within=30, why="nobody is paged")
            assert old.isdisjoint(one["id"] for one in lab.all("incidents"))
            lab.world.quiesce()
            until(lambda number=number: lab.told() > number, within=60, why="nobody hears of the end")
        verdict = lab.verdict()

    figures.record(
        "a daemon starts on a damaged file",
        n=rounds,
        lost=len(verdict.lost),
        false=len(verdict.false),
        slowest_start=round(slowest, 2),
    )
    assert verdict.lost == []
    assert verdict.false == []
    assert slowest <= START
