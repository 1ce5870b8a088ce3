"""A notification: one message to one destination, on its way through the outbox."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.severity import Severity


class Kind(enum.Enum):
    """What a notification is for."""

    PAGE = "page"
    RECOVERY = "recovery"
    TICKET = "ticket"
    ANNOUNCEMENT = "announcement"
    REMINDER = "reminder"
    HANDOVER = "handover"
    FOLLOWUP = "followup"
    HEARTBEAT = "heartbeat"
    """Tells somebody outside that all is well: when these stop, they raise the alarm."""


class NotificationState(enum.Enum):
    """Where it is. Only `PENDING` and `SENDING` are alive."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def alive(self) -> bool:
        """True while a send may still happen."""
        return self in (NotificationState.PENDING, NotificationState.SENDING)


class Reason(enum.Enum):
    """Why an attempt to deliver did not succeed, or why none was made."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    PROTOCOL = "protocol"
    CONFIG = "config"
    INTERNAL = "internal"
    ACKNOWLEDGED = "acknowledged"
    OVER = "over"
    TOO_LATE = "too_late"
    INTERRUPTED = "interrupted"
    NO_ADDRESS = "no_address"
    RELAPSED = "relapsed"
    SILENCED = "silenced"
    UNMONITORED = "unmonitored"
    REPLACED = "replaced"
    """A newer message says it better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one destination.

    `to` is a person's id, or None when the channel itself is the destination. `by` lists the channels that
    come after `channel` when it fails. `dedup_key` is the notification's own and never changes over retries
    and restarts. `texts` holds the words per language where customers read them; `step` names the escalation
    step ("round.step") a page belongs to. Times are UTC.
    """

    id: str
    kind: Kind
    dedup_key: str
    channel: str
    to: str | None
    title: str
    text: str
    created_at: datetime
    not_before: datetime
    not_after: datetime
    incident: str | None = None
    opened_at: datetime | None = None
    """When its incident was opened: with its number that names one outage, even if the number is given again."""
    ticket: str | None = None
    announcement: str | None = None
    step: str = ""
    by: tuple[str, ...] = ()
    severity: Severity = Severity.CRITICAL
    services: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    expected_recovery_at: datetime | None = None
    about: str = ""
    """State of what it is about (incident or announcement state), for machines that read it."""
    state: NotificationState = NotificationState.PENDING
    attempts: int = 0
    reason: Reason | None = None
    detail: str = ""
    tried_for: timedelta = timedelta(0)
    """How long the pages before it were tried in vain on that channel; once it is called off, with itself."""
    moved_on: bool = False
    """True once the next channel was asked because this one did not deliver in time."""
    repeated: bool = False
    """True where an earlier attempt may have arrived already: the words say so."""
    left_as: str = ""
    """The key of the message in which it may have arrived: with a bundle that is another's. A repeat keeps it."""
    bundle: str = ""
    """Names the collection it leaves with: pages to one person on one channel that share it go out as one message."""
    bundle_until: datetime | None = None
    """When that collection leaves; None for what never waited for others."""
    by_hand: bool = False
    """True where a person asked for this page: it leaves although somebody has acknowledged, or it is muted."""

    @property
    def place(self) -> tuple[int, str]:
        """Its place among all, by its number: no clock that is set back changes that."""
        return len(self.id), self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of one attempt to deliver: the new state of the notification and why.

    `PENDING` means: failed for now, tried again not before `retry_at`. `detail` is the provider's own
    words, bounded and without secrets; `provider_id` its number for the message where it gives one.
    """

    notification: str
    attempt: int
    state: NotificationState
    at: datetime
    reason: Reason | None = None
    detail: str = ""
    provider_id: str = ""
    retry_at: datetime | None = None
    left_as: str = ""
    """The key of the message, where it may have arrived."""
