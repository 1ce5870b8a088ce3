"""What the reference model keeps: plain, changeable objects. Nothing here is taken from the code it judges."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.oncall.policy import Step
from alerting.plan import Plan
from alerting.severity import Severity
from alerting.thresholds.threshold import Threshold

ALIVE = ("pending", "sending")


class No(Exception):
    """The model refuses what a person asked."""


@dataclass(slots=True, eq=False)
class Alarm:
    """One threshold on one series. `state` is ok, pending, firing or recovering."""

    key: str
    check: str
    threshold: Threshold
    part: str
    state: str = "ok"
    severity: Severity = Severity.INFO
    since: dict[Severity, datetime] = field(default_factory=dict)
    bads: int = 0
    goods: int = 0
    good_since: datetime | None = None
    incident: str | None = None
    error: str = ""
    symptom_of: str = ""
    held_at: datetime | None = None
    held_until: datetime | None = None
    awaits: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.state in ("firing", "recovering")


@dataclass(slots=True, eq=False)
class Ladder:
    """An incident's way through its policy, on a stopwatch that is held while the incident recovers."""

    steps: tuple[Step, ...]
    repeat: timedelta
    base: datetime
    due: datetime | None
    turn: int = 1
    place: int = 0
    held_at: datetime | None = None
    told: list[str] = field(default_factory=list)
    nobody: bool = False

    def clock(self, now: datetime) -> datetime:
        """What the stopwatch shows."""
        return self.held_at or now


@dataclass(slots=True, eq=False)
class Outage:
    """An incident. `state` is open, recovering, resolved or closed."""

    id: str
    group: str
    services: tuple[str, ...]
    severity: Severity
    cause: str
    host: str
    owner: str | None
    policy: str | None
    opened: datetime
    state: str = "open"
    opening: int = 1
    quiet: bool = False
    acked_by: str | None = None
    acked_until: datetime | None = None
    reminded: datetime | None = None
    resolved: datetime | None = None
    reason: str | None = None
    ticket: str | None = None
    ladder: Ladder | None = None
    first_turn: int = 1
    """The round of paging with which this opening began."""
    suffered: bool = False
    """True once it has had symptoms."""
    cleared: datetime | None = None
    """Since when nothing critical of its own is left."""
    into: str | None = None
    """What it was merged into."""
    turns: list[datetime] = field(default_factory=list)
    """When it became bad, or good."""
    flaps: bool = False

    @property
    def active(self) -> bool:
        return self.state in ("open", "recovering")

    @property
    def acked(self) -> bool:
        return self.acked_until is not None


@dataclass(slots=True, eq=False)
class Work:
    """A ticket."""

    id: str
    cls: str
    incident: str | None
    service: str | None
    assignee: str | None
    opened: datetime
    remind_at: datetime
    respond_by: datetime
    resolve_by: datetime
    state: str = "new"
    responded: datetime | None = None
    resolved: datetime | None = None
    reminded: bool = False
    warned: bool = False
    breached: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return self.state in ("new", "accepted", "in_progress")


@dataclass(slots=True, eq=False)
class Mute:
    """A silence."""

    id: str
    matchers: dict[str, str]
    starts: datetime
    ends: datetime
    author: str = ""
    warned: bool = False


@dataclass(slots=True, eq=False)
class Mail:
    """A message to one person on one channel. `rest` are the channels that come after this one."""

    kind: str
    about: str
    word: str
    to: str
    channel: str
    rest: tuple[str, ...]
    created: datetime
    not_before: datetime
    not_after: datetime
    incident: str | None
    ticket: str | None
    by_hand: bool = False
    bundle: Mail | None = None
    """The first of those it leaves with, maybe itself."""
    until: datetime | None = None
    """When that collection leaves; None for what never waited for others."""
    state: str = "pending"
    attempts: int = 0
    tried: timedelta = timedelta(0)
    """How long those before it were tried in vain on that channel; once it is called off, with itself."""
    lost: bool = False
    """True where its channel reaches nobody any more."""
    moved: bool = False
    repeated: bool = False
    number: int = 0
    """Its place among all."""
    forgotten: bool = False
    """True once its incident has left and nothing is to come of it."""

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def due(self) -> datetime:
        """When it was to leave first."""
        return self.until or self.created

    @property
    def key(self) -> tuple[str, str, str, str, str, datetime]:
        return (self.kind, self.about, self.word, self.to, self.channel, self.created)


@dataclass(slots=True, eq=False)
class Book:
    """All of it, with the moment and the plan in force."""

    now: datetime
    plan: Plan
    proven: set[str] = field(default_factory=set)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    """Those not closed."""
    tickets: dict[str, Work] = field(default_factory=dict)
    """Those not closed."""
    mutes: dict[str, Mute] = field(default_factory=dict)
    mails: dict[str, list[Mail]] = field(default_factory=dict)
    """By incident, else by ticket; of those not closed, and what is alive."""
    numbers: dict[str, int] = field(default_factory=dict)
    felt: dict[str, bool] = field(default_factory=dict)
    """By incident, whether customers feel it now."""
    grave: dict[str, bool] = field(default_factory=dict)
    """By incident, whether it is as bad for them as to be announced."""
    eased: dict[str, datetime] = field(default_factory=dict)
    """By incident, when it last ceased to be so."""
    fresh: list[Mail] = field(default_factory=list)
    """What this input has added."""
    touched: dict[int, object] = field(default_factory=dict)
    """What this input may have changed, by identity."""

    def number(self, prefix: str) -> str:
        """Return the next number."""
        self.numbers[prefix] = self.numbers.get(prefix, 0) + 1
        return f"{prefix}-{self.numbers[prefix]}"

    def count(self) -> int:
        """Return the place of the next message among all."""
        self.numbers["mail"] = self.numbers.get("mail", 0) + 1
        return self.numbers["mail"]

    def touch(self, thing: object) -> None:
        """Remember that something may have changed."""
        self.touched[id(thing)] = thing

    def alarms_of(self, outage: Outage) -> list[Alarm]:
        """Return the alarms of an incident that are not over, but for its symptoms."""
        return [one for one in self._of(outage) if not one.symptom_of]

    def symptoms_of(self, outage: Outage) -> list[Alarm]:
        """Return the symptoms of an incident that are not over."""
        return [one for one in self._of(outage) if one.symptom_of]

    def _of(self, outage: Outage) -> list[Alarm]:
        return [one for one in self.alarms.values() if one.incident == outage.id and one.active]

    def mails_of(self, outage: Outage) -> list[Mail]:
        """Return all that was ever sent about an incident."""
        return self.mails.get(outage.id, [])
