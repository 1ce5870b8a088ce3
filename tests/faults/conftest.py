"""What tests of faults share: how long they may go on, the seed they draw from, and where their figures go."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.tier import NIGHTLY, SEED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call" and report.failed and "faults" in item.path.parts:
        report.sections.append(("seed", f"repeat with NIGHTBELL_SEED={SEED}"))
    return report


@pytest.fixture(scope="session")
def tier() -> str:
    """`smoke` with every change, `nightly` where NIGHTBELL_FAULTS says so: the same tests, more often."""
    return "nightly" if NIGHTLY else "smoke"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """What this test's dice start from: NIGHTBELL_SEED, else drawn once per run and printed; each test has its own."""
    print(f"NIGHTBELL_SEED={SEED}")
    return f"{SEED}:{request.node.name}"


@pytest.fixture
def dice(seed: str) -> random.Random:
    return random.Random(seed)


class Figures:
    """What a test counted. Where NIGHTBELL_FIGURES names a folder, each record is a line in a file there."""

    def __init__(self, test: str, folder: Path | None) -> None:
        self._test = test
        self._folder = folder

    def record(
        self,
        fault: str,
        *,
        n: int,
        lost: int = 0,
        duplicates: int = 0,
        false: int = 0,
        late: int = 0,
        **more: Any,
    ) -> None:
        """Keep one row of the table; `n` is how often the fault was there. `more` is kept beside it."""
        row = {
            "fault": fault,
            "n": n,
            "lost": lost,
            "duplicates": duplicates,
            "false": false,
            "late": late,
            **more,
        }
        print("figures:", row)
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": self._test, "seed": SEED, **row}) + "\n")


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes what a test counted to the table that `make faults` prints."""
    folder = os.environ.get("NIGHTBELL_FIGURES")
    return Figures(request.node.name, Path(folder) if folder else None)
