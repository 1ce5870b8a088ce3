"""SMPP 3.4 on the wire: packets of a head of 16 bytes and a body, as section 4 of its specification has them."""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from alerting.notifiers.reach import words

HEAD: Final = struct.Struct(">IIII")
"""Length of the whole packet, command, status, sequence number."""
LONGEST: Final = 4096
"""Largest packet that is read. Nothing a sender is told comes near it."""
VERSION: Final = 0x34
RESPONSE: Final = 0x80000000
"""The bit that tells an answer from its request."""
ID_LONGEST: Final = 64


class Command(enum.IntEnum):
    """What a packet is for; its answer has the same number with the highest bit set."""

    GENERIC_NACK = 0x80000000
    BIND_TRANSMITTER = 0x02
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    OUTBIND = 0x0B
    ENQUIRE_LINK = 0x15
    ALERT_NOTIFICATION = 0x102
    DATA_SM = 0x103


class Tag(enum.IntEnum):
    """Optional parameters: a long message in one packet, or as parts the centre numbers."""

    SAR_REFERENCE = 0x020C
    SAR_TOTAL = 0x020E
    SAR_NUMBER = 0x020F
    MESSAGE_PAYLOAD = 0x0424


class BadPdu(ValueError):  # noqa: N818 - names what was given
    """What was given is no SMPP packet, or cannot be put into one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One packet. `command` is a bare number: a centre may send what we have no name for."""

    command: int
    sequence: int
    status: int = 0
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the packet as it goes out."""
        return HEAD.pack(HEAD.size + len(self.body), self.command, self.status, self.sequence) + self.body

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the packet of which `raw` holds every byte and no more. Raise BadPdu."""
        rest = body_length(raw)
        if len(raw) != HEAD.size + rest:
            raise BadPdu("a packet of another length than it says")
        _, command, status, sequence = HEAD.unpack_from(raw)
        return cls(command=command, sequence=sequence, status=status, body=raw[HEAD.size :])

    @property
    def is_response(self) -> bool:
        """True for an answer, `generic_nack` included."""
        return bool(self.command & RESPONSE)

    def answers(self, request: Pdu) -> bool:
        """True when this is the answer to `request`. A nack may have lost the number of what it is about."""
        if self.command == Command.GENERIC_NACK:
            return self.sequence in (0, request.sequence)
        return self.command == request.command | RESPONSE and self.sequence == request.sequence

    def response(self, status: int = 0, body: bytes = b"") -> Pdu:
        """Return the answer to this request."""
        return Pdu(command=self.command | RESPONSE, sequence=self.sequence, status=status, body=body)


def body_length(head: bytes) -> int:
    """Return how many bytes follow the 16 of the head. Raise BadPdu where it is no length a packet can have."""
    if len(head) < HEAD.size:
        raise BadPdu("a packet without a head")
    length = int(HEAD.unpack_from(head)[0])
    if not HEAD.size <= length <= LONGEST:
        raise BadPdu(f"a packet of {length} bytes")
    return length - HEAD.size


def message_id(body: bytes) -> str:
    """Return the number the centre gave a message, from the body of its answer; empty where it gave none."""
    text, end, _ = body.partition(b"\0")
    return words(text.decode("ascii", "replace"), ID_LONGEST) if end else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """The log-in: who we are."""

    system_id: str
    password: str
    system_type: str = ""

    def encode(self) -> bytes:
        """Return the body of a bind of any kind. Raise BadPdu."""
        return b"".join(
            (
                octets(self.system_id),
                octets(self.password),
                octets(self.system_type),
                bytes((VERSION, 0, 0)),
                octets(""),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A number or a name, with its type (1 international, 5 letters) and numbering plan (1 telephone)."""

    ton: int
    npi: int
    text: str

    def encode(self) -> bytes:
        """Return the three fields. Raise BadPdu."""
        return bytes((self.ton, self.npi)) + octets(self.text, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One short message on its way out. `udh` says that `data` begins with a user data header."""

    source: Address
    destination: Address
    coding: int
    data: bytes
    udh: bool = False
    tags: Mapping[Tag, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the body of submit_sm. Raise BadPdu."""
        if len(self.data) > 254:
            raise BadPdu("a short message of more than 254 bytes")
        return b"".join(
            (
                octets(""),  # service type: the centre's default
                self.source.encode(),
                self.destination.encode(),
                bytes((0x40 if self.udh else 0, 0, 0)),  # class, protocol, priority
                octets("") * 2,  # deliver now, for as long as the centre keeps messages
                bytes((0, 0, self.coding, 0, len(self.data))),  # no report, no replacing
                self.data,
                *(struct.pack(">HH", tag, len(value)) + value for tag, value in self.tags.items()),
            )
        )


def octets(text: str, longest: int = 64) -> bytes:
    """Return `text` as a string that ends in a zero. Raise BadPdu; its words never hold `text`.

    The specification wants 8 characters of a password and 15 of a name; centres that give out longer ones exist.
    """
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise BadPdu("must be ASCII") from error
    if len(raw) > longest or b"\0" in raw:
        raise BadPdu(f"must be of at most {longest} characters, none of them zero")
    return raw + b"\0"
