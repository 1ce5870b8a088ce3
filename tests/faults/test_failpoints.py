"""At every moment at which a crash matters the daemon dies, stands still or meets an error, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lab.failpoints import Case, keep, trial
from lab.tier import NIGHTLY, SEED

ACTIONS = ("kill", "raise", "pause")
ROUNDS = 2 if NIGHTLY else 1
AT_ONCE = 3

# By stage: where the provider cannot have the message yet, or the receipt is on the disk; and where it may have it.
SURE = {
    "page": (
        "sample.judged@target-000",
        "input.taken@Judged",
        "decided@Judged",
        "record.begin@Notification",
        "record.commit@Notification",
        "record.done@Notification",
        "claim.done",
        "send.begin@page",
        "receipt.done@accepted",
        "answer.begin@Received",
    ),
    "step": (
        "input.taken@Tick",
        "decided@Tick",
        "record.begin@Escalation",
        "record.commit@Escalation",
        "record.done@Escalation",
        "claim.done",
        "send.begin@page",
        "receipt.done@accepted",
    ),
    "ack": (
        "input.taken@Acknowledge",
        "decided@Acknowledge",
        "record.begin@Incident",
        "record.commit@Incident",
        "record.done@Incident",
        "answer.begin@Acknowledge",
    ),
    "silence": (
        "input.taken@AddSilence",
        "decided@AddSilence",
        "record.begin@Silence",
        "record.commit@Silence",
        "record.done@Silence",
        "answer.begin@AddSilence",
    ),
    "reload": ("reload", "input.taken@Reloaded", "decided@Reloaded"),
    "recovery": (
        "input.taken@Judged",
        "decided@Judged",
        "record.begin@Notification",
        "record.commit@Notification",
        "record.done@Notification",
        "claim.done",
        "send.begin@recovery",
        "receipt.done@accepted",
    ),
    "fresh": ("migrate", "take_over", "input.taken@Reloaded", "decided@Reloaded", "input.taken@Tick"),
}
UNSURE = {
    "page": ("send.marked@page", "send.done@page", "input.taken@Received", "decided@Received"),
    "step": ("send.marked@page", "send.done@page", "input.taken@Received", "decided@Received"),
    "recovery": ("send.marked@recovery", "send.done@recovery", "input.taken@Received", "decided@Received"),
    # The page leaves at the same time as the words for customers, and is not what the fault is aimed at.
    "announce": (
        "record.done@Announcement",
        "send.begin@announcement",
        "send.marked@announcement",
        "send.done@announcement",
    ),
    # The start finds a page that a provider took: that one comes again in any case.
    "start": (
        "take_over",
        "input.taken@Interrupted",
        "decided@Interrupted",
        "record.begin@Notification",
        "record.commit@Notification",
        "record.done@Notification",
        "input.taken@Reloaded",
        "claim.done",
        "send.begin@page",
        "send.marked@page",
        "send.done@page",
        "input.taken@Received",
        "receipt.done",
    ),
}


BESIDE = ("taken", "answered")
"""Killed by the provider's clock instead of at a landmark."""


def cases(stage: str) -> list[Case]:
    if stage in BESIDE:
        return [Case(stage=stage, landmark="", action="kill", repeats=1)] * (25 if NIGHTLY else 1)
    return [
        Case(
            stage=stage,
            landmark=landmark,
            action=action,
            repeats=repeats,
            # Claimed, and the daemon does not know it: the claim has to run out before anybody looks.
            patience=150 if (landmark, action) == ("claim.done", "raise") else 30,
        )
        for repeats, landmarks in ((0, SURE.get(stage, ())), (1, UNSURE.get(stage, ())))
        for landmark in landmarks
        for action in ACTIONS
    ]


STAGES = sorted({*SURE, *UNSURE, *BESIDE})


def go_through(those_cases: Iterable[Case], seed: str, home: Path, figures: Any) -> None:
    def one(numbered: tuple[int, Case]) -> tuple[Any, Path]:
        number, case = numbered
        place = home / f"{number:03d}"
        return trial(place, case, f"{seed} {number}"), place

    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(one, enumerate(those_cases)))
    for action in ACTIONS:
        those = [outcome for outcome, _ in outcomes if outcome.case.action == action]
        if those:
            figures.record(
                f"{action} at a landmark",
                n=len(those),
                lost=sum(outcome.lost for outcome in those),
                duplicates=sum(outcome.repeats for outcome in those),
                false=sum(outcome.false for outcome in those),
                wrong=sum(bool(outcome.wrong) for outcome in those),
            )
    assert [keep(outcome, place) for outcome, place in outcomes if outcome.wrong] == []


def chosen(which: str) -> list[Case]:
    """Return all cases of a stage, or a handful by the dice, one of each action."""
    if which in STAGES:
        return cases(which) * ROUNDS
    dice = Random(SEED)
    every = [case for stage in STAGES for case in cases(stage)]
    return [dice.choice([case for case in every if case.action == action]) for action in ACTIONS]


@pytest.mark.parametrize("which", STAGES if NIGHTLY else ["a handful"])
def test_nothing_is_lost_at_any_landmark(which: str, seed: str, tmp_path: Path, figures: Any) -> None:
    go_through(chosen(which), seed, tmp_path, figures)
