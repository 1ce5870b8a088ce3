"""What may be posted: one model per action. Unknown keys are refused, every string and list is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from alerting.announcements.announcement import AnnouncementState
from alerting.tickets.terms import TicketClass
from probes.units import Duration


def _printable(text: str) -> str:
    if any((letter < " " and letter not in "\n\t") or letter == "\x7f" for letter in text):
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise ValueError("must be one line without control characters")
    return text


def _word(given: Any) -> Any:
    if not isinstance(given, str | datetime):
        raise ValueError("must be a time like 2027-01-04T08:00:00Z")  # noqa: TRY004 - pydantic collects ValueErrors
    return given


def _utc(at: datetime) -> datetime:
    if not 1970 <= at.year <= 9990:
        raise ValueError("lies outside the years 1970 to 9990")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_word), AfterValidator(_utc)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_printable)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8}){0,2}\z")]


class Body(BaseModel):
    """A posted object. `by` is the id of the person who acts; without it the token acts for nobody."""

    model_config = ConfigDict(extra="forbid", defer_build=True, populate_by_name=True)

    by: Id | None = None


class Acknowledgement(Body):
    """I am on it, for so long (`2h`; without it as long as configured)."""

    lasting: Duration | None = None
    via: Literal["api", "cli", "console", "sms"] = "api"


class Resolution(Body):
    """It is over, by a person's word."""

    false_alarm: StrictBool = False
    note: Text = ""


class Plain(Body):
    """Nothing but who acts."""


class Merging(Body):
    """Which incident it is part of, and why."""

    into: Id
    reason: Line


class Splitting(Body):
    """Which alerts are another outage, by their ids or their checks, and why."""

    alerts: Annotated[list[Id], Field(max_length=1000)] = []
    checks: Annotated[list[Id], Field(max_length=1000)] = []
    reason: Line


class NewTicket(Body):
    """A ticket of a person's own."""

    title: Line
    ticket_class: TicketClass = Field(default=TicketClass.GENERAL, alias="class")
    service: Id | None = None
    text: Text = ""


class Work(Body):
    """One action on a ticket, with a note for its timeline."""

    note: Text = ""


class Assignment(Work):
    """Whose ticket it is from now on."""

    assignee: Id


class Classification(Work):
    """Its new class, with the reason in `note`."""

    ticket_class: TicketClass = Field(alias="class")


def _bounded(lasting: timedelta | None) -> None:
    if lasting is not None and not timedelta(0) < lasting <= timedelta(days=3650):
        raise ValueError("lasting must be more than nothing and at most ten years")


class NewSilence(Body):
    """Mute what fits all matchers until `ends_at`, or for as long as `lasting` says."""

    matchers: dict[Id, Line] = Field(min_length=1, max_length=20)
    author: Line | None = None
    reason: Line
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    lasting: Duration | None = None

    @model_validator(mode="after")
    def _one_end(self) -> NewSilence:
        if (self.ends_at is None) == (self.lasting is None):
            raise ValueError("give either ends_at or lasting")
        _bounded(self.lasting)
        return self


class SilenceChange(Body):
    """Another end (at a time, or so long from now), or another reason. What is not given stays."""

    reason: Line | None = None
    ends_at: Instant | None = None
    lasting: Duration | None = None

    @model_validator(mode="after")
    def _something(self) -> SilenceChange:
        if self.ends_at is not None and self.lasting is not None:
            raise ValueError("give either ends_at or lasting")
        if self.reason is None and self.ends_at is None and self.lasting is None:
            raise ValueError("give reason, ends_at or lasting")
        _bounded(self.lasting)
        return self


class SilencePreview(Body):
    """Matchers of a silence that is not made yet."""

    matchers: dict[Id, Line] = Field(min_length=1, max_length=20)


class NewMaintenance(Body):
    """Work on `services` or `checks` from `starts_at` (now) on, until `ends_at` or for as long as `lasting` says.

    `every` (whole days) has it recur by the wall clock of `timezone`, else the site's. `announce` is how long ahead
    customers hear of it; false for never.
    """

    services: list[Id] = Field(default_factory=list, max_length=1000)
    checks: list[Id] = Field(default_factory=list, max_length=1000)
    author: Line | None = None
    reason: Line
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    lasting: Duration | None = None
    every: Duration | None = None
    timezone: Line | None = None
    dependents: StrictBool = False
    announce: Literal[False] | Duration = timedelta(hours=24)

    @model_validator(mode="after")
    def _one_end(self) -> NewMaintenance:
        if (self.ends_at is None) == (self.lasting is None):
            raise ValueError("give either ends_at or lasting")
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (OSError, ValueError, LookupError):
                raise ValueError("timezone must be a place like Europe/Berlin") from None
        _bounded(self.lasting)
        _bounded(self.every)
        if self.announce is not False and not timedelta(0) <= self.announce <= timedelta(days=60):
            raise ValueError("announce must be false, or between 0s and 60d")
        return self


class MaintenanceEnd(Body):
    """The window that goes on, or (`whole`) all that is planned."""

    whole: StrictBool = False


class MaintenanceExtension(Body):
    """Another end of the window that goes on, or of the next one: at a time, or so long from now."""

    ends_at: Instant | None = None
    lasting: Duration | None = None

    @model_validator(mode="after")
    def _one_end(self) -> MaintenanceExtension:
        if (self.ends_at is None) == (self.lasting is None):
            raise ValueError("give either ends_at or lasting")
        _bounded(self.lasting)
        return self


class Words(Body):
    """The next word to customers. What is not given stays."""

    state: AnnouncementState | None = None
    text: dict[Language, Text] = Field(default_factory=dict, max_length=20)
    expected_recovery_at: Instant | None = None
    next_update_at: Instant | None = None


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    role: Literal["viewer", "operator", "admin"]


class ChannelTest(Body):
    """Whom to send the test message to; None where the channel itself is the destination."""

    to: Id | None = None
