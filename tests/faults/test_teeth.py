"""The harness bites: bugs that others really had are put back into a copy of the source, and each is caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lab.failpoints import trial
from lab.teeth import BUGS, Bug, plant
from lab.tier import NIGHTLY, SEED

CHOSEN = BUGS if NIGHTLY else Random(SEED).sample(BUGS, 2)


@pytest.mark.parametrize("bug", CHOSEN, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_bug_others_had_is_caught(bug: Bug, seed: str, tmp_path: Path, figures: Any) -> None:
    plant(bug, tmp_path / "tree")
    outcome = trial(tmp_path / "trial", bug.case, seed, tmp_path / "tree")

    caught = any(bug.caught_as in one for one in outcome.wrong)
    figures.record("bugs put back", n=1, caught=int(caught), late=0)
    assert caught, f"not caught: {outcome}"
    if NIGHTLY:
        patient = replace(bug.case, patience=30)
        assert trial(tmp_path / "healthy", patient, seed).wrong == (), "the case fails without the bug too"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_each_bug_can_still_be_put_back(bug: Bug, tmp_path: Path) -> None:
    plant(bug, tmp_path)

    for file, _, _ in bug.edits:
        compile((tmp_path / file).read_text("utf-8"), file, "exec")
