"""`history:`: how long samples are remembered, and in how much room."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.model import History
from lab.config_files import complaints_of, load_text

DAY = timedelta(days=1)
USUAL = History(size=2e9, raw=2 * DAY, minutes=14 * DAY, hours=400 * DAY, days=1830 * DAY)


@pytest.mark.parametrize("text", ["", "history:", "history: on", "history: {}"])
def test_left_out_it_is_kept_as_the_default_says(text: str, tmp_path: Path) -> None:
    assert load_text(tmp_path, text).history == USUAL


def test_off_keeps_nothing(tmp_path: Path) -> None:
    assert load_text(tmp_path, "history: off").history is None


def test_each_length_and_the_size_may_be_said(tmp_path: Path) -> None:
    text = "history: {size: 500MB, raw: 6h, minutes: 2d, hours: 30d, days: 3650d}"

    assert load_text(tmp_path, text).history == History(
        size=500e6, raw=timedelta(hours=6), minutes=2 * DAY, hours=30 * DAY, days=3650 * DAY
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{size: 1MB}", "must be at least 16MB"),
        ("{size: 2}", "needs a unit: write a size like 500MB or 2GiB"),
        ("{raw: 1m}", "must be between 1 h and 366 d"),
        ("{weeks: 3d}", "unknown key"),
        ("7", "must be a mapping"),
    ],
)
def test_what_makes_no_sense_is_complained_of(text: str, words: str, tmp_path: Path) -> None:
    [complaint] = complaints_of(tmp_path, f"history: {text}")

    assert words in str(complaint)
