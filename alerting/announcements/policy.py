"""When customers hear of an outage, and by whose leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

APPROVE = None
"""A person has to approve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncePolicy:
    """How long after the incident opened the status page (`page`) and the customers' channels (`push`) tell it.

    Zero is `auto`; None waits for a person's approval.
    """

    page: timedelta | None = APPROVE
    push: timedelta | None = APPROVE
