"""Landmarks: the moments in the daemon's life at which a crash, a pause or an error matters most.

Each is told to the interpreter's audit hooks (`sys.audit`), which costs next to nothing where nobody listens. The
daemon never listens itself; what is known of its behaviour when it dies at a landmark is known from tests that do.
"""

from __future__ import annotations

import enum
import sys
from typing import Final

EVENT: Final = "nightbell.landmark"
"""The audit event; its arguments are the landmark's word and a detail."""


class Landmark(enum.Enum):
    """A moment. Its detail stands behind the dash."""

    SAMPLE_JUDGED = "sample.judged"  # the check's name; nothing decided yet
    INPUT_TAKEN = "input.taken"  # the type of the input; not decided yet
    DECIDED = "decided"  # the type of the input; not recorded yet
    RECORD_BEGIN = "record.begin"  # the types of records, comma-separated; nothing written yet
    RECORD_COMMIT = "record.commit"  # the same; written, not committed
    RECORD_DONE = "record.done"  # the same; on the disk, nobody told yet
    CLAIM_DONE = "claim.done"  # how many; the claim is on the disk, nothing sent
    SEND_BEGIN = "send.begin"  # the kind of notification; before anything goes to the provider
    SEND_MARKED = "send.marked"  # the kind; the provider may take it from here on
    SEND_DONE = "send.done"  # the kind; the outcome is known, nothing booked
    RECEIPT_DONE = "receipt.done"  # the new state; the receipt is on the disk
    ANSWER_BEGIN = "answer.begin"  # the type of the input; recorded, whoever asked not told yet
    TAKE_OVER = "take_over"  # how many interrupted sends a start has found
    MIGRATE = "migrate"  # the version found, or "new"; before the schema is changed
    RELOAD = "reload"  # before the new configuration is swapped in


def reached(landmark: Landmark, detail: str = "") -> None:
    """Say that the daemon is there."""
    sys.audit(EVENT, landmark.value, detail)
