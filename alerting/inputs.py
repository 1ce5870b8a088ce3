"""What can happen to the desk: the inputs of deciding, each one immutable value."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.announcements.announcement import AnnouncementState
from alerting.incidents.maintenance import PlannedWork
from alerting.notification import Receipt
from alerting.thresholds.verdict import Verdict
from alerting.tickets.terms import TicketClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdicts on one sample of `check`. `worked` is True when its target was up.

    `parts` are the parts the sample reported: an alert on a part that is gone is judged as good.
    """

    check: str
    at: datetime
    worked: bool
    verdicts: tuple[Verdict, ...]
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of an attempt to deliver."""

    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """What a former process left when it died: `notifications` may have arrived, `unsent` certainly have not.

    `left_as` has the keys of the messages in which they may have arrived, `tried` the numbers of their latest attempts
    where more were made than are recorded.
    """

    notifications: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()
    left_as: Mapping[str, str] = field(default_factory=dict)
    tried: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """It is time for the next outward heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """It is time to prove that a channel still delivers."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Look whether everything that is open has a next action, and mend what has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """A new plan is in force: what is no longer watched ends as unmonitored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Somebody is on it. `by` is a person's id, or None for a token without a person (the assignee stays).

    `step` is the escalation step whose page carried the link, empty where there was none.
    """

    incident: str
    by: str | None
    via: str
    lasting: timedelta | None = None
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """A person ends the incident, whatever the checks say."""

    incident: str
    by: str | None
    false_alarm: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """A person wants the next step now."""

    incident: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A person says that an incident is part of another one, and why."""

    incident: str
    into: str
    by: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A person says that alerts of an incident, or all of some checks, are another outage, and why."""

    incident: str
    by: str | None
    reason: str
    alerts: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSilence:
    """Mute what fits all matchers, until `ends_at`."""

    matchers: Mapping[str, str]
    author: str
    reason: str
    ends_at: datetime
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSilence:
    """End a silence now."""

    silence: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSilence:
    """Let a silence end at another time, or give it another reason. What is None stays."""

    silence: str
    by: str | None
    ends_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMaintenance:
    """Plan work."""

    work: PlannedWork


@dataclass(frozen=True, slots=True, kw_only=True)
class EndMaintenance:
    """End the window that goes on; without one, or where the `whole` is meant, no other follows."""

    maintenance: str
    by: str | None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendMaintenance:
    """Let the window that goes on, or the next one, end at another time."""

    maintenance: str
    by: str | None
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """A person opens a ticket of their own."""

    title: str
    ticket_class: TicketClass
    by: str | None
    service: str | None = None
    text: str = ""


class TicketAction(enum.Enum):
    """What people do with a ticket."""

    ACCEPT = "accept"
    START = "start"
    ASSIGN = "assign"
    CLASSIFY = "classify"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTicket:
    """One action on a ticket. `assignee` goes with ASSIGN, `ticket_class` and `note` (the reason) with CLASSIFY."""

    ticket: str
    action: TicketAction
    by: str | None
    assignee: str | None = None
    ticket_class: TicketClass | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A person approves an announcement, for the page and for the customers' channels."""

    announcement: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A person updates an announcement: words per language, state, times. What is None stays."""

    announcement: str
    by: str | None
    state: AnnouncementState | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    expected_recovery_at: datetime | None = None
    next_update_at: datetime | None = None


Input = (
    Judged
    | Received
    | Interrupted
    | Tick
    | Beat
    | SelfTest
    | Audit
    | Reloaded
    | Acknowledge
    | Resolve
    | Escalate
    | Merge
    | Split
    | AddSilence
    | EndSilence
    | ChangeSilence
    | AddMaintenance
    | EndMaintenance
    | ExtendMaintenance
    | OpenTicket
    | WorkTicket
    | Publish
    | Say
)


class Refusal(enum.Enum):
    """Why an input cannot be carried out."""

    UNKNOWN = "unknown"
    """What it names does not exist."""
    CONFLICT = "conflict"
    """It exists, but not in a state that allows this."""
    INVALID = "invalid"
    """The input itself makes no sense."""


class Refused(Exception):  # noqa: N818 - an answer to a person, not a fault
    """An input is not carried out; the message says why ("cannot acknowledge INC-1: it is over")."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        """Keep the kind of refusal for the surface that answers."""
        super().__init__(message)
        self.refusal = refusal
        self.message = message
