"""Sends notifications as short messages through an SMS centre that speaks SMPP 3.4."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import ConfigDict, Field

from alerting.notification import Reason
from alerting.notifiers import smpp_text
from alerting.notifiers.api import OPTIONS, Accepted, DeliveryError, Hidden, Message, Progress
from alerting.notifiers.reach import Trust, ca_complaint, words
from alerting.notifiers.smpp_pdu import Address, BadPdu, Bind, Command, Submit, Tag, octets
from alerting.notifiers.smpp_session import Session

PORT: Final = 2775
TLS_PORT: Final = 3550
TITLE_LONGEST: Final = 100
"""The title stands before the link: it must leave room for it."""
BINDS: Final[Mapping[str, Command]] = {
    "transmitter": Command.BIND_TRANSMITTER,
    "transceiver": Command.BIND_TRANSCEIVER,
}

Byte = Annotated[int, Field(ge=0, le=255)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smpp:
    """Sends each notification as a short message through an SMS centre, with the centre's own answer as the receipt.

    A text whose every character GSM's alphabet has goes out in that, any other (Chinese) as UCS-2. A long one is
    sent in parts that the phone joins: 153 characters each, or 67 in UCS-2. Title and acknowledgement link stand
    first; what does not fit into `parts` is cut off. Taken means that the centre took every part. A connection is
    made for each message: give the channel `parallel: 1` where the account allows only one at a time. With
    `tls: true` nothing is sent, not even the login, unless the centre's certificate is good.

    host: the centre.
    port: its port; 2775, with `tls: true` 3550.
    user: the account (`system_id`).
    password: its password.
    system_type: what some centres want beside it.
    bind: transmitter (default), or transceiver where the centre knows no other.
    from: the sender, a number (`+8610…`, a short code) or up to 11 letters; absent: the centre's own.
    to: one number that gets everything; absent: each person's own on this channel.
    from_ton: type of the sender's address; absent: 1 (international) after a `+`, 0 for other digits, 5 for letters.
    from_npi: numbering plan of the sender's address; absent: 1 for numbers, 0 for letters.
    to_ton: type of the receiver's address; absent: 1 after a `+`, else 0.
    to_npi: numbering plan of the receiver's address (default 1).
    alphabet: gsm (default), or ucs2 for every text: right where `_` or `@` arrive as something else.
    joined: how the parts of a long text are joined: udh (default) by a header in each part, sar by parameters of the
        centre's, payload to leave the cutting to the centre.
    parts: into how many parts a text is cut at most (default 6).
    tls: true to encrypt (default false).
    ca: PEM file of the certificates to believe instead of the system's.
    """

    KIND: ClassVar[str] = "smpp"
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "host": "smsc.example.net",
        "user": "nb",
        "password": "a password",
        "from": "+861069000000",
        "tls": True,
    }
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    bind: Literal["transmitter", "transceiver"] = "transmitter"
    from_: Annotated[str, Field(alias="from")] = ""
    to: str | None = None
    from_ton: Byte | None = None
    from_npi: Byte | None = None
    to_ton: Byte | None = None
    to_npi: Byte | None = None
    alphabet: Literal["gsm", "ucs2"] = "gsm"
    joined: Literal["udh", "sar", "payload"] = "udh"
    parts: Annotated[int, Field(ge=1, le=20)] = 6
    tls: bool = False
    ca: str | None = None
    trust: Hidden[Trust] = field(default_factory=Trust, init=False, repr=False, compare=False)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the notifier that Apprise's `smpp://user:password@host:port/from/to` stands for; `smpps` means TLS.

        `{address}` as `to` stands for each person's own number. Raise ValueError with a complaint that holds no
        secret; whatever stands in the query is left aside.
        """
        try:
            url_parts = urlsplit(url)
            port = url_parts.port
        except ValueError:
            raise ValueError("cannot be read as a URL") from None
        if url_parts.scheme not in ("smpp", "smpps"):
            raise ValueError("must begin with smpp:// or smpps://")
        path = [unquote(step) for step in url_parts.path.split("/") if step]
        if len(path) != 2:
            raise ValueError("must name the sender and one receiver: smpp://user:password@host/from/to")
        made = cls(
            host=url_parts.hostname or "",
            port=port,
            user=unquote(url_parts.username or ""),
            password=unquote(url_parts.password or ""),
            from_=path[0],
            to=None if path[1] == "{address}" else path[1],
            tls=url_parts.scheme == "smpps",
        )
        if (complaint := made.complaint()) is not None:
            raise ValueError(complaint)
        return made

    @property
    def needs_address(self) -> bool:
        """True unless one number gets everything."""
        return self.to is None

    def complaint(self) -> str | None:
        """Say what is wrong with host, login, addresses or certificate file."""
        if not re.fullmatch(r"[^\s/@]+", self.host):
            return "host: must be the name or address of a server"
        if not self.user:
            return "user: must name the account"
        login = {"user": self.user, "password": self.password, "system_type": self.system_type}
        for name, value in login.items():
            try:
                octets(value)
            except BadPdu as error:
                return f"{name}: {error}"
        try:
            self.source()
            if self.to is not None:
                self.destination(self.to)
        except BadPdu as error:
            return str(error)
        if self.ca is not None and not self.tls:
            return "ca: is of use with `tls: true` only"
        return ca_complaint(self.ca)

    def source(self) -> Address:
        """Return the sender. Raise BadPdu."""
        text = (
            re.sub(r"[\s().-]", "", self.from_) if re.fullmatch(r"[+\d\s().-]*", self.from_) else self.from_
        )
        if not re.fullmatch(r"\+?[0-9]{0,20}|[\x20-\x7e]{1,11}", text):
            raise BadPdu("from: must be a number, or up to 11 letters")
        ton, npi = (
            (1, 1) if text.startswith("+") else (0, 1) if text.isdigit() else (5, 0) if text else (0, 0)
        )
        return _address(text, (self.from_ton, ton), (self.from_npi, npi))

    def destination(self, number: str) -> Address:
        """Return the receiver. Raise BadPdu."""
        text = re.sub(r"[\s().-]", "", number)
        if not re.fullmatch(r"\+?[0-9]{3,20}", text):
            raise BadPdu(f"to: {words(number, 40)!r} is no telephone number")
        return _address(text, (self.to_ton, 1 if text.startswith("+") else 0), (self.to_npi, 1))

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Send one text to one number over a connection of its own."""
        try:
            submits = self._submits(message)
        except BadPdu as error:
            raise DeliveryError(
                f"cannot send by {self.host}: {error}", reason=Reason.REFUSED, retry=False
            ) from error
        context = await self.trust.load(self.ca) if self.tls else None
        session = Session(
            host=self.host, port=self.port or (TLS_PORT if self.tls else PORT), progress=progress
        )
        login = Bind(system_id=self.user, password=self.password, system_type=self.system_type)
        return await session.send(submits, context=context, command=BINDS[self.bind], login=login)

    async def close(self) -> None:
        """Nothing to give up: each send closes its own connection."""

    def _submits(self, message: Message) -> list[bytes]:
        """Return the bodies that carry `message`, in order."""
        text = f"{words(message.title, TITLE_LONGEST)}\n{message.text}"
        cut = smpp_text.split(text, most=self.parts, ucs2=self.alphabet == "ucs2")
        reference, total = cut.reference(message.dedup_key), len(cut.parts)
        source, destination = self.source(), self.destination(self.to or message.address)

        def submit(data: bytes, tags: Mapping[Tag, bytes], *, udh: bool = False) -> bytes:
            return Submit(
                source=source, destination=destination, coding=cut.coding, data=data, udh=udh, tags=tags
            ).encode()

        if total == 1:
            return [submit(cut.parts[0], {})]
        if self.joined == "payload":
            return [submit(b"", {Tag.MESSAGE_PAYLOAD: b"".join(cut.parts)})]
        if self.joined == "sar":
            return [
                submit(
                    data,
                    {
                        Tag.SAR_REFERENCE: reference.to_bytes(2, "big"),
                        Tag.SAR_TOTAL: bytes((total,)),
                        Tag.SAR_NUMBER: bytes((number,)),
                    },
                )
                for number, data in enumerate(cut.parts, 1)
            ]
        header = bytes((5, 0, 3, reference & 0xFF, total))
        return [
            submit(header + bytes((number,)) + data, {}, udh=True) for number, data in enumerate(cut.parts, 1)
        ]


def _address(text: str, ton: tuple[int | None, int], npi: tuple[int | None, int]) -> Address:
    """Return the address with the type and plan that were asked for, else with those that its look gives."""
    chosen = [asked if asked is not None else own for asked, own in (ton, npi)]
    return Address(ton=chosen[0], npi=chosen[1], text=text.removeprefix("+"))
