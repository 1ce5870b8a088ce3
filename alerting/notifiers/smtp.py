"""Sends notifications as mail through one SMTP server."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import ConfigDict, Field

from alerting.notification import Reason
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.mail import BadAddress, Mail, mailbox
from alerting.notifiers.reach import Trust, ca_complaint, cause, connect, hide, words
from probes.units import Duration

T = TypeVar("T")

PORTS: Final[Mapping[str, int]] = {"starttls": 587, "tls": 465, "none": 25}

SECRETIVE: Final = ("plain", "login", "cram-md5")
"""Ways to log in over TLS, the plainest first: no server there needs to keep passwords readable."""
OPEN: Final = ("cram-md5", "plain", "login")
"""Ways to log in without TLS: first the one that does not show the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """Sends each notification as a mail through an SMTP server, with the server's own reply codes as the receipt.

    A mail carries a `Message-ID` made of the notification's key, the same over all retries, so that mailboxes can
    drop repeats; `Auto-Submitted: auto-generated` keeps absence notes away. Without the encryption asked for
    nothing is sent, not even the login.

    host: the server.
    port: its port; 587 with `security: starttls`, 465 with `tls`, 25 with `none`.
    security: starttls (default), tls, or none for a relay on this machine.
    user: name to log in with; absent: no login.
    password: its password.
    from: the sender's address, `nb@shop.example` or `Nightbell <nb@shop.example>`.
    to: one mailbox that gets everything, such as a list of customers; absent: each person's own address.
    timeout: longest wait for each single answer of the server (default 10s).
    ca: PEM file of the certificates to believe instead of the system's.
    ehlo: the name this machine introduces itself by; default its host name.
    """

    KIND: ClassVar[str] = "smtp"
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "host": "smtp.shop.example",
        "user": "nb",
        "password": "a password",
        "from": "Nightbell <nb@shop.example>",
    }
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    from_: Annotated[str, Field(alias="from")]
    to: str | None = None
    timeout: Duration = timedelta(seconds=10)
    ca: str | None = None
    ehlo: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @property
    def needs_address(self) -> bool:
        """True where a mail goes to a person's own mailbox, not to the one of `to`."""
        return self.to is None

    def complaint(self) -> str | None:
        """Say what is wrong with host, sender, login or certificate file."""
        if not re.fullmatch(r"[^\s/@]+", self.host):
            return "host: must be the name or address of a server"
        for name, address in (("from", self.from_), ("to", self.to)):
            try:
                mailbox(address or self.from_)
            except BadAddress:
                return f"{name}: must be a mail address"
        if (self.user is None) != (self.password is None):
            return "user and password: give both or none"
        if self.ehlo is not None and not re.fullmatch(r"[\x21-\x7e]+", self.ehlo):
            return "ehlo: must be a host name"
        if self.timeout <= timedelta(0):
            return "timeout: must be longer than nothing"
        return ca_complaint(self.ca)

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send one mail to one mailbox over a connection of its own."""
        try:
            mail = Mail.compose(replace(message, address=self.to or message.address), sender=self.from_)
        except BadAddress as error:
            raise DeliveryError(f"cannot mail: {error}", reason=Reason.REFUSED, retry=False) from error
        return await _Session(self, progress).send(mail)

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""


class _Session:
    """One conversation with the server, step by step, so that each failure knows its verb.

    The deadlines are ours, not the library's: it keeps them with `asyncio.wait_for`, which can swallow the
    cancellation by which the caller ends us.
    """

    def __init__(self, smtp: Smtp, progress: Progress) -> None:
        import aiosmtplib

        self.smtp = smtp
        self.progress = progress
        self.verb = "the greeting"
        self.plain: socket.socket | None = None
        self.client = aiosmtplib.SMTP(
            hostname=smtp.host,
            timeout=None,
            local_hostname=smtp.ehlo or _own_name(),  # else the library asks the name server
            start_tls=False,  # not "if offered": we upgrade or give up
        )

    async def send(self, mail: Mail) -> Accepted:
        """Hold the conversation; nothing of it outlives us but the last words of a finished one."""
        try:
            with self._explained():
                accepted = await self._converse(mail)
        except BaseException:
            self._hang_up()
            raise
        if self.client.protocol is not None and self.client.is_connected:
            self.client.protocol.write(b"QUIT\r\n")  # politeness: the answer is not waited for
        self.client.close()
        return accepted

    def _hang_up(self) -> None:
        """End the connection at once, in whatever state it is; a TLS farewell would wait for the other side."""
        transport = self.client.transport
        self.client.close()
        if transport is not None:
            transport.abort()  # type: ignore[attr-defined] # a stream's transport has it
        if self.plain is not None:
            with suppress(OSError):
                self.plain.shutdown(socket.SHUT_RDWR)

    async def _converse(self, mail: Mail) -> Accepted:
        smtp, client = self.smtp, self.client
        context = await smtp.trust.load(smtp.ca) if smtp.security != "none" else None
        self.plain = await connect(smtp.host, smtp.port or PORTS[smtp.security])
        implicit = smtp.security == "tls"
        await self._at("the greeting", client.connect(sock=self.plain, use_tls=implicit, tls_context=context))
        await self._at("EHLO", client.ehlo())
        if smtp.security == "starttls":
            if not client.supports_extension("starttls"):
                raise self._failed("the server offers no STARTTLS; nothing was sent in the clear", Reason.TLS)
            await self._at("STARTTLS", client.starttls(tls_context=context))
            await self._at("EHLO", client.ehlo())
        await self._log_in()
        if mail.needs_utf8 and not client.supports_extension("smtputf8"):
            raise self._failed("the server takes no address in other than ASCII", Reason.REFUSED, retry=False)
        encoding, options = ("utf-8", ["SMTPUTF8"]) if mail.needs_utf8 else ("ascii", [])
        content = mail.content()
        if client.supports_extension("size"):
            options.append(f"SIZE={len(content)}")
        await self._at("MAIL", client.mail(mail.sender, options=options, encoding=encoding))
        await self._at("RCPT", client.rcpt(mail.recipient, encoding=encoding))
        go_on = await self._at("DATA", client.execute_command(b"DATA"))
        if go_on.code != 354:
            raise self._refused(go_on.code, go_on.message)
        return await self._hand_over(content)

    async def _hand_over(self, content: bytes) -> Accepted:
        protocol = self.client.protocol
        if protocol is None:
            raise self._failed("the connection was closed", Reason.CONNECT)
        self.progress.sent = True
        protocol.write(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        reply = await self._at("the end of the mail", protocol.read_response())
        if reply.code != 250:
            raise self._refused(reply.code, reply.message)
        return Accepted(provider_id=_queue_number(reply.message), detail=words(f"250 {reply.message}"))

    async def _log_in(self) -> None:
        """Log in once, by one method: a second guess with the same password counts towards a lock-out."""
        smtp, client = self.smtp, self.client
        if smtp.user is None:
            return
        wanted = OPEN if smtp.security == "none" else SECRETIVE
        offered = [method for method in wanted if method in client.server_auth_methods]
        if not offered:
            raise self._failed("the server offers no login we know", Reason.AUTH, retry=False)
        method = getattr(client, "auth_" + offered[0].replace("-", ""))
        await self._at("AUTH", method(smtp.user, smtp.password or ""))

    async def _at(self, verb: str, step: Awaitable[T]) -> T:
        self.verb = verb
        async with asyncio.timeout(self.smtp.timeout.total_seconds()):
            return await step

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say every error of the library in our words: its own may hold what was sent."""
        import aiosmtplib

        try:
            yield
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(error.code, error.message) from None
        except ssl.SSLError as error:
            raise self._failed(cause(error), Reason.TLS) from None
        except TimeoutError:
            raise self._failed("no answer in time", Reason.TIMEOUT) from None
        except OSError as error:  # with aiosmtplib.SMTPServerDisconnected and SMTPConnectError
            if isinstance(error.__cause__, ssl.SSLError):
                raise self._failed(cause(error.__cause__), Reason.TLS) from None
            raise self._failed("the connection was closed", Reason.CONNECT) from None
        except (aiosmtplib.SMTPException, ValueError) as error:
            raise self._failed(type(error).__name__, Reason.PROTOCOL) from None

    def _failed(self, why: str, reason: Reason, *, retry: bool = True) -> DeliveryError:
        return DeliveryError(
            f"cannot mail by {self.smtp.host}: at {self.verb}: {why}",
            reason=reason,
            retry=retry,
            ambiguous=self.progress.sent,
        )

    def _refused(self, code: int, said: str) -> DeliveryError:
        """Class a reply: 4xx may pass later, 5xx never; what is neither leaves the mail's fate open."""
        told = hide(words(f"{code} {said}"), self.smtp.password)
        if not 400 <= code <= 599:
            return self._failed(f"answer out of place: {told}", Reason.PROTOCOL)
        later = code < 500
        if self.verb == "STARTTLS":
            reason = Reason.TLS
        elif self.verb == "AUTH" or code in (530, 534, 535, 538):
            reason = Reason.AUTH
        else:
            reason = Reason.SERVER if later else Reason.REFUSED
        return DeliveryError(
            f"cannot mail by {self.smtp.host}: at {self.verb}: {told}",
            reason=reason,
            retry=later or self.verb == "STARTTLS",
        )


def _own_name() -> str:
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]+", name) else "localhost"


def _queue_number(reply: str) -> str:
    """Return the number under which the server queued the mail, where it tells: `queued as 4F0C…`, `OK id=1xWV…`."""
    found = re.search(r"(?:queued as |\bid=)<?([\w.-]{1,100})", reply)
    return found[1] if found else ""
