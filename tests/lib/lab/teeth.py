"""Bugs that others really had, put back into a copy of the source: what the harness does not catch it does not test.

Each is a list of edits (file, what stands there, what stands there instead) and the one case that has to fail. An edit
that does not fit any more is an error: then the bug has to be put back another way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.failpoints import Case
from lab.tier import NIGHTLY
from lab.tools import ROOT

PACKAGES: Final = ("probes", "alerting", "config", "monitor")
PATIENCE: Final = 9.0 if NIGHTLY else 6.0
"""Seconds after which a message is lost here; without a bug it takes two."""
Edit = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A bug, who had it, and what the harness has to say of it."""

    name: str
    edits: Sequence[Edit]
    case: Case
    caught_as: str


def plant(bug: Bug, tree: Path) -> None:
    """Copy the source to `tree` with the bug in it."""
    source = Path(os.environ.get("NIGHTBELL_TREE", ROOT))
    for package in PACKAGES:
        shutil.copytree(source / package, tree / package)
    for file, old, new in bug.edits:
        path = tree / file
        text = path.read_text("utf-8")
        if text.count(old) != 1:
            raise ValueError(f"cannot put back {bug.name!r}: {file} holds {text.count(old)} times: {old}")
        path.write_text(text.replace(old, new), "utf-8")


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def case(stage: str, landmark: str = "", action: str = "kill", **more: object) -> Case:
    return Case(stage=stage, landmark=landmark, action=action, **{"patience": PATIENCE, **more})  # type: ignore[arg-type]


BUGS: Final = (
    Bug(
        name="a page counts as accepted before it is sent",
        edits=(
            (
                "monitor/store/outbox.py",
                'mine = {"state": SENDING, ',
                'mine = {"state": "accepted", ',
            ),
        ),
        case=case("page", "send.begin@page"),
        caught_as="lost",
    ),
    Bug(
        name="nothing notes that a message may have left",
        edits=(
            (
                "monitor/delivery/marks.py",
                "self._write(place, _slot(name, mark))",
                "pass",
            ),
        ),
        case=case("taken", repeats=1),
        caught_as="unmarked",
    ),
    Bug(
        name="a start does not take up what was being sent",
        edits=(
            (
                "monitor/delivery/takeover.py",
                "left_by(sending, ",
                "left_by([], ",
            ),
        ),
        case=case("page", "claim.done"),
        caught_as="lost",
    ),
    Bug(
        name="a page is given up after two attempts",
        edits=(
            (
                "monitor/delivery/sending.py",
                "NotificationState.PENDING if self.error.retry else",
                "NotificationState.PENDING if self.error.retry and row.attempts < 2 else",
            ),
        ),
        case=case("plain", words=("500", "500")),
        caught_as="lost",
    ),
    Bug(
        name="a recovery notice that was refused once is forgotten",
        edits=(
            (
                "monitor/delivery/sending.py",
                "NotificationState.PENDING if self.error.retry else",
                "NotificationState.PENDING if self.error.retry and row.kind is not Kind.RECOVERY else",
            ),
        ),
        case=case("plain", end_words=("500",)),
        caught_as="lost",
    ),
    Bug(
        name="each attempt has a key of its own",
        edits=(
            (
                "monitor/delivery/sending.py",
                "dedup_key=leaving.key)",
                'dedup_key=f"{leaving.key}.{rows[0].attempts}")',
            ),
        ),
        case=case("taken", repeats=1),
        caught_as="effective",
    ),
    Bug(
        name="the provider's word stands for a person's: escalation ends",
        edits=(
            (
                "alerting/desk/receipts.py",
                "    _tell_timeline(draft, row)\n    incident =",
                _lines(
                    "    if row.state is NotificationState.ACCEPTED and (known := draft.get(Incident, row.incident)):",
                    "        from alerting.desk import paging",
                    "        paging.stop(draft, known)",
                    "    _tell_timeline(draft, row)",
                )
                + "    incident =",
            ),
        ),
        case=case("escalate"),
        caught_as="lost",
    ),
    Bug(
        name="a silence is answered before it is on the disk",
        edits=(
            (
                "monitor/pipeline.py",
                "        self._vitals.decided += 1\n",
                _lines(
                    "        self._vitals.decided += 1",
                    "        if asked.answer is not None and not asked.answer.done():",
                    "            asked.answer.set_result(decision.about)",
                ),
            ),
        ),
        case=case(
            "silence",
            "record.begin@Silence",
            plans="record.begin@Silence:pause=1,record.commit@Silence:kill",
        ),
        caught_as="is gone",
    ),
    Bug(
        name="nobody asks before a retry whether it is still wanted",
        edits=(
            ("alerting/desk/wanted.py", "incident.acknowledgement is not None:", "incident.id is None:"),
            (
                "alerting/desk/people.py",
                "    messages.cancel(draft, incident.id, kinds, Reason.ACKNOWLEDGED, asked_for=False)\n",
                "",
            ),
            (
                "alerting/desk/people.py",
                "        messages.cancel(draft, incident.id, kinds, Reason.ACKNOWLEDGED, to=given.by)\n",
                "        pass\n",
            ),
        ),
        case=case("late_ack", words=("500",)),
        caught_as="page after ack",
    ),
    Bug(
        name="what may have arrived is taken for delivered",
        edits=(
            (
                "alerting/desk/receipts.py",
                "if receipt.state is NotificationState.AMBIGUOUS and row.kind in _REPEATED and (died",
                "if receipt.state is NotificationState.AMBIGUOUS and row.kind is None and (died",
            ),
        ),
        case=case("plain", words=("lose",)),
        caught_as="lost",
    ),
    Bug(
        name="a repeat does not say that it is one",
        edits=(
            (
                "alerting/desk/receipts.py",
                "repeated=row.repeated or _unsure(given.receipt),",
                "repeated=row.repeated,",
            ),
        ),
        case=case("taken", repeats=1),
        caught_as="unmarked",
    ),
)
