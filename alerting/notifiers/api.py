"""What a notifier is: one frozen class per kind whose fields are its options, and one method that sends once.

A notifier knows nothing of incidents, policies or stores. It sends one finished message to one address and
reports what happened. It does not wait, retry or choose: that is delivery's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Protocol, TypeVar, runtime_checkable

from pydantic import ConfigDict, InstanceOf
from pydantic.json_schema import SkipJsonSchema

from alerting.notification import Kind, Reason
from alerting.severity import Severity

Held = TypeVar("Held")

OPTIONS: Final = ConfigDict(extra="forbid")
"""How every kind is decoded: an unknown option is refused."""

Hidden = Annotated[InstanceOf[Held], SkipJsonSchema()]
"""Annotation of a field that is no option: what a notifier keeps between sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A finished message. `address` is the person's own on this channel, empty where the channel is the destination.

    `text` is complete: acknowledgement link, code and command included. `ack_url` repeats the link for
    machines. `dedup_key` is passed on to the provider wherever it takes one.
    """

    id: str
    kind: Kind
    dedup_key: str
    to: str | None
    address: str
    title: str
    text: str
    at: datetime
    incident: str | None = None
    ticket: str | None = None
    ack_url: str | None = None
    severity: Severity = Severity.CRITICAL
    state: str = ""
    drill: bool = False
    services: tuple[str, ...] = ()
    expected_recovery_at: datetime | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Progress:
    """How far one attempt has come; the caller makes a fresh one for each and reads it when it cuts the attempt short.

    `sent` is set to True right before the provider may take the message: before the first byte of a request's
    body, before the final dot of a mail. Cut short while it is True, the attempt is ambiguous; while it is
    False, the provider has certainly not taken the message.

    `on_mark` is called once, before the first moment at which the provider might take the message without our being
    able to tell should we die: where `sent` becomes True, or earlier, where a notifier says so by `mark`.
    """

    on_mark: Callable[[], None] = _nothing
    _sent: bool = field(default=False, init=False)
    _marked: bool = field(default=False, init=False)

    @property
    def sent(self) -> bool:
        """True from the moment the provider may have taken the message."""
        return self._sent

    @sent.setter
    def sent(self, value: bool) -> None:
        if value:
            self.mark()
        self._sent = value

    def mark(self) -> None:
        """Say that from here on only we know how far it has come: whoever hands the message to another process does."""
        if not self._marked:
            self._marked = True
            self.on_mark()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the message. That says nothing of a person having read it."""

    provider_id: str = ""
    detail: str = ""


class DeliveryError(Exception):
    """The provider did not take the message.

    `retry` False means this message will never pass here. `ambiguous` True means the provider may have taken
    it: the answer was lost after the last byte left. `retry_after` is the provider's own wish.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason,
        retry: bool = True,
        ambiguous: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        """Keep what delivery decides by."""
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retry = retry
        self.ambiguous = ambiguous
        self.retry_after = retry_after


@runtime_checkable
class Notifier(Protocol):
    """A kind of notifier. Fields are options: annotations and defaults are the schema, the docstring the manual."""

    KIND: ClassVar[str]
    """The word in `notifier:`."""
    EXAMPLE: ClassVar[Mapping[str, object]]
    """Options of a working example, as they would stand in YAML."""

    @property
    def needs_address(self) -> bool:
        """True when the channel reaches a person by the address that person has on it."""
        ...

    def complaint(self) -> str | None:
        """What is wrong with the options, one line without secrets; None when nothing is.

        Cheap and offline, so that a bad URL is found when the configuration is read, not with the first page.
        """
        ...

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send once. Raise DeliveryError when the provider did not take it.

        The caller owns the deadline: it cancels us and learns from `progress` whether the message may have
        been taken.
        """
        ...

    async def close(self) -> None:
        """Give up sockets and processes."""
        ...


@runtime_checkable
class Warmable(Protocol):
    """A notifier that needs time to load: it may be asked to get ready when a page may be near."""

    def warm(self) -> None:
        """Get ready without waiting for it; cheap when it is ready. Raise DeliveryError where it cannot."""
        ...
